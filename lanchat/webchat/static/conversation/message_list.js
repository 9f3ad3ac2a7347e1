/** The messages of a conversation as a list that scrolls both ways, and loads what comes into view. */

import { Component, html } from "../vendor/preact.js";
import { moveInFeed } from "./feed_keys.js";
import { itemsOf } from "./grouping.js";
import { language, onLanguage, t } from "../common/i18n.js";
import { beginningOf, rowOf } from "./list_rows.js";
import { ScrollPlace } from "./scroll_place.js";
import { ToNewest } from "./to_newest.js";

/** @import { Model } from "../core/model.js" */
/** @import { Timeline } from "../core/timeline.js" */
/** @import { RowActions } from "./message.js" */

/** How far outside of what is visible rows are loaded, as a multiple of its height. */
const AHEAD = 2;

/** How long after a page that failed to load another is asked for, in ms. */
const RETRY = 2000;

/** How long the row that the reader was led to is highlighted, in ms. */
const HIGHLIGHT = 3000;

/**
 * @typedef {object} ListProps
 * @property {Model} model
 * @property {string} conv
 * @property {string} title   of the conversation
 * @property {boolean} account   whether the reader has one
 * @property {string} focus   the id of a message to show, or ""
 * @property {Omit<RowActions, "jump">} actions
 * @property {(text: string) => void} onNotice   is told in words what can't be done
 * @property {{ current: MessageList | null }} handle   gets this list
 */

/**
 * The list. Its place is kept while rows come and go; at the end it stays at the end.
 * @extends {Component<ListProps, { away: boolean, highlight: string }>}
 */
export class MessageList extends Component {
    frame = /** @type {HTMLElement | null} */ (null);
    rows = /** @type {HTMLElement | null} */ (null);
    #place = /** @type {ScrollPlace} */ (/** @type {unknown} */ (null));
    /** @type {Timeline} */
    #timeline;
    /** @type {Array<() => void>} */
    #ends = [];
    /** Whether the list stays at its end; and whether what is drawn ends with the newest message. */
    #sticks = true;
    #hasNewest = false;
    /** Whether it was shown where it opens. */
    #opened = false;
    /** The way the reader went last: there it loads. */
    #direction = "older";
    #top = 0;
    #loadedAt = 0;
    /** Keys of rows that were the first ones when others were loaded before them. @type {Set<string>} */
    #heads = new Set();
    /** The id of a message that is to be brought into view. */
    #goal = "";
    #highlightTimer = 0;

    constructor(/** @type {ListProps} */ props) {
        super(props);
        this.state = { away: false, highlight: "" };
        this.#timeline = props.model.timeline(props.conv);
        /** @type {RowActions} */
        this.actions = { ...props.actions, jump: (id) => void this.jumpTo(id) };
    }

    componentDidMount() {
        const frame = /** @type {HTMLElement} */ (this.frame);
        const rows = /** @type {HTMLElement} */ (this.rows);
        this.#place = new ScrollPlace(frame, rows);
        this.props.handle.current = this;
        const resized = new ResizeObserver(() => this.#drawn());
        resized.observe(frame);
        resized.observe(rows);
        document.addEventListener("visibilitychange", this.read);
        const redraw = () => this.setState({});
        this.#ends = [
            this.#timeline.subscribe(redraw), onLanguage(redraw), () => resized.disconnect(),
            () => document.removeEventListener("visibilitychange", this.read), () => clearTimeout(this.#highlightTimer),
        ];
        if (this.props.focus) {
            void this.jumpTo(this.props.focus);
        } else if (this.#timeline.rows.length > 0 && !this.#timeline.atEnd) {
            void this.#timeline.jumpToEnd();
        }
        this.#hasNewest = this.#timeline.atEnd;
        this.#drawn();
    }

    componentWillUnmount() {
        this.#ends.forEach((end) => end());
        this.props.handle.current = null;
    }

    /**
     * @param {ListProps} props
     * @param {{ away: boolean, highlight: string }} state
     */
    shouldComponentUpdate(props, state) {
        if (props.focus !== this.props.focus && props.focus) {
            void this.jumpTo(props.focus);
        }
        return state !== this.state || props.title !== this.props.title || props.account !== this.props.account;
    }

    getSnapshotBeforeUpdate() {
        this.#notice(); // (an event may be on its way)
        return this.rows?.contains(document.activeElement) ?? false;
    }

    /**
     * @param {ListProps} _props
     * @param {unknown} _state
     * @param {boolean} hadFocus
     */
    componentDidUpdate(_props, _state, hadFocus) {
        this.#hasNewest = this.#timeline.atEnd;
        this.#drawn();
        if (hadFocus && document.activeElement === document.body) {
            this.frame?.focus({ preventScroll: true }); // the row with the focus is gone
        }
    }

    /** Scrolls after the rows were drawn: to a goal, to the end, or back to the place. */
    #drawn() {
        const rows = /** @type {HTMLElement} */ (this.rows);
        const goal = this.#goal && rows.querySelector(`[data-id="${CSS.escape(this.#goal)}"]`);
        this.#goal = "";
        if (goal instanceof HTMLElement) {
            this.#opened = true;
            this.#sticks = false;
            goal.scrollIntoView({ block: "center" });
            this.#place.remember();
            goal.focus({ preventScroll: true });
        } else if (!this.#opened && rows.childElementCount > 0 && !this.props.focus) {
            this.#open(rows);
        } else {
            this.#keep();
        }
        this.#settle();
    }

    /**
     * Shows the end; or, if what is new is longer than the window, the line where it begins.
     * @param {HTMLElement} rows
     */
    #open(rows) {
        this.#opened = true;
        this.#place.toEnd();
        const frame = /** @type {HTMLElement} */ (this.frame);
        const line = rows.querySelector(".new-since")?.getBoundingClientRect().top ?? Infinity;
        const above = frame.getBoundingClientRect().top - line;
        if (above > 0) {
            this.#sticks = false;
            frame.scrollTop -= above + frame.clientHeight / 4;
        }
        this.#place.remember();
    }

    /** Stays at the end or at the place, whatever changed in size. */
    #keep() {
        if (this.#sticks) {
            this.#place.toEnd();
            this.#place.remember();
        } else {
            this.#place.restore();
        }
    }

    /** What follows when the list has come to rest: it loads more, and what is seen is read. */
    #settle() {
        const frame = /** @type {HTMLElement} */ (this.frame);
        this.#top = frame.scrollTop;
        this.#sticks ||= this.#hasNewest && this.#place.atEnd;
        const away = !this.#sticks || !this.#hasNewest;
        if (away !== this.state.away) {
            this.setState({ away });
        }
        this.read();
        this.#loadAhead();
    }

    /** Loads what comes into view next. What failed is tried again when the reader moves on, but not at once. */
    #loadAhead() {
        const { frame } = this;
        const now = performance.now();
        if (!frame || this.#timeline.loading || (this.#timeline.failed && now - this.#loadedAt < RETRY)) {
            return;
        }
        this.#loadedAt = now;
        const ahead = frame.clientHeight * AHEAD;
        if (this.#direction === "older" && frame.scrollTop < ahead) {
            this.#heads.add(this.#timeline.rows[0]?.key ?? "");
            void this.#timeline.loadOlder();
        } else if (this.#direction === "newer" && this.#place.belowEnd < ahead) {
            void this.#timeline.loadNewer();
        }
    }

    /** Marks what is here as read, if it is seen. */
    read = () => {
        if (this.#sticks && this.#hasNewest && document.visibilityState === "visible") {
            this.props.model.markRead(this.props.conv);
        }
    };

    /** Notes where the reader, and not this list, has scrolled to. */
    #notice() {
        const top = this.frame?.scrollTop ?? 0;
        if (Math.abs(top - this.#top) >= 1) {
            this.#direction = top < this.#top ? "older" : "newer";
            this.#sticks = this.#hasNewest && this.#place.atEnd;
            this.#top = top;
            this.#place.remember();
        }
    }

    scrolled = () => {
        this.#notice();
        this.#settle();
    };

    /** Where nothing scrolls, as all is visible, the wheel still says which way the reader wants to go. */
    wheeled = (/** @type {WheelEvent} */ event) => {
        this.#direction = event.deltaY < 0 ? "older" : "newer";
        this.#loadAhead();
    };

    keyPressed = (/** @type {any} */ event) => {
        const way = moveInFeed(event, event.currentTarget, /** @type {HTMLElement} */ (this.rows));
        if (way === "end") {
            this.toEnd();
        } else if (way) {
            this.#direction = way;
            this.#loadAhead();
        }
    };

    /** What the reader unfolds grows downwards, at the end, too. */
    clicked = (/** @type {any} */ event) => {
        const row = event.target.closest(".unfold") && event.target.closest(".rows > *");
        if (row) {
            this.#sticks = false;
            this.#place.remember(row);
        }
    };

    /** Shows the newest messages. */
    toEnd() {
        this.#sticks = true;
        this.#direction = "older";
        if (this.#timeline.atEnd) {
            this.#drawn();
        } else {
            void this.#timeline.jumpToEnd();
        }
    }

    /**
     * Shows a message and highlights it.
     * @param {string} id
     */
    async jumpTo(id) {
        const message = await this.#timeline.jumpTo(id).catch(() => undefined);
        if (!message) {
            this.props.onNotice(t("list.gone"));
            this.#opened = true;
            return;
        }
        this.#goal = id;
        this.setState({ highlight: id });
        clearTimeout(this.#highlightTimer);
        this.#highlightTimer = setTimeout(() => this.setState({ highlight: "" }), HIGHLIGHT);
    }

    render() {
        const { title, model, conv } = this.props;
        const { rows, newSince, atStart, loading } = this.#timeline;
        const shown = {
            me: model.me, language: language(), timeline: this.#timeline, actions: this.actions,
            highlight: this.state.highlight,
        };
        return html`<div class="message-list">
            <div class="feed" role="feed" aria-label=${t("list.label", { conv: title })} aria-busy=${String(loading !== "")}
                tabindex="0" ref=${(/** @type {any} */ node) => (this.frame = node)}
                onScroll=${this.scrolled} onWheel=${this.wheeled} onKeyDown=${this.keyPressed} onClick=${this.clicked}>
                <p class="edge">${beginningOf(this.#timeline, title)}</p>
                <div class="rows" ref=${(/** @type {any} */ node) => (this.rows = node)}>
                    ${itemsOf(rows, newSince, atStart, this.#heads).map((item) => rowOf(item, shown))}
                </div>
                <p class="edge" hidden=${this.#timeline.atEnd}>${t("list.loading")}</p>
            </div>
            ${this.state.away && html`<${ToNewest} model=${model} conv=${conv} onClick=${() => this.toEnd()} />`}
        </div>`;
    }
}
