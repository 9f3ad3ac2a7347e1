/** Requests to the server that wait for their answers. */

import { ServerError, offline } from "../common/errors.js";
import { t } from "../common/i18n.js";
import { newId } from "../common/names.js";

/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").X} X */

/** How many may wait, how long each, and how many packets a batch may have. */
const MOST = 200;
const LONGEST_MS = 60_000;
const MOST_BATCHED = 1000;

/**
 * @typedef {object} Request
 * @property {(packet: Packet) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {Packet[]} batch
 * @property {ReturnType<typeof setTimeout>} timer
 */

/** What was asked and is not answered, by `cid`. */
export class Requests {
    /** @type {Map<string, Request>} */
    #waiting = new Map();

    /** @param {(to: string, msg: string, x: X) => boolean} send Sends a packet; false if that is impossible. */
    constructor(send) {
        this.send = send;
    }

    /**
     * Ask, and wait for the answer.
     * @param {string} to
     * @param {string} msg
     * @param {X} x It may have a `cid`, if that is to be the same when it is asked again.
     * @returns {Promise<Packet>} the answer: an `ok`, an `ack`, or an `end` with its `batch`
     */
    ask(to, msg, x) {
        const cid = x.cid ?? newId();
        if (this.#waiting.size >= MOST) {
            return Promise.reject(new ServerError("BUSY", t("core.busy")));
        }
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
                this.#waiting.delete(cid);
                reject(new ServerError("TIMEOUT", t("core.timeout")));
            }, LONGEST_MS);
            this.#waiting.set(cid, { resolve, reject, batch: [], timer });
            if (!this.send(to, msg, { ...x, cid })) {
                this.#take(cid);
                reject(offline());
            }
        });
    }

    /**
     * Take a packet that belongs to a request.
     * @param {Packet} packet
     * @returns {boolean} whether it does
     */
    answered(packet) {
        const { x } = packet;
        const request = this.#waiting.get(x.batch ?? x.cid ?? "");
        if (request === undefined) {
            return false;
        }
        if (x.batch !== undefined && x.op !== "end") {
            if (request.batch.length < MOST_BATCHED) {
                request.batch.push(packet);
            }
            return true;
        }
        this.#take(x.cid ?? x.batch);
        if (x.op === "fail") {
            request.reject(new ServerError(x.code ?? "", packet.msg, x.retry_ms ?? 0));
        } else {
            request.resolve({ ...packet, batch: request.batch });
        }
        return true;
    }

    /** Fail everything that waits: the connection has ended. */
    lost() {
        for (const cid of [...this.#waiting.keys()]) {
            this.#take(cid)?.reject(offline());
        }
    }

    /** @param {string} cid */
    #take(cid) {
        const request = this.#waiting.get(cid);
        clearTimeout(request?.timer);
        this.#waiting.delete(cid);
        return request;
    }
}
