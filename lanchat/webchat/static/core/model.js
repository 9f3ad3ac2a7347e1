/** The model: everything that the page shows, and everything that it can do. */

import { offline } from "../common/errors.js";
import { followLifecycle } from "../session/lifecycle.js";
import { fileOf } from "./messages.js";
import { ModelState } from "./model_state.js";
import { kindOf, nameKey, roomName } from "../common/names.js";

/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {import("../common/types.js").Conversation} Conversation */
/** @typedef {import("../common/types.js").Found} Found */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").SharedFile} SharedFile */

const loadCommands = () => import("./typed_commands.js");

/** The address of the WebSocket of the server that the page came from. */
function ownServer() {
    return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}

/** The model. Views follow it, and call its methods; those that ask the server are rejected with a `ServerError`. */
export class Model extends ModelState {
    /** @param {string} [url] Of the WebSocket, without a slash at its end. */
    constructor(url = ownServer()) {
        super(url);
    }

    /** Begin: follow the life of the page, and come back with the name that was used last. */
    begin() {
        followLifecycle(this.session);
        this.session.restore();
    }

    /** One's conversations, the one with the latest message first. */
    get conversations() {
        return this.list.sorted;
    }

    /** Those who are online, by name. */
    get people() {
        return this.peopleOnline.online;
    }

    /** How many messages are not acknowledged yet. */
    get unsent() {
        return this.outbox.size;
    }

    /**
     * Who is typing in a conversation.
     * @param {string} conv
     * @returns {string[]}
     */
    typing(conv) {
        return this.typingPeople.names(conv);
    }

    /**
     * The timeline of a conversation.
     * @param {string} conv
     * @returns {Timeline}
     */
    timeline(conv) {
        return this.timelines.get(this.find(conv)?.conv ?? conv);
    }

    /**
     * A conversation, in any spelling.
     * @param {string} conv
     * @returns {Conversation|undefined}
     */
    find(conv) {
        return this.list.find(conv);
    }

    /**
     * Show a conversation, and load it. A room that one is not in is not entered by that.
     * @param {string} conv "" for none.
     */
    open(conv) {
        if (conv === "") {
            this.show("");
        } else {
            const known = this.find(conv) ?? (kindOf(conv) === "person" ? this.list.ensure(this.#spelled(conv)) : undefined);
            this.show(known?.conv ?? conv);
            const timeline = this.timeline(this.current);
            timeline.newSince = known !== undefined && known.unread > 0 ? known.read : 0;
            timeline.changed();
            void (timeline.isStale ? timeline.refresh() : timeline.load());
        }
        this.changed();
    }

    /**
     * Send a message. It is shown at once; what becomes of it is seen in its row.
     * @param {string} conv
     * @param {string} text
     * @param {{ re?: string, kind?: ""|"action"|"notice" }} [options] `re`: the id of the message that this one replies to.
     */
    async send(conv, text, { re = "", kind = "" } = {}) {
        this.sending.send(this.find(conv)?.conv ?? conv, text, re, kind);
    }

    /**
     * Send a message again that failed, or of which it is unknown whether it arrived.
     * @param {Message} message
     */
    async resend(message) {
        this.sending.resend(message);
    }

    /**
     * Remove a message that failed, or of which it is unknown whether it arrived.
     * @param {Message} message
     */
    discard(message) {
        this.timeline(message.conv).discard(message.key);
    }

    /**
     * Replace the text of a message of one's own.
     * @param {Message} message
     * @param {string} text
     */
    async edit(message, text) {
        await this.sending.change("edit", message.id, text);
    }

    /**
     * Take back a message.
     * @param {Message} message
     */
    async withdraw(message) {
        await this.sending.change("withdraw", message.id, "");
    }

    /**
     * React to a message.
     * @param {Message} message
     * @param {string} emoji "" takes the reaction back.
     */
    async react(message, emoji) {
        await this.sending.change("react", message.id, emoji);
    }

    /**
     * Ask for new links to the file of a message: links end after some days.
     * @param {Message} message
     * @returns {Promise<SharedFile|null>}
     */
    async renewLinks({ id }) {
        const { x } = await this.session.request("/link", "", { id }), file = fileOf(x.file);
        this.applyChange({ op: "file", id, from: "", text: "", time: 0, file });
        return file;
    }

    /**
     * Tell others that one is typing; at most once in three seconds.
     * @param {string} conv
     */
    async sendTyping(conv) {
        if (kindOf(conv) !== "everyone" && this.typingPeople.maySend(conv)) {
            this.session.send("/typing", "", { target: conv, cid: "typing" });
        }
    }

    /**
     * Note that the user has seen a conversation up to the newest message that is loaded.
     * @param {string} conv
     */
    async markRead(conv) {
        const conversation = this.find(conv), timeline = this.timelines.find(conv);
        if (conversation === undefined || timeline === undefined || !timeline.loaded) {
            return;
        }
        const seq = timeline.newestSeq;
        if (!this.lookups.hasPages(conv) || !this.session.account) {
            if (conversation.unread > 0 || seq > conversation.read) {
                this.list.change(conv, { read: Math.max(seq, conversation.read), unread: 0, mentions: 0, unreadMore: false });
                this.changed();
            }
        } else if (seq > conversation.read) {
            if (!this.list.readUpTo(conv, seq)) {
                this.loading.listConversationsSoon();
            }
            this.readMarkers.mark(conversation.conv, seq);
            this.changed();
        }
    }

    /**
     * Mute a conversation, or let it ring again.
     * @param {string} conv
     * @param {boolean} muted
     */
    async setMuted(conv, muted) {
        if (this.session.account && kindOf(conv) !== "everyone") {
            await this.session.request("/notify", "", { target: conv, text: muted ? "off" : "on" });
        }
        this.list.change(conv, { muted });
        this.changed();
    }

    /**
     * Be away, with a text; or be back.
     * @param {string|null} text Null: back.
     */
    async setAway(text) {
        await (text === null ? this.session.request("/back", "") : this.session.request("/away", "", { text }));
        this.changeMe({ away: text === null ? "" : text || "back later" });
    }

    /**
     * Enter a room.
     * @param {string} room
     * @param {string} [key]
     * @returns {Promise<string>} the conversation
     */
    async join(room, key = "") {
        return this.loading.join(room, key);
    }

    /**
     * Leave a room, perhaps with a reason for those who stay.
     * @param {string} room
     * @param {string} [reason]
     */
    async leave(room, reason = "") {
        await this.session.request("/leave", "", reason === "" ? { room } : { room, text: reason });
        this.leftRoom(room);
    }

    /**
     * Make a room and enter it.
     * @param {string} room
     * @param {boolean} isPrivate
     * @returns {Promise<string>} the conversation
     */
    async create(room, isPrivate) {
        const name = roomName(room);
        const packet = await this.session.request("/create", "", isPrivate ? { room: name, private: true } : { room: name });
        this.list.noteRooms(packet.x.rooms ?? [], true);
        this.changed();
        return String(packet.x.rooms?.[0]?.name ?? name);
    }

    /**
     * Search, as with `/search`.
     * @param {string} query
     * @param {number} [before] Where to go on.
     * @returns {Promise<Found>}
     */
    search(query, before = 0) {
        return this.lookups.search(query, before);
    }

    /**
     * Do what a typed line says: a command, or a text for a conversation.
     * @param {string} line
     * @param {string} conv
     * @returns {Promise<{ text: string }|null>} the server's answer; null if what happened is shown otherwise
     */
    async command(line, conv) {
        const { runLine } = await loadCommands().catch(() => Promise.reject(offline()));
        return runLine(this, line, conv);
    }

    /**
     * A conversation with a person, in the spelling that is known.
     * @param {string} conv
     */
    #spelled(conv) {
        return `@${this.peopleOnline.find(conv.slice(1))?.name ?? conv.slice(1)}`;
    }
}
