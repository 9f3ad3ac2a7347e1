/** Reactions to a message: those there are, and the choice of another. */

import { html, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { t } from "./i18n.js";
import { sameName } from "./names.js";
import { Popup } from "./popup.js";
import { isolated, listOf } from "./times.js";

/** @import { Message } from "./types.js" */

/** Those that are offered. */
const PALETTE = ["👍", "❤️", "😂", "🎉", "😮", "😢", "👀", "✅"];

/** The most reactions that are shown below a message, and names in a label. */
const MOST_SHOWN = 12;
const MOST_NAMES = 10;

/** The longest reaction, in characters. */
const LONGEST = 32;

/**
 * The reactions to a message; a click adds the reader's own or takes it back.
 * @param {{ message: Message, me: string, allowed: boolean, onReact: (message: Message, emoji: string) => void }} props
 */
export function Reactions({ message, me, allowed, onReact }) {
    const { reactions } = message;
    if (reactions.length === 0) {
        return null;
    }
    const chips = reactions.slice(0, MOST_SHOWN).map(([emoji, names]) => {
        const own = names.some((name) => sameName(name, me));
        const label = labelOf(emoji, names);
        return html`<button type="button" class="reaction" key=${emoji} aria-pressed=${String(own)} aria-label=${label}
            title=${label} disabled=${!allowed} onClick=${() => onReact(message, own ? "" : emoji)}>
            <bdi>${emoji}</bdi> ${names.length}
        </button>`;
    });
    const more = reactions.length - MOST_SHOWN;
    return html`<div class="reactions">
        ${chips} ${more > 0 && html`<span>${t("message.moreReactions", { n: more })}</span>`}
    </div>`;
}

/**
 * @param {string} emoji
 * @param {string[]} names
 * @returns {string}
 */
function labelOf(emoji, names) {
    const more = names.length - MOST_NAMES;
    const listed = more > 0 ? [...names.slice(0, MOST_NAMES), t("message.others", { n: more })] : names;
    return t("message.reacted", { emoji: isolated(emoji), names: listOf(listed) });
}

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
