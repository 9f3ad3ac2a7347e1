/** The timelines that are there, of which only some keep their rows. */

import { nameKey } from "../common/names.js";
import { Timeline } from "./timeline.js";

/** @typedef {import("./loading_timeline.js").Source} Source */
/** @typedef {import("../common/types.js").Change} Change */

/** How many timelines keep what they have loaded, how many that cannot be loaded again are kept, and how many there are. */
const MOST_LOADED = 5;
const MOST_UNSTORED = 50;
const MOST = 200;

/** Timelines by conversation; the one that was used last is the last one. */
export class Timelines {
    /** @type {Map<string, Timeline>} */
    #all = new Map();

    /** The conversation that is shown: its timeline keeps its rows. */
    current = "";

    /** @param {Source} source */
    constructor(source) {
        this.source = source;
    }

    /**
     * The timeline of a conversation, if there is one.
     * @param {string} conv
     */
    find(conv) {
        return this.#all.get(nameKey(conv));
    }

    /**
     * The timeline of a conversation, which is made if there is none.
     * @param {string} conv
     * @returns {Timeline}
     */
    get(conv) {
        const key = nameKey(conv);
        const timeline = this.#all.get(key) ?? new Timeline(conv, this.source);
        this.#all.delete(key);
        this.#all.set(key, timeline);
        this.#forgetOldest(timeline);
        return timeline;
    }

    /**
     * Change a message wherever it is.
     * @param {Change} change
     */
    apply(change) {
        for (const timeline of this.#all.values()) {
            timeline.apply(change);
        }
    }

    /**
     * Note that a room has another name.
     * @param {string} conv
     * @param {string} name
     */
    rename(conv, name) {
        const timeline = this.find(conv);
        if (timeline !== undefined) {
            this.#all.delete(nameKey(conv));
            this.#all.set(nameKey(name), timeline);
            timeline.rename(name);
        }
    }

    /**
     * Load anew what may have changed unseen: at once for the conversation that is shown, for others when they are opened.
     * @param {boolean} isSameLog Whether what is shown is of the same log.
     * @returns {Promise<boolean>} whether that was possible
     */
    async refresh(isSameLog) {
        const shown = this.find(this.current);
        for (const timeline of this.#all.values()) {
            if (timeline.hasPages && (timeline !== shown || !isSameLog)) {
                timeline.clear();
            }
        }
        return shown === undefined || this.#refresh(shown);
    }

    /** Load what is shown, if it was not loaded, or not anew when that was due: the connection was lost. */
    async resume() {
        const shown = this.find(this.current);
        await (shown === undefined ? null : shown.isStale ? this.#refresh(shown) : shown.load());
    }

    /**
     * Load what a timeline shows anew. If that is impossible though there is a connection, what it has is worth nothing.
     * @param {Timeline} timeline
     */
    async #refresh(timeline) {
        const isFresh = await timeline.refresh();
        if (!isFresh && timeline.isStale && timeline.failed?.code !== "OFFLINE") {
            timeline.clear();
            void timeline.load();
        }
        return isFresh;
    }

    /** Forget everything: one is somebody else now. */
    clear() {
        for (const timeline of this.#all.values()) {
            timeline.clear();
        }
    }

    /** @param {Timeline} used */
    #forgetOldest(used) {
        const shown = this.find(this.current);
        const others = [...this.#all.values()].filter((timeline) => timeline !== used && timeline !== shown);
        const loaded = others.filter((timeline) => timeline.hasPages && timeline.loaded);
        for (const timeline of loaded.slice(0, Math.max(0, loaded.length - MOST_LOADED + 2))) {
            timeline.clear();
        }
        const unstored = others.filter((timeline) => !timeline.hasPages);
        for (const timeline of unstored.slice(0, Math.max(0, unstored.length - MOST_UNSTORED))) {
            this.#all.delete(nameKey(timeline.conv));
        }
        for (const timeline of others.slice(0, Math.max(0, this.#all.size - MOST))) {
            this.#all.delete(nameKey(timeline.conv));
        }
    }
}
