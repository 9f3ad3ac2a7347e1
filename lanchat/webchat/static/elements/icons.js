/** The symbols of the page, drawn with lines in the colour of the text. What they mean is said in words, too. */
import { html } from "../vendor/preact.js";

const PATHS = {
    attach: "M19 11l-7.5 7.5a4.5 4.5 0 0 1-6.5-6.5L13 4a3 3 0 0 1 4.5 4.5l-8 8a1.5 1.5 0 0 1-2.5-2l7-7",
    away: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    close: "M6 6l12 12M18 6L6 18",
    down: "M12 5v13M6 12l6 6l6-6",
    everyone: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c5 5 5 13 0 18c-5-5-5-13 0-18z",
    file: "M6 3h8l4 4v14H6zM14 3v4h4",
    info: "M9 4.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7zM2.5 19.5c.5-4 3-6 6.5-6s6 2 6.5 6M15.5 5a3.5 3.5 0 0 1 0 6"
        + "M19 14q2 2 2.5 5.5",
    menu: "M4 7h16M4 12h16M4 17h16",
    lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    more: "M5 12h.01M12 12h.01M19 12h.01",
    muted: "M6 17V11a6 6 0 0 1 9-5M18 11v6M4 17h13M10 20h4M4 4l16 16",
    plus: "M12 5v14M5 12h14",
    react: "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 0 0 0-17zM8.5 14c1.5 3 5.5 3 7 0M9 9.5v.01M15 9.5v.01",
    reply: "M10 6L4 12l6 6M4 12h9c4 0 7 2 7 7",
    search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.5 16.5L21 21",
    send: "M4 12L20 4l-5 16l-4-7z",
    settings:
        "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
    warning: "M12 4L2.5 20h19zM12 10v5M12 17.5v.01",
};

/**
 * A symbol as an image that screen readers skip.
 * @param {{ name: keyof typeof PATHS }} props
 */
export function Icon({ name }) {
    return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** The sign of lanchat, as in icon.svg, as decoration. */
export function Logo() {
    return html`<svg class="logo" width="56" height="56" viewBox="0 0 64 64" aria-hidden="true">
        <rect width="64" height="64" rx="15" fill="#0b6b66" />
        <path fill="#fff" d="M17 15h30a6 6 0 0 1 6 6v17a6 6 0 0 1-6 6H31l-10 9v-9h-4a6 6 0 0 1-6-6V21a6 6 0 0 1 6-6z" />
        <path fill="none" stroke="#0b6b66" stroke-width="4.5" stroke-linecap="round" d="M19 32c4.3-5 8.7-5 13 0s8.7 5 13 0" />
    </svg>`;
}
