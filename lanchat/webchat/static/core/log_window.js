/** A window of the log: the messages of one conversation that are loaded, which are all that lie between its first and last. */

import { changedBy } from "./messages.js";
import { firstSeq, indexOf, inserted, joined, lastSeq, withKeysOf } from "./rows.js";

/** @typedef {import("../common/types.js").Change} Change */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").Page} Page */

/** How many messages are kept at most. */
export const MOST_ROWS = 400;
/** Changes that are remembered while a page is on its way. */
const MOST_CHANGES = 1000;

/** The messages that are loaded, and what lies before and after them. */
export class LogWindow {
    /** @type {Message[]} The oldest first. */
    rows = [];
    /** Whether nothing older, and nothing newer, exists. */
    atStart = false;
    atEnd = false;
    /** Whether anything was loaded. */
    loaded = false;
    /** Whether something may be missing between the messages, or be changed, until all is loaded anew. */
    isStale = false;
    /** The numbers before and after which there is more. */
    older = 0;
    newer = 0;
    /** @type {Message[]|null} What came while a newer page was on its way; null if none is. */
    #held = null;
    /** Whether an older page is on its way, so that the first message has to stay. */
    #keepsStart = false;
    /** @type {Change[]|null} What was changed while a page was on its way; null if none is. */
    #changes = null;

    /** @param {boolean} hasPages Whether the server has pages. Otherwise the window begins and ends with what comes. */
    constructor(hasPages) {
        this.hasPages = hasPages;
        this.loaded = this.atStart = this.atEnd = !hasPages;
    }

    /**
     * Begin to wait for a page: what changes meanwhile is newer than what is on it.
     * @param {boolean} isOlder Whether it is to be put before the first message. Otherwise it may be the newest, so that what
     *     comes meanwhile is to follow it.
     */
    expect(isOlder) {
        this.#changes = [];
        this.#keepsStart = isOlder;
        this.#held = isOlder ? null : [];
    }

    /** End waiting: the page is here, or does not come. */
    settle() {
        const changes = this.#changes ?? [];
        this.#changes = this.#held = null;
        this.#keepsStart = false;
        for (const change of changes) {
            this.apply(change);
        }
    }

    /**
     * Put a page before the first message.
     * @param {Page} page
     * @returns {boolean} whether there is anything on it, as for the methods that follow
     */
    prepend(page) {
        const rows = joined(page.messages, this.rows);
        this.atStart = !page.more;
        this.older = page.before;
        this.atEnd &&= rows.length <= MOST_ROWS;
        this.rows = rows.slice(0, MOST_ROWS);
        this.newer = lastSeq(this.rows);
        return page.messages.length > 0;
    }

    /**
     * Put a page behind the last message.
     * @param {Page} page
     */
    append(page) {
        this.rows = joined(this.rows, page.messages);
        this.newer = page.more ? page.before : lastSeq(this.rows);
        this.#reachEnd(!page.more);
        return page.messages.length > 0;
    }

    /**
     * Show the newest page, and what came since.
     * @param {Page} page
     */
    showNewest(page) {
        this.#replace(page.messages);
        this.atStart = !page.more;
        this.older = page.before;
        this.#reachEnd(true);
        return page.messages.length > 0;
    }

    /**
     * Show a page around a message.
     * @param {Page} page
     */
    showAround(page) {
        this.#replace(page.messages);
        this.atStart = !page.more;
        this.older = page.before || firstSeq(this.rows);
        this.atEnd = false;
        return page.messages.length > 0;
    }

    /**
     * Show what begins with the same message as before, but was loaded anew.
     * @param {Message[]} rows
     * @param {boolean} reachesEnd Whether there is nothing after it.
     * @param {boolean} keepsEnd Whether to keep the last of the rows, if they are too many; otherwise the first.
     */
    showAgain(rows, reachesEnd, keepsEnd) {
        this.#replace(keepsEnd ? rows : rows.slice(0, MOST_ROWS));
        this.#reachEnd(reachesEnd && (keepsEnd || rows.length <= MOST_ROWS));
        return rows.length > 0;
    }

    /**
     * Take in a message that has just come.
     * @param {Message} message
     * @param {boolean} [keepsKey] Whether its key stays, if it is here already.
     * @returns {boolean} whether the rows have changed
     */
    add(message, keepsKey = false) {
        if (this.#held !== null) {
            this.#held = inserted(this.#held, message, keepsKey).slice(-MOST_ROWS);
        }
        if (this.#keepsStart && this.rows.length >= MOST_ROWS) {
            this.atEnd = false;
            this.newer = lastSeq(this.rows);
        }
        if ((this.loaded && this.atEnd) || indexOf(this.rows, message.id) >= 0) {
            this.rows = inserted(this.rows, message, keepsKey);
            this.#dropOldest();
            return true;
        }
        return false;
    }

    /**
     * Change a message, if it is here.
     * @param {Change} change
     * @returns {boolean} whether the rows have changed
     */
    apply(change) {
        if (this.#changes !== null && this.#changes.length < MOST_CHANGES) {
            this.#changes.push(change);
        }
        if (this.#held !== null) {
            this.#held = withChange(this.#held, change);
        }
        const before = this.rows;
        this.rows = withChange(before, change);
        return this.rows !== before;
    }

    /** @param {Message[]} rows */
    #replace(rows) {
        this.rows = withKeysOf(rows, this.rows);
        this.newer = lastSeq(this.rows);
        this.loaded = true;
        this.isStale = false;
    }

    /**
     * Note whether the newest page has come; then what came meanwhile follows it.
     * @param {boolean} reached
     */
    #reachEnd(reached) {
        const held = this.#held ?? [];
        this.#held = null;
        this.atEnd = reached;
        for (const message of reached ? held : []) {
            this.rows = inserted(this.rows, message, message.mine);
        }
        this.#dropOldest();
    }

    #dropOldest() {
        const surplus = this.rows.length - MOST_ROWS;
        if (surplus > 0) {
            this.rows = this.rows.slice(surplus);
            this.older = firstSeq(this.rows);
            this.atStart = !this.hasPages;
        }
    }
}

/**
 * The same list if the changed message is not in it.
 * @param {Message[]} rows
 * @param {Change} change
 */
function withChange(rows, change) {
    const there = indexOf(rows, change.id);
    return there < 0 ? rows : [...rows.slice(0, there), changedBy(rows[there], change), ...rows.slice(there + 1)];
}
