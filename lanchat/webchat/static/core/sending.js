/** Sends what the user writes, and shows in its row what becomes of it. */

import { changeOf, ownMessage } from "./messages.js";
import { kindOf, nameKey, newId, recipient } from "../common/names.js";
import { Outbox } from "./outbox.js";
import { readTime } from "../session/packets.js";

/** @typedef {import("../common/errors.js").ServerError} ServerError */
/** @typedef {import("./model_state.js").ModelState} ModelState */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").X} X */

/** Messages and changes that the user makes. */
export class Sending {
    /** @type {Map<string, string>} The conversation of each message that is not acknowledged, by `cid`. */
    #convs = new Map();

    /** @param {ModelState} model */
    constructor(model) {
        this.model = model;
        this.outbox = new Outbox({
            send: (to, msg, x) => model.session.send(to, msg, x),
            acknowledged: (cid, packet) => this.#acknowledged(cid, packet),
            failed: (cid, error) => this.#notSent(cid, "failed", error.message),
            unknown: (cid) => this.#notSent(cid, "unknown", ""),
            overdue: () => model.session.probe(),
        });
    }

    /**
     * Send a message to a conversation.
     * @param {string} conv
     * @param {string} text
     * @param {string} re
     * @param {string} kind
     */
    send(conv, text, re, kind) {
        const timeline = this.model.timelines.get(conv), cid = newId();
        timeline.addUnsent(ownMessage(cid, conv, this.model.me.name, text, { re, kind }));
        void (timeline.loaded ? timeline.jumpToEnd() : timeline.load());
        this.model.typingPeople.said(conv);
        this.#post(cid, conv, text, re, kind);
    }

    /**
     * Send a message again; it becomes the last one.
     * @param {Message} message
     */
    resend({ key, conv, text, re, kind }) {
        const timeline = this.model.timelines.get(conv), unsent = timeline.unsent(key);
        if (unsent !== undefined && unsent.state !== "sending") {
            timeline.addUnsent({ ...unsent, state: "sending", error: "", time: Date.now() });
            this.#post(key, unsent.conv, text, re, kind);
        }
    }

    /**
     * Edit a message, take it back, or react to it. Rejected with a `ServerError`.
     * @param {"edit"|"withdraw"|"react"} op
     * @param {string} id
     * @param {string} text
     */
    async change(op, id, text) {
        const { session, me } = this.model;
        const { x } = await session.request(`/${op}`, "", op === "withdraw" ? { id } : { id, text });
        if (x.seq !== undefined) {
            session.place.acknowledged(x.seq);
        }
        const change = changeOf({ from: me.name, to: "", msg: text, x: { op, id, ts: x.ts } });
        if (change !== null) {
            this.model.applyChange(change);
        }
    }

    /**
     * Note that a room has another name.
     * @param {string} conv
     * @param {string} name
     */
    renamed(conv, name) {
        this.outbox.renamed(recipient(conv), recipient(name));
        for (const [cid, one] of this.#convs) {
            if (nameKey(one) === nameKey(conv)) {
                this.#convs.set(cid, name);
            }
        }
    }

    /**
     * @param {string} cid
     * @param {string} conv
     * @param {string} text
     * @param {string} re
     * @param {string} kind
     */
    #post(cid, conv, text, re, kind) {
        /** @type {X} */
        const x = {};
        if (re !== "") {
            x.re = re;
        }
        if (kind !== "") {
            x.kind = kind;
        }
        this.#convs.set(cid, conv);
        this.outbox.add(cid, recipient(conv), text, x, kindOf(conv) !== "everyone");
        this.model.changed();
    }

    /**
     * @param {string} cid
     * @param {Packet} packet
     */
    #acknowledged(cid, { x }) {
        const { model } = this;
        if (x.seq !== undefined) {
            model.session.place.acknowledged(x.seq);
        }
        const timeline = model.timelines.get(this.#take(cid)), unsent = timeline.unsent(cid);
        if (unsent !== undefined) {
            /** @type {Message} */
            const message = { ...unsent, id: x.id ?? "", seq: x.seq ?? 0, time: readTime(x.ts), state: "sent" };
            timeline.confirm(message);
            model.list.said(message, true);
        }
        model.changed();
    }

    /**
     * @param {string} cid
     * @param {"failed"|"unknown"} state
     * @param {string} error
     */
    #notSent(cid, state, error) {
        this.model.timelines.find(this.#take(cid))?.changeUnsent(cid, { state, error });
        this.model.changed();
    }

    /**
     * The conversation of a message that is not waited for any more.
     * @param {string} cid
     */
    #take(cid) {
        const conv = this.#convs.get(cid) ?? "";
        this.#convs.delete(cid);
        return conv;
    }
}
