/** Files that one sends: chosen, sent one after another, and forgotten here when their messages are in the conversation. */

import { ServerError, offline, pause } from "../common/errors.js";
import { t } from "../common/i18n.js";
import { newId, nameKey, recipient } from "../common/names.js";
import { Observable } from "../common/observable.js";
import { sizeInWords } from "../common/sizes.js";
import { fileOf, hereOf, messageOf } from "./messages.js";
import { pictureOf } from "./pictures.js";
import { put } from "./put.js";
import { textOf } from "../session/packets.js";

/** @typedef {import("./model_state.js").ModelState} ModelState */
/** @typedef {import("../common/types.js").X} X */

/** How many files may be in the list, and how often one is offered to the server again that wants us to wait. */
const MOST = 100;
const TRIES = 5;

/**
 * @typedef {object} UploadRow A file that is to be sent.
 * @property {string} key Its `cid`: the same when it is sent again, so that it is there once in any case.
 * @property {string} conv
 * @property {File} file
 * @property {string} caption What is said with it.
 * @property {"chosen"|"waiting"|"sending"|"failed"} state
 * @property {number} part How much of it is sent, from 0 to 1.
 * @property {string} error Why it failed, for people.
 * @property {boolean} isFinal It makes no sense to try again.
 * @property {AbortController} stop Ends the sending.
 */

/** The files that one sends. */
export class Uploads extends Observable {
    /** @type {UploadRow[]} In the order in which they are sent. */
    rows = [];
    #running = false;
    /** @type {Map<string, (x: X) => void>} Who waits for an acknowledgement, by `cid`. */
    #acks = new Map();

    /** @param {ModelState} model */
    constructor(model) {
        super();
        this.model = model;
        model.session.subscribe(() => !model.session.isOnline && this.#stopAll());
        addEventListener("beforeunload", (event) => this.#isUnderWay && event.preventDefault());  // (the browser asks)
    }

    /** Whether something is being sent. */
    get #isUnderWay() {
        return this.rows.some(({ state }) => state === "waiting" || state === "sending");
    }

    /**
     * The files of a conversation.
     * @param {string} conv
     */
    of(conv) {
        return this.rows.filter((row) => nameKey(row.conv) === nameKey(conv));
    }

    /**
     * Choose files for a conversation. They are sent when `send` is called.
     * @param {string} conv
     * @param {File[]} files
     */
    add(conv, files) {
        const most = Number(this.model.files?.size) || Infinity;
        for (const file of files.slice(0, Math.max(0, MOST - this.rows.length))) {
            const tooBig = file.size > most ? t("upload.tooBig", { size: sizeInWords(most) }) : "";
            const error = file.size === 0 ? t("upload.empty") : tooBig;
            this.rows.push({
                key: newId(), conv, file, caption: "", state: error === "" ? "chosen" : "failed", part: 0, error,
                isFinal: error !== "", stop: new AbortController(),
            });
        }
        this.changed();
    }

    /**
     * Send the chosen files of a conversation; the first one with what is said.
     * @param {string} conv
     * @param {string} caption
     */
    send(conv, caption) {
        this.of(conv).filter((row) => row.state === "chosen").forEach((row, n) => {
            row.caption = n ? "" : caption;
            row.state = "waiting";
        });
        void this.#run();
    }

    /**
     * Send a file again that failed.
     * @param {UploadRow} row
     */
    retry(row) {
        Object.assign(row, { state: "waiting", error: "", part: 0, stop: new AbortController() });
        void this.#run();
    }

    /**
     * Forget a file, and stop sending it.
     * @param {UploadRow} row
     */
    remove(row) {
        row.stop.abort();
        this.rows = this.rows.filter((other) => other !== row);
        this.changed();
    }

    /**
     * Note that a room has another name.
     * @param {string} conv
     * @param {string} name
     */
    renamed(conv, name) {
        this.of(conv).forEach((row) => {
            row.conv = name;
        });
    }

    /** Forget all: one is somebody else now. */
    clear() {
        [...this.rows].forEach((row) => this.remove(row));
    }

    /**
     * Take an acknowledgement that may be for a file.
     * @param {X} x
     */
    acknowledged(x) {
        const cid = x.cid ?? "";
        this.#acks.get(cid)?.(x);
        this.#acks.delete(cid);
    }

    /** There is no session any more: what is not sent is offered again. */
    #stopAll() {
        for (const row of this.rows.filter(({ state }) => state === "waiting" || state === "sending")) {
            Object.assign(row, { state: "failed", error: t("upload.cut") });
            row.stop.abort();
        }
        this.changed();
    }

    async #run() {
        this.changed();
        if (this.#running) {
            return;
        }
        this.#running = true;
        for (let row; (row = this.rows.find(({ state }) => state === "waiting")) !== undefined;) {
            row.state = "sending";
            this.changed();
            try {
                await this.#send(row);
                this.remove(row);
            } catch (error) {
                if (!row.stop.signal.aborted) {
                    const { message, code } = /** @type {any} */ (error);
                    const isFinal = code === "UNREADABLE" || code === "TOO_BIG";
                    Object.assign(row, { state: "failed", error: message || t("error.unknown"), isFinal });
                }
            }
        }
        this.#running = false;
        this.changed();
    }

    /** @param {UploadRow} row */
    async #send(row) {
        const { file, key, stop } = row;
        // A folder that was dropped, or a file that is gone, can't be read; asking is cheaper than half a request.
        await file.slice(0, 1).arrayBuffer().catch(() => Promise.reject(new ServerError("UNREADABLE", t("upload.unreadable"))));
        const picture = await pictureOf(file), thumb = picture?.thumb ?? null;
        const acknowledged = new Promise((/** @type {(x: X) => void} */ resolve) => this.#acks.set(key, resolve));
        const answer = await this.#offer(row, picture);
        stop.signal.throwIfAborted();
        if (answer.x.op === "ack") {  // it is there: only the answer was lost
            await this.#show(row, answer.x);
            return;
        }
        void acknowledged.then((ack) => (stop.signal.aborted ? this.#show(row, ack) : undefined));  // (stopped too late)
        const url = hereOf(textOf(answer.x.upload ?? {}, "url"));
        const told = await put(url, new Blob(thumb === null ? [file] : [thumb, file]), stop.signal, (part) => {
            row.part = part;
            this.changed();
        });
        await this.#show(row, await Promise.race([acknowledged, stopped(stop.signal)]), told);
    }

    /**
     * Tell the server what is to be sent; if it wants us to wait, again after that.
     * @param {UploadRow} row
     * @param {import("./pictures.js").Picture|null} picture
     */
    async #offer({ conv, file, caption, key, stop }, picture) {
        /** @type {X} */
        const x = { target: recipient(conv), name: file.name, size: file.size, cid: key };
        if (caption !== "") {
            x.text = caption;
        }
        if (picture !== null) {
            Object.assign(x, { w: picture.w, h: picture.h }, picture.thumb && { thumb: picture.thumb.size });
        }
        for (let tries = 1; ; tries++) {
            try {
                return await this.model.session.request("/file", "", x);
            } catch (error) {
                if (!(error instanceof ServerError) || error.code !== "RATE_LIMITED" || tries >= TRIES) {
                    throw error;
                }
                await pause(Math.max(error.retryMs, 50));
                stop.signal.throwIfAborted();
            }
        }
    }

    /**
     * Show the message of a file that was sent.
     * @param {UploadRow} row
     * @param {X} ack
     * @param {X} [told] What the server answered to the file itself.
     */
    async #show({ conv, file, caption, key }, ack, told = {}) {
        const { model } = this;
        const known = { ...told, name: textOf(told, "name") || file.name, size: file.size };
        const link = await model.session.request("/link", "", { id: ack.id ?? "" }).catch(() => ({ x: { file: known } }));
        const shown = fileOf(link.x.file), msg = caption || (shown?.name ?? file.name);
        const message = messageOf({ from: model.me.name, to: conv, msg, x: { ...ack, conv, self: true } }, model.me.name);
        model.timelines.get(conv).confirm({ ...message, key, file: shown });
        model.list.said(message, true);
        model.changed();
    }
}

/**
 * Rejected when something is stopped.
 * @param {AbortSignal} signal
 * @returns {Promise<never>}
 */
function stopped(signal) {
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(offline())));
}
