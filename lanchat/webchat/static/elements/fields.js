/** Fields of forms that only dialogs have. */
import { html } from "../vendor/preact.js";

/**
 * A box to tick, with its label beside it.
 * @param {{ label: any, checked: boolean, onChange: (checked: boolean) => void }} props
 */
export function Checkbox({ label, checked, onChange }) {
    const change = (/** @type {any} */ event) => onChange(event.currentTarget.checked);
    return html`<label class="check">
        <input type="checkbox" checked=${checked} onChange=${change} /><span>${label}</span>
    </label>`;
}

/**
 * A choice of one of several texts, with its label above it; `options` are values with their texts.
 * @param {{ label: string, value: string, options: [string, string][], onChange: (value: string) => unknown,
 *     disabled?: boolean }} props
 */
export function Select({ label, value, options, onChange, disabled = false }) {
    return html`<label class="field">
        <span>${label}</span>
        <select onChange=${withValue(onChange)} disabled=${disabled}>
            ${options.map(([code, text]) => html`<option value=${code} selected=${code === value}>${text}</option>`)}
        </select>
    </label>`;
}

/**
 * A handler of events that passes on what the field contains.
 * @param {(value: string) => unknown} fn
 * @returns {(event: any) => void}
 */
export function withValue(fn) {
    return (event) => fn(event.currentTarget.value);
}
