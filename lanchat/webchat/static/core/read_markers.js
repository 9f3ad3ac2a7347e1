/** Tells the server up to where conversations were read, at most once a second. */

import { nameKey } from "../common/names.js";

/** @typedef {import("../session/session.js").Session} Session */

/** How often the server is told, in milliseconds, and about how many conversations at once. */
const PAUSE_MS = 1000;
const MOST = 20;

/** Read markers that are on their way to the server. */
export class ReadMarkers {
    /** @type {Map<string, { conv: string, seq: number }>} */
    #waiting = new Map();
    #isResting = false;

    /** @param {Session} session */
    constructor(session) {
        this.session = session;
    }

    /**
     * Tell the server soon that a conversation was read.
     * @param {string} conv
     * @param {number} seq
     */
    mark(conv, seq) {
        if (this.#waiting.size < MOST || this.#waiting.has(nameKey(conv))) {
            this.#waiting.set(nameKey(conv), { conv, seq });
            this.#tell();
        }
    }

    /** Go on: there is a connection again. */
    online() {
        this.#tell();
    }

    #tell() {
        if (this.#isResting || this.#waiting.size === 0 || !this.session.isOnline) {
            return;
        }
        this.#isResting = true;
        const told = [...this.#waiting.values()];
        this.#waiting.clear();
        for (const { conv, seq } of told) {
            this.session.request("/read", "", { target: conv, seq }).catch(() => undefined);
        }
        setTimeout(() => {
            this.#isResting = false;
            this.#tell();
        }, PAUSE_MS);
    }
}
