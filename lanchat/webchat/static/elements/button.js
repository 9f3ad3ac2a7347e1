/** Buttons that show a symbol. */
import { html } from "../vendor/preact.js";
import { Icon } from "./icons.js";

/**
 * A button that shows a symbol, and says what it does to screen readers and in its tooltip.
 * @param {{ icon: string, label: string, onClick: (event: Event) => void, [attribute: string]: any }} props
 */
export function IconButton({ icon, label, onClick, ...attributes }) {
    return html`<button type="button" class="icon-button" aria-label=${label} title=${label} onClick=${onClick}
        ...${attributes}><${Icon} name=${icon} /></button>`;
}
