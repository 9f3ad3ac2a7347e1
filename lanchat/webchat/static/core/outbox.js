/** Messages that one has written, from the moment they are shown until they are acknowledged. */

import { ServerError } from "../common/errors.js";
import { t } from "../common/i18n.js";
import { byteLength, sameName } from "../common/names.js";

/** @typedef {import("../common/types.js").X} X */
/** @typedef {import("../common/types.js").Packet} Packet */

/** How many messages may wait, and how many of them for an acknowledgement. */
const MOST = 200;
const MOST_SENT = 20;
/** How often a message that is refused for now is sent again, and how long it waits for that at most, in milliseconds. */
const MOST_RETRIES = 15;
const LONGEST_RETRY_MS = 60_000;
/** How long an acknowledgement may take before the connection is taken to be dead, in milliseconds. */
const ACK_MS = 15_000;
/** Refusals that are temporary. */
const TEMPORARY = new Set(["NOT_STORED", "RATE_LIMITED"]);

/**
 * @typedef {object} Outgoing A message on its way.
 * @property {string} cid
 * @property {string} to
 * @property {string} msg
 * @property {X} x
 * @property {number} number Its place in the order in which they were written.
 * @property {boolean} isStorable The server recognises it if an account sends it again.
 * @property {number} retries
 */

/**
 * @typedef {object} Post What the outbox works with.
 * @property {(to: string, msg: string, x: X) => boolean} send Writes a packet; false if there is no connection.
 * @property {(cid: string, packet: Packet) => void} acknowledged
 * @property {(cid: string, error: ServerError) => void} failed
 * @property {(cid: string) => void} unknown The connection was lost; sending it again by itself could show it twice.
 * @property {() => void} overdue No acknowledgement came in time.
 */

/** What was written and is not acknowledged. The order is kept: what is sent again is sent alone. */
export class Outbox {
    /** @type {Outgoing[]} */
    #queue = [];
    /** @type {Map<string, Outgoing>} */
    #sent = new Map();
    #numbers = 0;
    #isOnline = false;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #retry;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #overdue;

    /** @param {Post} post */
    constructor(post) {
        this.post = post;
        /** The limit of the server for a text, in bytes. */
        this.limit = 16_384;
    }

    /** How many messages are not acknowledged. */
    get size() {
        return this.#queue.length + this.#sent.size;
    }

    /**
     * A room or a person has another name: what waits goes to that.
     * @param {string} before
     * @param {string} name
     */
    renamed(before, name) {
        this.#queue.filter(({ to }) => sameName(to, before)).forEach((message) => {
            message.to = name;
        });
    }

    /**
     * Send a message, now or when there is a connection.
     * @param {string} cid
     * @param {string} to
     * @param {string} msg
     * @param {X} x
     * @param {boolean} isStorable
     */
    add(cid, to, msg, x, isStorable) {
        if (byteLength(msg) > this.limit) {
            this.post.failed(cid, new ServerError("TOO_BIG", t("core.tooBig")));
        } else if (this.size >= MOST) {
            this.post.failed(cid, new ServerError("BUSY", t("core.busy")));
        } else {
            this.#numbers++;
            this.#queue.push({ cid, to, msg, x: { ...x, cid }, number: this.#numbers, isStorable, retries: 0 });
            this.#flush();
        }
    }

    /**
     * Take the answer to a message.
     * @param {Packet} packet
     * @returns {boolean} whether it is one
     */
    answered(packet) {
        const { cid, op, code, retry_ms: retryMs } = packet.x;
        const message = this.#sent.get(cid ?? "");
        if (message === undefined || (op !== "ack" && op !== "fail")) {
            return false;
        }
        this.#sent.delete(message.cid);
        this.#watch();
        if (op === "ack") {
            this.post.acknowledged(message.cid, packet);
        } else if (TEMPORARY.has(code) && retryMs !== undefined && message.retries < MOST_RETRIES) {
            this.#again(message);
            clearTimeout(this.#retry);
            this.#retry = setTimeout(() => this.#retryNow(), Math.min(Math.max(retryMs, 50), LONGEST_RETRY_MS));
        } else {
            this.post.failed(message.cid, new ServerError(code ?? "", packet.msg, retryMs ?? 0));
        }
        this.#flush();
        return true;
    }

    /** Send what waits: there is a connection, and what has to come before is sent. */
    online() {
        this.#isOnline = true;
        this.#flush();
    }

    /**
     * Note that the connection has ended.
     * @param {boolean} hasLog Whether the server recognises what we send again.
     */
    lost(hasLog) {
        this.#isOnline = false;
        clearTimeout(this.#retry);
        this.#retry = undefined;
        const sent = [...this.#sent.values()];
        this.#sent.clear();
        this.#watch();
        for (const message of sent) {
            if (hasLog && message.isStorable && message.retries < MOST_RETRIES) {
                this.#again(message);
            } else {
                this.post.unknown(message.cid);
            }
        }
    }

    /**
     * Give up everything: one has another name now.
     * @param {ServerError} why
     */
    giveUp(why) {
        const all = [...this.#sent.values(), ...this.#queue];
        this.#sent.clear();
        this.#queue = [];
        this.#watch();
        for (const message of all) {
            this.post.failed(message.cid, why);
        }
    }

    /** @param {Outgoing} message */
    #again(message) {
        message.retries++;
        this.#queue.push(message);
        this.#queue.sort((one, other) => one.number - other.number);
    }

    #retryNow() {
        this.#retry = undefined;
        this.#flush();
    }

    #flush() {
        while (this.#isOnline && this.#retry === undefined && this.#queue.length > 0 && this.#maySend(this.#queue[0])) {
            const message = this.#queue[0];
            if (!this.post.send(message.to, message.msg, message.x)) {
                return;
            }
            this.#queue.shift();
            this.#sent.set(message.cid, message);
            this.#watch();
        }
    }

    /** @param {Outgoing} next */
    #maySend(next) {
        const isAlone = next.retries > 0 || [...this.#sent.values()].some((message) => message.retries > 0);
        return isAlone ? this.#sent.size === 0 : this.#sent.size < MOST_SENT;
    }

    #watch() {
        clearTimeout(this.#overdue);
        this.#overdue = this.#sent.size > 0 ? setTimeout(() => this.post.overdue(), ACK_MS) : undefined;
    }
}
