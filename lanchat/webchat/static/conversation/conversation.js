/** A conversation: its header, its messages, and where one writes. */

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { useAttaching } from "./attaching.js";
import { Composer } from "./composer.js";
import { IconButton } from "../elements/button.js";
import { t } from "../common/i18n.js";
import { Later, withStyle } from "../elements/later.js";
import { LiveRegion } from "./live_region.js";
import { MessageList } from "./message_list.js";
import { EVERYONE, nameKey } from "../common/names.js";
import { useObservable } from "../common/observable_hook.js";
import { rightsOf } from "./rights.js";
import { listOf } from "../elements/times.js";
import { readLine } from "../core/typed_lines.js";

/** @import { Model } from "../core/model.js" */
/** @import { Message } from "../common/types.js" */
/** @import { Mode } from "./composer.js" */

/** The most names in the line that says who is typing. */
const MOST_TYPING = 3;

const importBeside = () => import("./beside.js");
const loadBeside = () => withStyle(importBeside, "./beside.css");

/** What is open beside a message. @typedef {{ what: "menu" | "picker", message: Message, anchor: DOMRect } | null} Open */

/** @type {Mode} */
const MESSAGE = { kind: "message" };

/**
 * @typedef {object} ConversationProps
 * @property {Model} model
 * @property {string} conv          `#ops`, `@bob` or `Everyone`
 * @property {string} focus         the id of a message to show, from the address; or ""
 * @property {() => void} onMenu    opens the list of conversations on phones
 * @property {() => void} onInfo    opens the members of the room, or what is known of the person
 */

/**
 * The main part of the page. Another conversation is a new one of these: nothing of one is left in the other.
 * @param {ConversationProps} props
 */
export function Conversation(props) {
    return html`<${Pane} key=${props.conv} ...${props} />`;
}

/**
 * @param {ConversationProps} props
 */
function Pane({ model, conv, focus, onMenu, onInfo }) {
    const account = usePart(model, () => model.me.account), takesFiles = usePart(model, () => Boolean(model.files));
    const [mode, setMode] = useState(MESSAGE);
    const [open, setOpen] = useState(/** @type {Open} */ (null));
    const [notice, setNotice] = useState("");
    const list = useRef(/** @type {MessageList | null} */ (null));
    const trying = (/** @type {Promise<unknown>} */ work) => void work.catch((error) => setNotice(inWords(error)));
    const actions = useMemo(() => ({
        reply: (/** @type {Message} */ message) => setMode({ kind: "reply", message }),
        menu: opener("menu", setOpen),
        pick: opener("picker", setOpen),
        react: (/** @type {Message} */ message, /** @type {string} */ emoji) => trying(model.react(message, emoji)),
        resend: (/** @type {Message} */ message) => trying(model.resend(message)),
        discard: (/** @type {Message} */ message) => model.discard(message),
        renew: (/** @type {Message} */ message) => model.renewLinks(message),
    }), [model]);
    const attaching = useAttaching(model, conv, takesFiles, setNotice);
    const title = conv === EVERYONE ? t("list.everyone") : conv;
    const send = async (/** @type {string} */ text) => {
        setNotice("");
        try {
            if (mode.kind === "edit") {
                await (text === mode.message.text ? null : model.edit(mode.message, text));
            } else {
                list.current?.toEnd();
                setNotice(await sendText(model, conv, text, mode.kind === "reply" ? mode.message.id : "", attaching.chosen));
            }
            setMode(MESSAGE);
            return true;
        } catch (error) {
            setNotice(inWords(error));
            return false;
        }
    };
    const editLast = (message = lastOwn(model, conv)) => message && setMode({ kind: "edit", message });
    return html`<section class="conversation" ...${attaching.dragged}>
        <${Header} model=${model} conv=${conv} title=${title} onMenu=${onMenu} onInfo=${onInfo} />
        <${MessageList} model=${model} conv=${conv} title=${title} focus=${focus} account=${account} actions=${actions}
            onNotice=${setNotice} handle=${list} />
        <${Notice} text=${notice} onClose=${() => setNotice("")} />
        <${Composer} model=${model} conv=${conv} title=${title} mode=${mode} onCancel=${() => setMode(MESSAGE)}
            onEditLast=${() => editLast()} onSend=${send} attaching=${attaching} />
        <${TypingLine} model=${model} conv=${conv} />
        <${LiveRegion} model=${model} conv=${conv} />
        ${open && html`<${Later} load=${loadBeside} name="Beside" onClose=${() => setOpen(null)}
            open=${open} model=${model} onOpen=${setOpen} onMode=${setMode} onNotice=${setNotice} trying=${trying} />`}
        ${attaching.target}
    </section>`;
}

/**
 * The last message that the reader may edit.
 * @param {Model} model
 * @param {string} conv
 * @returns {Message | undefined}
 */
function lastOwn(model, conv) {
    const conversation = model.find(conv);
    return [...model.timeline(conv).rows].reverse().find((row) => rightsOf(row, model.me, conversation).edit);
}

/**
 * A part of what the model knows. Unlike with `useObservable`, nothing is drawn again when something else changes.
 * @template T
 * @param {Model} model
 * @param {() => T} part
 * @returns {T}
 */
function usePart(model, part) {
    const [value, setValue] = useState(part);
    useEffect(() => model.subscribe(() => setValue(part)), [model]);
    return value;
}

/**
 * Makes what rows call to open something beside them. The row gets the focus first, as it comes back to where it was.
 * @param {"menu" | "picker"} what
 * @param {(open: Open) => void} setOpen
 * @returns {(message: Message, row: HTMLElement, at: HTMLElement) => void}
 */
function opener(what, setOpen) {
    return (message, row, at) => {
        const anchor = at.getBoundingClientRect();
        row.focus({ preventScroll: true });
        setOpen({ what, message, anchor });
    };
}

/**
 * Says what was written, or does what it says if it is a command. Files that are chosen go with it, unless it is a reply, after
 * which they go.
 * @param {Model} model
 * @param {string} conv
 * @param {string} text
 * @param {string} re   the id of the message to which it replies, or ""
 * @param {number} files   how many files are chosen
 * @returns {Promise<string>} what the server answers in words, if that is not shown otherwise
 */
async function sendText(model, conv, text, re, files) {
    const typed = readLine(text);
    if (typed.kind === "text") {
        const isCaption = files > 0 && re === "";
        await (isCaption || typed.text === "" ? null : model.send(conv, typed.text, { re }));
        model.uploads?.send(conv, isCaption ? typed.text : "");
        return "";
    }
    return (await model.command(text, conv))?.text ?? "";
}

/**
 * @param {any} error
 * @returns {string}
 */
function inWords(error) {
    return String(error?.message || error);
}

/**
 * The name of the conversation, and what it is about.
 * @param {{ model: Model, conv: string, title: string, onMenu: () => void, onInfo: () => void }} props
 */
function Header({ model, conv, title, onMenu, onInfo }) {
    useObservable(model);
    const conversation = model.find(conv);
    const about = conversation?.kind === "person" || conv.startsWith("@") ? presence(model, conv) : conversation?.topic ?? "";
    return html`<header class="conversation-header">
        <${IconButton} icon="menu" label=${t("nav.menu")} class="icon-button menu-button" onClick=${onMenu} />
        <h1><bdi>${title}</bdi></h1>
        <p class="about" dir="auto" title=${about}>${about}</p>
        ${conv !== EVERYONE && html`<${IconButton} icon="info" label=${t("list.info", { conv: title })}
            onClick=${onInfo} />`}
    </header>`;
}

/**
 * Whether a person is here, in words.
 * @param {Model} model
 * @param {string} conv
 * @returns {string}
 */
function presence(model, conv) {
    const key = nameKey(conv.slice(1));
    const person = model.people.get(conv.slice(1)) ?? [...model.people.values()].find(({ name }) => nameKey(name) === key);
    if (!person?.online) {
        return t("list.offline");
    }
    return typeof person.away === "string" && person.away ? t("list.awayWith", { text: person.away })
        : t(person.away ? "list.away" : "list.online");
}

/**
 * Who is typing; the line is there always, so that nothing moves.
 * @param {{ model: Model, conv: string }} props
 */
function TypingLine({ model, conv }) {
    useObservable(model);
    const names = model.typing(conv);
    const words = names.length > MOST_TYPING ? t("composer.typingMany")
        : t("composer.typing", { names: listOf(names), n: names.length });
    return html`<p class="typing">${names.length > 0 && words}</p>`;
}

/**
 * The answer to a command, or what went wrong, until it is dismissed.
 * @param {{ text: string, onClose: () => void }} props
 */
function Notice({ text, onClose }) {
    return html`<div class="answer" role="status" hidden=${text === ""}>
        <div class="answer-text" dir="auto">${text}</div>
        ${text && html`<button type="button" onClick=${onClose}>${t("composer.dismiss")}</button>`}
    </div>`;
}
