/** What the server tells us: messages, changes of them, and events. Each packet changes the model. */

import { rankOf } from "./conversations.js";
import { changeOf, messageOf } from "./messages.js";
import { sameName } from "../common/names.js";

/** @typedef {import("./model_state.js").ModelState} ModelState */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").X} X */

/** Missed messages of which others are told one by one; if there are more, it is enough that they are unread. */
const MOST_TOLD = 20;

/** Takes the packets of one session. */
export class Incoming {
    /** The number in the log at the last welcome. */
    #newest = 0;
    /** Whether those who listen for messages are told of missed ones. */
    #tellsMissed = false;

    /** @param {ModelState} model */
    constructor(model) {
        this.model = model;
    }

    /**
     * Note a welcome.
     * @param {X} x
     */
    welcomed(x) {
        this.#newest = x.seq ?? 0;
        this.#tellsMissed = (x.missed ?? MOST_TOLD + 1) <= MOST_TOLD;
    }

    /**
     * Take a packet.
     * @param {Packet} packet
     */
    take(packet) {
        const { x } = packet, { model } = this;
        const isOfLog = x.batch === undefined || x.batch === "resume";
        if (model.outbox.answered(packet)) {
            return;
        }
        if (x.op === undefined) {
            this.#delivered(packet);
        } else if (x.op === "event") {
            this.#happened(packet);
        } else if (x.op === "gap") {
            model.session.place.leftOut(x.after ?? 0, x.upto ?? 0);
            void model.loading.fillGap();
        } else if (x.op === "end" && x.batch === "resume") {
            model.session.place.replayed(x.more === true, this.#newest);
            void (x.more === true ? model.loading.fillGap() : model.loading.listConversations());
        } else if (x.op === "ok" || x.op === "fail") {
            this.#told(packet);
        } else if (x.op === "ack") {
            model.session.place.acknowledged(x.seq ?? 0);
            model.uploads?.acknowledged(x);
        } else {
            this.#changed(packet);
        }
        if (isOfLog && x.seq !== undefined && x.ev !== "read" && !["ack", "end", "gap"].includes(x.op)) {
            model.session.place.came(x.seq);
        }
    }

    /** @param {Packet} packet */
    #delivered(packet) {
        const { model } = this, { x } = packet;
        if (x.conv === undefined) {
            this.#told(packet);  // a line of the server's for people
            return;
        }
        const message = messageOf(packet, model.me.name);
        const timeline = model.timelines.find(message.conv) ?? (model.lookups.hasPages(message.conv) ? undefined
            : model.timelines.get(message.conv));
        timeline?.add(message);
        model.typingPeople.ended(message.conv, message.from);
        const conversation = model.list.said(message, false);
        model.markNew(message, conversation);
        if (!message.mine && (x.batch === undefined || this.#tellsMissed)) {
            model.tellMessage(message, conversation);
        }
        model.changed();
    }

    /** @param {Packet} packet */
    #changed(packet) {
        const change = changeOf(packet);
        if (change !== null) {
            this.model.applyChange(change);
        }
    }

    /** @param {Packet} packet */
    #happened(packet) {
        const { x } = packet, { model } = this;
        const who = x.who ?? [], conv = x.conv ?? "";
        if (x.ev === "came" || x.ev === "went") {
            this.#cameOrWent(x.ev, who);
        } else if (x.ev === "typing") {
            model.typingPeople.began(conv, who[0] ?? "");
        } else if (x.ev === "read") {
            if (!model.list.readUpTo(conv, x.seq ?? 0)) {
                model.loading.listConversationsSoon();
            }
        } else if (x.ev === "away") {
            this.#away(who[0] ?? "", x.text ?? "");
        } else if (x.ev === "name") {
            this.#renamed(`@${who[0] ?? ""}`, `@${x.text ?? ""}`);
        } else {
            this.#happenedInRoom(packet, conv);
        }
        model.changed();
    }

    /**
     * @param {string} ev
     * @param {string[]} who
     */
    #cameOrWent(ev, who) {
        const { model } = this;
        for (const name of who) {
            if (ev === "went") {
                model.peopleOnline.went(name);
            } else if (!sameName(name, model.me.name)) {
                model.peopleOnline.came(name);
            }
        }
    }

    /**
     * @param {string} name
     * @param {string} text
     */
    #away(name, text) {
        if (sameName(name, this.model.me.name)) {
            this.model.changeMe({ away: text });
        } else {
            this.model.peopleOnline.setAway(name, text || false);
        }
    }

    /**
     * A guest has another name. What was said with a guest and is not kept goes on under it.
     * @param {string} before
     * @param {string} name
     */
    #renamed(before, name) {
        const { model } = this;
        if (model.list.find(before) !== undefined && model.list.find(name) === undefined && !model.lookups.hasPages(before)) {
            model.renameConversation(before, name);
        }
    }

    /**
     * @param {Packet} packet
     * @param {string} conv
     */
    #happenedInRoom(packet, conv) {
        const { model } = this, { x } = packet;
        const isMe = sameName(x.who?.[0] ?? "", model.me.name);
        if (x.by === undefined && x.seq === undefined) {
            return;  // guests who came to the lobby and went
        }
        if (x.ev === "invited" && isMe) {
            model.tellNotice(packet.msg);
        }
        if (model.list.find(conv) === undefined && x.ev !== "joined") {
            return;
        }
        model.timelines.find(conv)?.add(messageOf(packet, model.me.name));
        if (x.ev === "topic") {
            model.list.change(conv, { topic: x.text ?? "" });
        } else if (x.ev === "renamed" && x.text !== undefined) {
            model.renameConversation(conv, x.text);
        } else if (x.ev === "rank" && isMe) {
            model.list.change(conv, { rank: rankOf(x.text) });
        } else if (x.ev === "joined" && isMe) {
            model.list.change(conv, { joined: true });
        } else if (x.ev === "closed" || (isMe && (x.ev === "left" || x.ev === "kicked" || x.ev === "banned"))) {
            model.leftRoom(conv);
            if (x.ev !== "left") {
                model.tellNotice(packet.msg);
            }
        }
    }

    /**
     * An answer to nothing that was asked: a sentence for people.
     * @param {Packet} packet
     */
    #told({ x, msg }) {
        if (x.cid !== undefined) {
            return;  // the answer to something that nobody waits for any more
        }
        for (const person of x.people ?? []) {
            this.model.peopleOnline.setAway(String(person.name), person.away || false);
        }
        this.model.tellNotice(msg);
        this.model.changed();
    }
}
