/** What happened in a room, in words: people who come and go, topics, ranks, rules. */

import { Component, html } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { Time } from "../elements/time.js";
import { isolated, listOf, timeOfDay } from "../elements/times.js";

/** @import { Message } from "../common/types.js" */

/** The most names in one sentence. */
const MOST_NAMES = 5;

/** Events that have a sentence of their own when a reason is known. */
const WITH_REASON = new Set(["left", "kicked", "banned"]);

/**
 * One event as a sentence.
 * @param {Message} message
 * @returns {string}
 */
export function sentenceOf(message) {
    const { ev, who, by, text } = message.event ?? { ev: "", who: "", by: "", text: "" };
    const values = { names: listOf([who]), n: 1, who: isolated(who), by: isolated(by || who), text: isolated(text) };
    if (ev === "topic" || WITH_REASON.has(ev)) {
        return t(`message.event.${ev}${text ? "With" : ""}`, values);
    }
    if (ev === "rank") {
        const rank = ["owner", "operator", "voiced"].includes(text) ? text : "none";
        return t(`message.event.rank.${rank}`, values);
    }
    const known = ["joined", "mode", "renamed", "invited", "closed"].includes(ev);
    return known ? t(`message.event.${ev}`, values) : `${ev} ${isolated(text)}`;
}

/**
 * Several people who came and went, as one sentence.
 * @param {Message[]} messages
 * @returns {string}
 */
export function summaryOf(messages) {
    const sentences = ["joined", "left"].map((ev) => {
        const names = [...new Set(messages.flatMap(({ event }) => (event?.ev === ev ? [event.who] : [])))];
        const more = names.length - MOST_NAMES;
        const listed = more > 0 ? [...names.slice(0, MOST_NAMES), t("message.others", { n: more })] : names;
        return names.length > 0 ? t(`message.event.${ev}`, { names: listOf(listed), n: names.length }) : "";
    });
    return sentences.filter(Boolean).join(" · ");
}

/**
 * @typedef {{ messages: Message[], highlighted: boolean, language: string }} EventRowProps
 */

/**
 * Events as a row: one, or several that are folded.
 * @extends {Component<EventRowProps, { open: boolean }>}
 */
export class EventRow extends Component {
    constructor(/** @type {EventRowProps} */ props) {
        super(props);
        this.state = { open: false };
        this.toggle = () => this.setState({ open: !this.state.open });
    }

    /**
     * @param {EventRowProps} props
     * @param {{ open: boolean }} state
     */
    shouldComponentUpdate(props, state) {
        const { messages, highlighted, language } = this.props;
        return state.open !== this.state.open || props.highlighted !== highlighted || props.language !== language
            || props.messages.length !== messages.length || props.messages.some((message, n) => message !== messages[n]);
    }

    render() {
        const { messages, highlighted } = this.props;
        const [first] = messages;
        const last = messages[messages.length - 1];
        const several = messages.length > 1;
        return html`<article class=${`event ${highlighted ? "highlighted" : ""}`} data-id=${first.id} data-seq=${last.seq}
            tabindex="-1" aria-label=${t("message.eventLabel", { time: timeOfDay(last.time) })}>
            ${several
                ? html`<button type="button" class="unfold" aria-expanded=${String(this.state.open)} onClick=${this.toggle}>
                    ${summaryOf(messages)}
                </button>`
                : html`<span dir="auto">${sentenceOf(first)}</span>`} <${Time} time=${last.time} />
            ${several && this.state.open && html`<ul>${messages.map((message) => html`<li key=${message.key} dir="auto">
                ${timeOfDay(message.time)} ${sentenceOf(message)}</li>`)}</ul>`}
        </article>`;
    }
}
