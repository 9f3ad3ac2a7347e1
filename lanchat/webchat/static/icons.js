/** The symbols of the page, drawn with lines in the colour of the text. What they mean is said in words, too. */
import { html } from "./vendor/preact.js";

const PATHS = {
    away: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    close: "M6 6l12 12M18 6L6 18",
    everyone: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c5 5 5 13 0 18c-5-5-5-13 0-18z",
    menu: "M4 7h16M4 12h16M4 17h16",
    lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    more: "M5 12h.01M12 12h.01M19 12h.01",
    muted: "M6 17V11a6 6 0 0 1 9-5M18 11v6M4 17h13M10 20h4M4 4l16 16",
    plus: "M12 5v14M5 12h14",
    search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.5 16.5L21 21",
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
