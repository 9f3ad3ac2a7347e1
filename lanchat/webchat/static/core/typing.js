/** Who is typing, and telling others that we are. */

import { nameKey } from "../common/names.js";
import { Observable } from "../common/observable.js";

/** How long somebody counts as typing after a notice, and how often we send one, in milliseconds. */
const SHOWN_MS = 6000;
const NOTICE_MS = 3000;
/** How many notices are remembered at most. */
const MOST = 500;

/** The notices of the last seconds. It changes when somebody begins or ends. */
export class Typing extends Observable {
    /** @type {Map<string, { conv: string, name: string, until: number }>} */
    #notices = new Map();
    /** @type {Map<string, number>} When we sent a notice last, by conversation. */
    #sent = new Map();
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #timer;

    /**
     * Who is typing in a conversation.
     * @param {string} conv
     * @returns {string[]}
     */
    names(conv) {
        const key = nameKey(conv), now = Date.now();
        return [...this.#notices.values()].filter((one) => one.conv === key && one.until > now).map((one) => one.name);
    }

    /**
     * Note that somebody is typing.
     * @param {string} conv
     * @param {string} name
     */
    began(conv, name) {
        const id = this.#id(conv, name);
        if (this.#notices.size >= MOST && !this.#notices.has(id)) {
            return;
        }
        this.#notices.set(id, { conv: nameKey(conv), name, until: Date.now() + SHOWN_MS });
        this.#timer ??= setTimeout(() => this.#expire(), SHOWN_MS);
        this.changed();
    }

    /**
     * Note that somebody has said something, and so is not typing any more.
     * @param {string} conv
     * @param {string} name
     */
    ended(conv, name) {
        if (this.#notices.delete(this.#id(conv, name))) {
            this.changed();
        }
    }

    /**
     * Whether to send a notice for a conversation now.
     * @param {string} conv
     */
    maySend(conv) {
        const now = Date.now(), last = this.#sent.get(nameKey(conv)) ?? 0;
        if (now - last < NOTICE_MS) {
            return false;
        }
        if (this.#sent.size >= MOST) {
            this.#sent.clear();
        }
        this.#sent.set(nameKey(conv), now);
        return true;
    }

    /**
     * Note that we have said something: if we go on, others are told at once.
     * @param {string} conv
     */
    said(conv) {
        this.#sent.delete(nameKey(conv));
    }

    /** Forget who is typing: the connection has ended. */
    clear() {
        this.#notices.clear();
        this.changed();
    }

    #expire() {
        const now = Date.now();
        let next = Infinity;
        for (const [id, notice] of this.#notices) {
            if (notice.until <= now) {
                this.#notices.delete(id);
            } else {
                next = Math.min(next, notice.until);
            }
        }
        this.#timer = next === Infinity ? undefined : setTimeout(() => this.#expire(), next - now);
        this.changed();
    }

    /**
     * @param {string} conv
     * @param {string} name
     */
    #id(conv, name) {
        return `${nameKey(conv)}\n${nameKey(name)}`;
    }
}
