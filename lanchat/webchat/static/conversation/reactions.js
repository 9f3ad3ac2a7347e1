/** The reactions to a message. */

import { html } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { sameName } from "../common/names.js";
import { isolated, listOf } from "../elements/times.js";

/** @import { Message } from "../common/types.js" */

/** The most reactions that are shown below a message, and names in a label. */
const MOST_SHOWN = 12;
const MOST_NAMES = 10;

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
