/** What opens beside a message: its menu, and the choice of a reaction. It is loaded when one of them is opened first. */

import { html } from "../vendor/preact.js";
import { MessageMenu } from "./message_menu.js";
import { ReactionPicker } from "./reaction_picker.js";
import { rightsOf } from "./rights.js";

/** @import { Model } from "../core/model.js" */
/** @import { Mode } from "./composer.js" */
/** @import { Open } from "./conversation.js" */

/**
 * The menu of a message, or the choice of a reaction to it.
 * @param {{ open: NonNullable<Open>, model: Model, onOpen: (open: Open) => void, onMode: (mode: Mode) => void,
 *     onNotice: (text: string) => void, trying: (work: Promise<unknown>) => void }} props
 */
export function Beside({ open, model, onOpen, onMode, onNotice, trying }) {
    const { what, message, anchor } = open;
    const close = () => onOpen(null);
    const closing = (/** @type {(...values: any[]) => void} */ action) => (/** @type {any[]} */ ...values) => {
        close();
        action(...values);
    };
    if (what === "picker") {
        const choose = closing((emoji) => trying(model.react(message, emoji)));
        return html`<${ReactionPicker} anchor=${anchor} onChoose=${choose} onClose=${close} />`;
    }
    const rights = rightsOf(message, model.me, model.find(message.conv));
    return html`<${MessageMenu} message=${message} anchor=${anchor} rights=${rights}
        onReply=${closing(() => onMode({ kind: "reply", message }))} onEdit=${closing(() => onMode({ kind: "edit", message }))}
        onReact=${() => onOpen({ ...open, what: "picker" })} onWithdraw=${closing(() => trying(model.withdraw(message)))}
        onDone=${onNotice} onClose=${close} />`;
}
