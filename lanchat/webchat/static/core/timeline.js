/** A timeline: the messages of one conversation as they are shown. */

import { MOST_ROWS } from "./log_window.js";
import { LoadingTimeline } from "./loading_timeline.js";
import { indexOf } from "./rows.js";

/** @typedef {import("../common/types.js").Change} Change */
/** @typedef {import("../common/types.js").Message} Message */

/** The rows of one conversation: what is loaded, and what one wrote and is not acknowledged. It changes with each row. */
export class Timeline extends LoadingTimeline {
    /** The line "new" stands before the first row of others after this number; 0: nowhere. */
    newSince = 0;
    /** @type {Message[]} What one wrote and is not acknowledged. */
    #unsent = [];

    /** Forget everything but what is not acknowledged. */
    clear() {
        this.newSince = 0;
        this.reset();
    }

    /**
     * Show a message that has just come.
     * @param {Message} message
     */
    add(message) {
        if (this.log.add(message)) {
            this.update();
        }
    }

    /**
     * Change a message, if it is here.
     * @param {Change} change
     */
    apply(change) {
        if (this.log.apply(change)) {
            this.update();
        }
    }

    /**
     * Show a message that one has written, and that is not acknowledged, as the last one. It may be shown already.
     * @param {Message} message
     */
    addUnsent(message) {
        this.#unsent = [...this.#unsent.filter((row) => row.key !== message.key), message].slice(-MOST_ROWS);
        this.update();
    }

    /**
     * A message that one has written, and that is not acknowledged.
     * @param {string} key
     */
    unsent(key) {
        return this.#unsent.find((row) => row.key === key);
    }

    /**
     * Change a message that is not acknowledged, without moving it.
     * @param {string} key
     * @param {Partial<Message>} members
     */
    changeUnsent(key, members) {
        this.#unsent = this.#unsent.map((row) => (row.key === key ? { ...row, ...members } : row));
        this.update();
    }

    /**
     * Remove a message that is not acknowledged.
     * @param {string} key
     */
    discard(key) {
        this.#unsent = this.#unsent.filter((row) => row.key !== key);
        this.update();
    }

    /**
     * Note that a message of ours is acknowledged.
     * @param {Message} message As it is from now on.
     */
    confirm(message) {
        this.#unsent = this.#unsent.filter((row) => row.key !== message.key);
        this.log.add(message, true);
        this.update();
    }

    /**
     * A message that is shown here, or was looked up.
     * @param {string} id
     * @returns {Message|undefined}
     */
    get(id) {
        return this.log.rows[indexOf(this.log.rows, id)] ?? this.source.cached(id);
    }

    /**
     * Who wrote a message, and how it begins; null if it is not there any more.
     * @param {string} id
     * @returns {Promise<{ from: string, text: string }|null>}
     */
    async excerpt(id) {
        const found = this.get(id);
        return found === undefined ? this.source.excerpt(id) : { from: found.from, text: found.text };
    }

    /**
     * Note that the room has another name.
     * @param {string} conv
     */
    rename(conv) {
        this.conv = conv;
        this.log.rows = this.log.rows.map((row) => ({ ...row, conv }));
        this.#unsent = this.#unsent.map((row) => ({ ...row, conv }));
        this.update();
    }

    /** Show the window, and at its end what is not acknowledged. */
    update() {
        const { rows, atEnd, loaded } = this.log;
        this.rows = (atEnd || !loaded) && this.#unsent.length > 0 ? [...rows, ...this.#unsent].slice(-MOST_ROWS) : rows;
        this.changed();
    }
}
