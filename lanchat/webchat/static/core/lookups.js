/** What the page looks up in the server's log: pages of a conversation, single messages, and searches. */

import { ServerError, pause } from "../common/errors.js";
import { changedBy, messageOf } from "./messages.js";
import { kindOf } from "../common/names.js";

/** @typedef {import("../session/session.js").Session} Session */
/** @typedef {import("./loading_timeline.js").Place} Place */
/** @typedef {import("../common/types.js").Change} Change */
/** @typedef {import("../common/types.js").Found} Found */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").Page} Page */
/** @typedef {import("../common/types.js").X} X */

/** How many single messages are remembered, and how much of one is an excerpt, in characters. */
const MOST_CACHED = 500;
const EXCERPT = 200;
/** How often something is asked again if the server wants us to wait. */
const TRIES = 6;

/** Looks things up in the log. It is the source of the timelines. */
export class Lookups {
    /** @type {Map<string, Message|null>} Messages by id; null for one that is not there. */
    #cache = new Map();
    /** @type {Map<string, Promise<Message|null>>} */
    #asked = new Map();

    /** @param {Session} session */
    constructor(session) {
        this.session = session;
        this.page = this.page.bind(this);
        this.hasPages = this.hasPages.bind(this);
        this.excerpt = this.excerpt.bind(this);
        this.cached = this.cached.bind(this);
    }

    /**
     * Whether the server has pages of a conversation for us.
     * @param {string} conv
     */
    hasPages(conv) {
        const kind = kindOf(conv);
        return this.session.caps.has("history") && (kind === "room" || (kind === "person" && this.session.account));
    }

    /**
     * Fetch a page of a conversation.
     * @param {string} conv
     * @param {Place} place
     * @returns {Promise<Page>}
     */
    async page(conv, place) {
        try {
            const { batch, x } = await this.#ask("/history", { target: conv, ...place });
            return { messages: this.#messages(batch), more: x.more === true, before: x.before ?? 0 };
        } catch (error) {
            if (error instanceof ServerError && error.code === "NO_SUCH_TARGET" && kindOf(conv) === "person" && !place.around) {
                return { messages: [], more: false, before: 0 };  // nothing was said there yet
            }
            throw error;
        }
    }

    /**
     * Search.
     * @param {string} query As in `/search`.
     * @param {number} before Only what is before this number in the log; 0: everything.
     * @returns {Promise<Found>}
     */
    async search(query, before) {
        const { batch, x } = await this.#ask("/search", before > 0 ? { text: query, before } : { text: query });
        return { messages: this.#messages(batch).reverse(), more: x.more === true, before: x.before ?? 0 };
    }

    /**
     * A message that was looked up before.
     * @param {string} id
     * @returns {Message|undefined}
     */
    cached(id) {
        return this.#cache.get(id) ?? undefined;
    }

    /**
     * Who wrote a message, and how it begins; null if it is not there (any more).
     * @param {string} id
     * @returns {Promise<{ from: string, text: string }|null>}
     */
    async excerpt(id) {
        const known = this.#cache.get(id);
        const message = known !== undefined ? known : await this.#find(id);
        return message === null || message.withdrawn ? null : { from: message.from, text: message.text.slice(0, EXCERPT) };
    }

    /**
     * Change a message that was looked up.
     * @param {Change} change
     */
    apply(change) {
        const message = this.#cache.get(change.id);
        if (message) {
            this.#cache.set(change.id, changedBy(message, change));
        }
    }

    /** Forget what was looked up: changes may have been missed. */
    clear() {
        this.#cache.clear();
    }

    /** @param {string} id */
    #find(id) {
        const asked = this.#asked.get(id) ?? this.#fetch(id).finally(() => this.#asked.delete(id));
        this.#asked.set(id, asked);
        return asked;
    }

    /**
     * @param {string} id
     * @returns {Promise<Message|null>}
     */
    async #fetch(id) {
        let message = null;
        try {
            const { batch } = await this.#ask("/history", { around: id, limit: 1 });
            message = this.#messages(batch).find((one) => one.id === id) ?? null;
        } catch (error) {
            if (!(error instanceof ServerError) || error.code !== "NO_SUCH_TARGET") {
                return null;  // it may be there another time
            }
        }
        if (this.#cache.size >= MOST_CACHED) {
            this.#cache.delete(this.#cache.keys().next().value ?? "");
        }
        this.#cache.set(id, message);
        return message;
    }

    /**
     * Ask for a batch; if the server wants us to wait, again after that.
     * @param {string} to
     * @param {X} x
     * @returns {Promise<Packet>}
     */
    async #ask(to, x) {
        for (let tries = 1; ; tries++) {
            try {
                return await this.session.request(to, "", x);
            } catch (error) {
                if (!(error instanceof ServerError) || error.code !== "RATE_LIMITED" || tries >= TRIES) {
                    throw error;
                }
                await pause(Math.max(error.retryMs, 50));
            }
        }
    }

    /** @param {Packet[]|undefined} batch */
    #messages(batch = []) {
        return batch.filter(({ x }) => x.op === undefined || x.op === "event").map((one) => messageOf(one, this.session.name));
    }
}
