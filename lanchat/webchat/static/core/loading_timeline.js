/** Loads a window of the log: pages at both ends, around a message, or all of it anew. */

import { ServerError } from "../common/errors.js";
import { LogWindow, MOST_ROWS } from "./log_window.js";
import { Observable } from "../common/observable.js";
import { firstSeq, joined, lastSeq } from "./rows.js";

/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").Page} Page */

/** How many messages a page has, and how many are asked for at once when what is shown is loaded anew. */
const PAGE = 100;
const LARGE_PAGE = 200;
/** How many pages in a row may be empty before one gives up. */
const EMPTY_PAGES = 10;

/** @typedef {{ before?: number, after?: number, around?: number|string, limit: number }} Place A page that is asked for. */

/**
 * Where a timeline gets what it shows.
 * @typedef {object} Source
 * @property {(conv: string, place: Place) => Promise<Page>} page Fetches a page of a conversation.
 * @property {(conv: string) => boolean} hasPages Whether the server has pages of this conversation for us.
 * @property {(id: string) => Promise<{ from: string, text: string }|null>} excerpt What a reply refers to.
 * @property {(id: string) => Message|undefined} cached A message that was looked up before.
 */

/** The part of a timeline that loads. What is asked for takes the place of what is on its way. */
export class LoadingTimeline extends Observable {
    /** @type {Message[]} What is shown, the oldest first; at most 400. */
    rows = [];
    /** @type {""|"older"|"newer"|"around"} What is on its way. */
    loading = "";
    /** @type {ServerError|null} Why nothing came when something was loaded last. */
    failed = null;
    /** @type {LogWindow} */
    log;
    /** Another number means that what is on its way is not wanted any more. */
    #load = 0;

    /**
     * @param {string} conv
     * @param {Source} source
     */
    constructor(conv, source) {
        super();
        this.conv = conv;
        this.source = source;
        this.log = new LogWindow(this.hasPages);
    }

    /** Whether the first message of the conversation is among the rows. */
    get atStart() {
        return this.log.atStart;
    }

    /** Whether the newest message is, so that new ones are appended. */
    get atEnd() {
        return this.log.atEnd;
    }

    /** Whether a first page has come, or there are no pages. */
    get loaded() {
        return this.log.loaded;
    }

    /** Whether something may be missing between the rows, or be changed: a `refresh` is due. */
    get isStale() {
        return this.log.isStale;
    }

    /** Whether the server has pages of this conversation for us. */
    get hasPages() {
        return this.source.hasPages(this.conv);
    }

    /** Whether what is said here is kept by the server. */
    get stored() {
        return this.hasPages || this.newestSeq > 0;
    }

    /** The number of the last message that is loaded; 0 if there is none. */
    get newestSeq() {
        return lastSeq(this.log.rows);
    }

    /**
     * Load the newest page, if nothing was loaded yet.
     * @returns {Promise<boolean>} whether anything came
     */
    async load() {
        return !this.loaded && this.loading === "" && this.#loadNewest();
    }

    /**
     * Load the page before the first row.
     * @returns {Promise<boolean>} whether anything came
     */
    async loadOlder() {
        if (!this.loaded || this.loading !== "" || this.atStart) {
            return false;
        }
        return this.#run("older", async () => {
            const page = await this.#page({ before: this.log.older, limit: PAGE });
            return () => this.log.prepend(page);
        });
    }

    /**
     * Load the page after the last row.
     * @returns {Promise<boolean>} whether anything came
     */
    async loadNewer() {
        if (!this.loaded || this.loading !== "" || this.atEnd) {
            return false;
        }
        return this.#run("newer", async () => {
            const page = await this.#page({ after: this.log.newer, limit: PAGE });
            return () => this.log.append(page);
        });
    }

    /**
     * Show the messages around one of them.
     * @param {string|number} idOrSeq Its id or number.
     * @returns {Promise<Message|undefined>} the message, if it is there
     */
    async jumpTo(idOrSeq) {
        const isIt = (/** @type {Message} */ row) => row.seq === idOrSeq || row.id === idOrSeq;
        const there = this.rows.find(isIt);
        if (there !== undefined || !this.hasPages) {
            return there;
        }
        await this.#run("around", async () => {
            const page = await this.source.page(this.conv, { around: idOrSeq, limit: PAGE });
            return () => this.log.showAround(page);
        });
        const target = this.rows.findIndex(isIt);
        if (this.rows.length - target < PAGE / 2) {
            await this.loadNewer();  // the log seems to end here
        }
        return this.rows.find(isIt);
    }

    /**
     * Show the newest messages.
     * @returns {Promise<boolean>} whether they are shown
     */
    async jumpToEnd() {
        if (!this.atEnd && this.hasPages) {
            await this.#loadNewest();
        }
        return this.atEnd;
    }

    /**
     * Load anew what is shown, as changes of it may have been missed, and what came after it.
     * @returns {Promise<boolean>} whether that was possible
     */
    async refresh() {
        const first = firstSeq(this.log.rows), wasAtEnd = this.atEnd;
        if (!this.hasPages) {
            return true;
        }
        this.log.isStale = this.loaded;
        if (first === 0) {
            await this.#loadNewest();
            return this.failed === null;
        }
        await this.#run("newer", async (isWanted) => {
            /** @type {Message[]} */
            let rows = [];
            let page = /** @type {Page} */ ({ messages: [], more: true, before: first - 1 });
            while (page.more && rows.length < MOST_ROWS && isWanted()) {
                page = await this.#page({ after: page.before, limit: LARGE_PAGE });
                rows = joined(rows, page.messages);
            }
            if (page.more && wasAtEnd) {
                const newest = await this.#page({ limit: PAGE });
                return () => this.log.showNewest(newest);
            }
            return () => this.log.showAgain(rows, !page.more, wasAtEnd);
        });
        return this.failed === null;
    }

    /** Forget what is loaded, and what is on its way. */
    reset() {
        this.#load++;
        this.loading = "";
        this.failed = null;
        this.log = new LogWindow(this.hasPages);
        this.update();
    }

    /** Show what is in the window. */
    update() {
        this.rows = this.log.rows;
        this.changed();
    }

    async #loadNewest() {
        return this.#run(this.loaded ? "newer" : "around", async () => {
            const page = await this.#page({ limit: PAGE });
            return () => this.log.showNewest(page);
        });
    }

    /**
     * Fetch something and show it, unless something else was asked for meanwhile.
     * @param {"older"|"newer"|"around"} what
     * @param {(isWanted: () => boolean) => Promise<() => boolean>} fetch Its result shows what was fetched, and returns whether
     *     anything was.
     * @returns {Promise<boolean>} whether anything came
     */
    async #run(what, fetch) {
        const load = ++this.#load, { log } = this;
        const isWanted = () => this.#load === load;
        log.expect(what === "older");
        this.loading = what;
        this.changed();
        /** @type {ServerError|null} */
        let failed = null;
        let came = false;
        try {
            const show = await fetch(isWanted);
            came = isWanted() && show();
        } catch (error) {
            failed = error instanceof ServerError ? error : new ServerError("INTERNAL", String(error));
        }
        if (!isWanted()) {
            return false;
        }
        this.loading = "";
        this.failed = failed;
        log.settle();
        this.update();
        return came;
    }

    /**
     * Fetch a page; if it is empty and there is more, the next one.
     * @param {Place} place
     */
    async #page(place) {
        let page = await this.source.page(this.conv, place);
        for (let n = 0; n < EMPTY_PAGES && page.messages.length === 0 && page.more; n++) {
            const further = place.after === undefined ? { before: page.before } : { after: page.before };
            page = await this.source.page(this.conv, { limit: place.limit, ...further });
        }
        return page;
    }
}
