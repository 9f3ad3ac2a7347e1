/** The choice of a reaction to a message. */

import { html, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { Popup } from "../elements/popup.js";

/** Those that are offered. */
const PALETTE = ["👍", "❤️", "😂", "🎉", "😮", "😢", "👀", "✅"];

/** The longest reaction, in characters. */
const LONGEST = 32;

/**
 * The choice of a reaction, beside a message: a small palette, and a field for any other emoji or short text.
 * @param {{ anchor: DOMRect, onChoose: (emoji: string) => void, onClose: () => void }} props
 */
export function ReactionPicker({ anchor, onChoose, onClose }) {
    const [text, setText] = useState("");
    const first = useRef(/** @type {HTMLButtonElement | null} */ (null));
    useLayoutEffect(() => first.current?.focus(), []);
    const submit = (/** @type {Event} */ event) => {
        event.preventDefault();
        const chosen = [...text.trim()].slice(0, LONGEST).join("");
        if (chosen) {
            onChoose(chosen);
        }
    };
    const typed = (/** @type {any} */ event) => setText(event.currentTarget.value);
    return html`<${Popup} anchor=${anchor} role="dialog" label=${t("message.react")} class="picker" onClose=${onClose}>
        <div class="palette">${PALETTE.map((emoji, n) => html`<button type="button" key=${emoji} ref=${n === 0 ? first : null}
            onClick=${() => onChoose(emoji)}>${emoji}</button>`)}</div>
        <form onSubmit=${submit}>
            <input value=${text} onInput=${typed} maxlength="64" dir="auto" autocomplete="off"
                aria-label=${t("message.anyEmoji")} placeholder=${t("message.anyEmoji")} />
            <button type="submit" disabled=${text.trim() === ""}>${t("message.add")}</button>
        </form>
    <//>`;
}
