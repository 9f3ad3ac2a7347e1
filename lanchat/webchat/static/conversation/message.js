/** One message in the list. */

import { Component, html, useEffect, useRef, useState } from "../vendor/preact.js";
import { IconButton } from "../elements/button.js";
import { t } from "../common/i18n.js";
import { Icon } from "../elements/icons.js";
import { Later, withStyle } from "../elements/later.js";
import { Reactions } from "./reactions.js";
import { richText } from "./rich_text.js";
import { hrefOf } from "../elements/routes.js";
import { Time } from "../elements/time.js";
import { fullTime, isolated, timeOfDay } from "../elements/times.js";

/** @import { Message, Me } from "../common/types.js" */
/** @import { Timeline } from "../core/timeline.js" */

/** What is longer is shown in part until the reader asks for all of it: characters, and lines. */
const LONG = 2000;
const LONG_LINES = 24;

const importFileView = () => import("./file_view.js");
const loadFileView = () => withStyle(importFileView, "./files.css");

/** How many colours there are for names. */
const HUES = 12;

/**
 * What rows call; the same object for all of them.
 * @typedef {object} RowActions
 * @property {(message: Message) => void} reply
 * @property {(message: Message, row: HTMLElement, at: HTMLElement) => void} menu
 * @property {(message: Message, row: HTMLElement, at: HTMLElement) => void} pick   opens the choice of a reaction
 * @property {(message: Message, emoji: string) => void} react
 * @property {(message: Message) => void} resend
 * @property {(message: Message) => void} discard
 * @property {(message: Message) => Promise<any>} renew   asks for new links to the file of a message
 * @property {(id: string) => void} jump   shows another message
 */

/**
 * @typedef {object} RowProps
 * @property {Message} message
 * @property {Message | undefined} quoted   the message to which it replies, if that is loaded
 * @property {boolean} grouped       it follows another of the same sender, so it has no header
 * @property {boolean} highlighted   the reader was led to it
 * @property {Me} me
 * @property {boolean} account       whether the reader has an account (guests can't react)
 * @property {string} language
 * @property {Timeline} timeline
 * @property {RowActions} actions
 */

/**
 * A message as a row. It is drawn again only if it was replaced by a new object, or something else about it has changed.
 * @extends {Component<RowProps, { active: boolean, open: boolean }>}
 */
export class MessageRow extends Component {
    constructor(/** @type {RowProps} */ props) {
        super(props);
        this.state = { active: false, open: false };
        this.activate = () => this.setState({ active: true });
        this.rest = (/** @type {any} */ event) => {
            const row = event.currentTarget;
            const stays = event.type === "focusout" ? row.contains(event.relatedTarget) || row.matches(":hover")
                : row.contains(document.activeElement);
            this.setState({ active: stays });
        };
    }

    /**
     * @param {RowProps} props
     * @param {{ active: boolean, open: boolean }} state
     */
    shouldComponentUpdate(props, state) {
        const before = this.props;
        return state.active !== this.state.active || state.open !== this.state.open
            || props.message !== before.message || props.quoted !== before.quoted || props.grouped !== before.grouped
            || props.highlighted !== before.highlighted || props.account !== before.account
            || props.language !== before.language;
    }

    render() {
        const { message, grouped, highlighted, account, me, actions } = this.props;
        const name = isolated(message.from);
        const marks = [
            grouped && "grouped", message.mine && "mine", message.mentionsMe && "mentions-me", highlighted && "highlighted",
            message.kind, message.withdrawn && "withdrawn",
        ].filter(Boolean).join(" ");
        return html`<article class=${`message ${marks}`} data-id=${message.id} data-seq=${message.seq}
            data-state=${message.state} tabindex="-1" aria-label=${t("message.label", { name, time: timeOfDay(message.time) })}
            onPointerEnter=${this.activate} onPointerLeave=${this.rest} onfocusin=${this.activate} onfocusout=${this.rest}>
            ${!grouped && html`<${Header} message=${message} />`}
            ${grouped && html`<${Time} time=${message.time} />`}
            <div class="body">
                ${message.re && !message.withdrawn && html`<${Quote} ...${this.props} />`}
                ${(message.text !== message.file?.name || message.edited > 0) && this.text()}
                ${message.file && html`<${Later} load=${loadFileView} name="FileView" message=${message} file=${message.file}
                    onRenew=${actions.renew} onClose=${doNothing} />`}
                ${message.state !== "sent" && html`<${Trouble} message=${message} actions=${actions} />`}
                <${Reactions} message=${message} me=${me.name} allowed=${account} onReact=${actions.react} />
            </div>
            ${this.state.active && html`<${Toolbar} ...${this.props} />`}
        </article>`;
    }

    /** What was said. @returns {any} */
    text() {
        const { message, me } = this.props;
        if (message.withdrawn) {
            return html`<p class="gone">${t("message.withdrawn")}</p>`;
        }
        const long = message.text.length > LONG || hasManyLines(message.text);
        const shown = long && !this.state.open ? beginning(message.text) : message.text;
        const toggle = () => this.setState({ open: !this.state.open });
        const action = message.kind === "action";
        return html`<div class="text" dir="auto">
                ${action && html`<bdi class=${`sender hue-${hueOf(message.from)}`}>${message.from}</bdi>`}${action && " "}
                ${richText(shown, me.name)}
                ${message.edited > 0
                    && html` <small class="edited" title=${fullTime(message.edited)}>${t("message.edited")}</small>`}
            </div>
            ${long && html`<button type="button" class="unfold" aria-expanded=${String(this.state.open)} onClick=${toggle}>
                ${t(this.state.open ? "message.showLess" : "message.showAll")}
            </button>`}`;
    }
}

function doNothing() {
    // (what can't be loaded is not shown, and there is nothing to close)
}

/**
 * Who said it, and when.
 * @param {{ message: Message }} props
 */
function Header({ message }) {
    const hue = `hue-${hueOf(message.from)}`;
    const bot = message.bot && html`<span class="bot">${t("message.bot")}</span>`;
    return html`<span class=${`avatar ${hue}`} aria-hidden="true">${initial(message.from)}</span>
        <header>
            ${message.kind !== "action" && html`<bdi class=${`sender ${hue}`}>${message.from}</bdi>`}
            ${bot} <${Time} time=${message.time} />
        </header>`;
}

/**
 * The message to which this one replies, in one line that leads to it.
 * @param {RowProps} props
 */
function Quote({ message, quoted, timeline, actions }) {
    const [fetched, setFetched] = useState(/** @type {{ from: string, text: string } | null | undefined} */ (undefined));
    const last = useRef(quoted);
    last.current = quoted ?? last.current;
    useEffect(() => {
        let shown = true;
        if (!quoted) {
            timeline.excerpt(message.re).then((found) => shown && setFetched(found), () => shown && setFetched(null));
        }
        return () => void (shown = false);
    }, [message.re]);
    const excerpt = last.current?.withdrawn ? null : last.current ?? fetched;
    const jump = (/** @type {Event} */ event) => {
        event.preventDefault();
        actions.jump(message.re);
    };
    if (excerpt === null) {
        return html`<p class="quote gone">${t("message.replyGone")}</p>`;
    }
    return html`<a class="quote" href=${hrefOf(message.conv, message.re)} onClick=${jump}>
        <${Icon} name="reply" />
        <bdi class="sender">${excerpt?.from ?? "…"}</bdi> <bdi>${oneLine(excerpt?.text ?? "")}</bdi>
    </a>`;
}

/**
 * A message that is on its way, or did not get there.
 * @param {{ message: Message, actions: RowActions }} props
 */
function Trouble({ message, actions }) {
    if (message.state === "sending") {
        return html`<p class="sending">${t("message.sending")}</p>`;
    }
    const words = message.state === "failed" ? message.error || t("message.failed") : t("message.unknown");
    return html`<p class="trouble" role="alert"><span dir="auto">${words}</span>
        <button type="button" onClick=${() => actions.resend(message)}>${t("message.resend")}</button>
        <button type="button" onClick=${() => actions.discard(message)}>${t("message.discard")}</button>
    </p>`;
}

/**
 * What can be done with the row under the pointer, or with the focus.
 * @param {RowProps} props
 */
function Toolbar({ message, account, actions }) {
    if (message.state !== "sent" || message.withdrawn) {
        return null;
    }
    const at = (/** @type {any} */ event) => /** @type {[HTMLElement, HTMLElement]} */ (
        [event.currentTarget.closest("article"), event.currentTarget]);
    return html`<div class="tools">
        ${account && message.seq > 0 && html`<${IconButton} icon="react" label=${t("message.react")}
            onClick=${(/** @type {any} */ event) => actions.pick(message, ...at(event))} />`}
        ${message.id && html`<${IconButton} icon="reply" label=${t("message.reply")}
            onClick=${() => actions.reply(message)} />`}
        <${IconButton} icon="more" label=${t("message.actions")} aria-haspopup="menu"
            onClick=${(/** @type {any} */ event) => actions.menu(message, ...at(event))} />
    </div>`;
}

/**
 * The colour of somebody's name, as a number below `HUES`.
 * @param {string} name
 * @returns {number}
 */
export function hueOf(name) {
    let hash = 0;
    for (let i = 0; i < name.length; i++) {
        hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
    }
    return hash % HUES;
}

/**
 * The first letter of a name.
 * @param {string} name
 * @returns {string}
 */
function initial(name) {
    return [...name.slice(0, 4)].find((letter) => /[\p{L}\p{N}]/u.test(letter))?.toLocaleUpperCase() ?? "?";
}

/**
 * @param {string} text
 * @returns {boolean}
 */
function hasManyLines(text) {
    return text.split("\n", LONG_LINES + 1).length > LONG_LINES;
}

/**
 * The first part of a long text. A block that is open there is closed.
 * @param {string} text
 * @returns {string}
 */
function beginning(text) {
    const part = text.slice(0, LONG).split("\n", LONG_LINES).join("\n").replace(/[\ud800-\udbff]$/, "");
    return part.split("```").length % 2 ? `${part} …` : `${part} …\n\`\`\``;
}

/**
 * A text as one line of bounded length.
 * @param {string} text
 * @returns {string}
 */
function oneLine(text) {
    return text.slice(0, 200).replace(/\s+/g, " ");
}
