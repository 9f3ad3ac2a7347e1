/** The symbols of the conversation's buttons, drawn with lines in the colour of the text. Screen readers skip them. */

import { html } from "./vendor/preact.js";

const PATHS = {
    down: "M12 5v13M6 12l6 6l6-6",
    info: "M9 4.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7zM2.5 19.5c.5-4 3-6 6.5-6s6 2 6.5 6M15.5 4.8a3.5 3.5 0 0 1 0 6.4M18 13.8c2 .8 3.2 2.7 3.5 5.7",
    menu: "M4 7h16M4 12h16M4 17h16",
    more: "M5 12h.01M12 12h.01M19 12h.01",
    react: "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 0 0 0-17zM8.5 14c1.5 3 5.5 3 7 0M9 9.5v.01M15 9.5v.01",
    reply: "M10 6L4 12l6 6M4 12h9c4 0 7 2 7 7",
    send: "M4 12L20 4l-5 16l-4-7z",
};

/**
 * A symbol.
 * @param {{ name: keyof typeof PATHS }} props
 */
export function Symbol({ name }) {
    return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/**
 * A button that shows a symbol, and says in words what it does.
 * @param {{ name: keyof typeof PATHS, label: string, onClick: (event: any) => void, [attribute: string]: any }} props
 */
export function SymbolButton({ name, label, onClick, ...attributes }) {
    return html`<button type="button" class="icon-button" aria-label=${label} title=${label} onClick=${onClick}
        ...${attributes}>
        <${Symbol} name=${name} />
    </button>`;
}
