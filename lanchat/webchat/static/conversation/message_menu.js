/** What can be done with a message, as a menu. */

import { html, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { copy } from "../elements/clipboard.js";
import { t } from "../common/i18n.js";
import { Popup } from "../elements/popup.js";
import { hrefOf } from "../elements/routes.js";

/** @import { Message } from "../common/types.js" */

/**
 * A link to a message that works in another window, and for others who reach the server by the same name.
 * @param {Message} message
 * @returns {string}
 */
export function linkTo(message) {
    return location.origin + location.pathname + hrefOf(message.conv, message.id);
}

/**
 * @typedef {object} MenuProps
 * @property {Message} message
 * @property {DOMRect} anchor   where it opens
 * @property {import("./rights.js").Rights} rights
 * @property {() => void} onReply
 * @property {() => void} onReact
 * @property {() => void} onEdit
 * @property {() => void} onWithdraw
 * @property {(text: string) => void} onDone  is told in words what was done
 * @property {() => void} onClose
 */

/**
 * The menu. To withdraw is asked twice: it can't be undone.
 * @param {MenuProps} props
 */
export function MessageMenu({ message, anchor, rights, onReply, onReact, onEdit, onWithdraw, onDone, onClose }) {
    const [sure, setSure] = useState(false);
    const box = useRef(/** @type {HTMLElement | null} */ (null));
    useLayoutEffect(() => box.current?.querySelector("button")?.focus(), []);
    const put = async (/** @type {string} */ text, /** @type {string} */ done) => {
        onClose();
        onDone((await copy(text)) ? done : t("message.notCopied"));
    };
    const withdraw = () => (sure ? onWithdraw() : setSure(true));
    const item = (/** @type {string} */ label, /** @type {() => void} */ action, danger = false) =>
        html`<button type="button" role="menuitem" class=${danger ? "danger" : ""} onClick=${action}>${label}</button>`;
    return html`<${Popup} anchor=${anchor} role="menu" label=${t("message.actions")} class="menu" onClose=${onClose}>
        <div role="presentation" ref=${box}>
            ${rights.reply && item(t("message.reply"), onReply)}
            ${rights.react && item(t("message.react"), onReact)}
            ${rights.edit && item(t("message.edit"), onEdit)}
            ${rights.link && item(t("message.copyLink"), () => put(linkTo(message), t("message.linkCopied")))}
            ${item(t("message.copyText"), () => put(message.text, t("message.textCopied")))}
            ${rights.withdraw && item(t(sure ? "message.withdrawSure" : "message.withdraw"), withdraw, true)}
        </div>
    <//>`;
}
