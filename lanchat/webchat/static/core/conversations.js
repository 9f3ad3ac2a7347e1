/** The list of conversations, with what is unread in each. */

import { EVERYONE, kindOf, nameKey } from "../common/names.js";
import { numberOf, textOf } from "../session/packets.js";

/** @typedef {import("../common/types.js").Conversation} Conversation */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").X} X */

/** How many conversations are kept, and up to which number unread messages are counted. */
const MOST = 1000;
const MOST_COUNTED = 1000;
/** How many messages are remembered while the list is on its way. */
const MOST_REMEMBERED = 1000;

/** One's conversations. */
export class Conversations {
    /** @type {Map<string, Conversation>} By the key of each. */
    #all = new Map();
    /** @type {Conversation[]|null} In their order; null if that is to be found anew. */
    #sorted = null;
    /** @type {Message[]|null} What came while the list was on its way; null if it is not. */
    #since = null;

    constructor() {
        this.clear();
    }

    /** All of them, the one with the latest message first. */
    get sorted() {
        const order = (/** @type {Conversation} */ one, /** @type {Conversation} */ other) =>
            other.time - one.time || one.conv.localeCompare(other.conv);
        this.#sorted ??= [...this.#all.values()].sort(order);
        return this.#sorted;
    }

    /**
     * A conversation, in any spelling.
     * @param {string} conv
     */
    find(conv) {
        return this.#all.get(nameKey(conv));
    }

    /** Forget all but the one with everyone. */
    clear() {
        this.#all.clear();
        this.#put(newConversation(EVERYONE));
    }

    /**
     * A conversation, which is added if it is not there.
     * @param {string} conv
     * @returns {Conversation}
     */
    ensure(conv) {
        return this.find(conv) ?? this.#put(newConversation(conv));
    }

    /**
     * Change members of a conversation, which is added if it is not there.
     * @param {string} conv
     * @param {Partial<Conversation>} members
     * @returns {Conversation}
     */
    change(conv, members) {
        return this.#put({ ...this.ensure(conv), ...members });
    }

    /**
     * Take a conversation out of the list.
     * @param {string} conv
     */
    remove(conv) {
        if (nameKey(conv) !== nameKey(EVERYONE)) {
            this.#all.delete(nameKey(conv));
            this.#sorted = null;
        }
    }

    /**
     * Give a room another name.
     * @param {string} conv
     * @param {string} name
     */
    rename(conv, name) {
        const found = this.find(conv);
        if (found !== undefined) {
            this.remove(conv);
            this.#put({ ...found, ...named(name) });
        }
    }

    /**
     * Note what is known of rooms from an answer with `rooms`.
     * @param {X[]} rooms
     * @param {boolean} joined Whether one is in them; otherwise those that are not in the list stay out of it.
     */
    noteRooms(rooms, joined) {
        for (const room of rooms) {
            const conv = textOf(room, "name");
            if (conv !== "" && (joined || this.find(conv) !== undefined)) {
                this.change(conv, {
                    ...named(conv), topic: textOf(room, "topic"), private: room.private === true, rank: rankOf(room.rank),
                    ...(joined ? { joined } : {}),
                });
            }
        }
    }

    /**
     * Note a message that was said.
     * @param {Message} message
     * @param {boolean} isRead Whether the user has seen it.
     * @returns {Conversation} its conversation
     */
    said(message, isRead) {
        this.#since = this.#since === null ? null : [...this.#since, message].slice(-MOST_REMEMBERED);
        const before = this.ensure(message.conv);
        const seq = Math.max(before.seq, message.seq), time = Math.max(before.time, message.time);
        if (message.mine || isRead) {
            const read = Math.max(before.read, seq);
            return this.change(message.conv, { seq, time, read, unread: 0, unreadMore: false, mentions: 0 });
        }
        if (message.seq > 0 && message.seq <= before.read) {
            return before;
        }
        const mentions = before.mentions + Number(message.mentionsMe);
        return this.change(message.conv, { seq, time, ...counted(before.unread + 1, before.unreadMore), mentions });
    }

    /**
     * Note that a conversation was read, here or on another device.
     * @param {string} conv
     * @param {number} seq
     * @returns {boolean} whether it is known what is still unread
     */
    readUpTo(conv, seq) {
        const before = this.find(conv);
        if (before === undefined || seq < before.read) {
            return true;
        }
        if (seq >= before.seq) {
            this.change(conv, { read: seq, unread: 0, unreadMore: false, mentions: 0 });
            return true;
        }
        this.change(conv, { read: seq });
        return before.unread === 0;
    }

    /** Begin to remember what is said, as the list is asked for. */
    expect() {
        this.#since = [];
    }

    /** The list does not come after all. */
    settle() {
        this.#since = null;
    }

    /**
     * Take all rows of the answers to `/conversations`.
     * @param {X[]} rows
     * @param {boolean} isCounted Whether they say what is unread, which those of a guest do not.
     * @returns {string[]} the rooms that one is not in any more
     */
    replace(rows, isCounted) {
        const since = this.#since ?? [];
        const listed = new Set();
        this.#since = null;
        for (const row of rows.slice(0, MOST)) {
            const conv = textOf(row, "conv");
            if (kindOf(conv) !== "everyone") {
                listed.add(nameKey(conv));
                this.change(conv, { ...shown(conv, row), ...(isCounted ? this.#counts(conv, row) : {}) });
            }
        }
        for (const message of isCounted ? since : []) {
            if (message.seq > (this.find(message.conv)?.seq ?? 0)) {
                this.said(message, false);
            }
        }
        const rooms = this.sorted.filter((one) => one.kind === "room" && one.joined && !listed.has(nameKey(one.conv)));
        return rows.length < MOST ? rooms.map((one) => one.conv) : [];
    }

    /**
     * What a row says is unread.
     * @param {string} conv
     * @param {X} row
     * @returns {Partial<Conversation>}
     */
    #counts(conv, row) {
        const read = Math.max(numberOf(row, "read"), this.find(conv)?.read ?? 0);
        const isRead = read >= numberOf(row, "seq");
        return {
            read, ...counted(isRead ? 0 : amount(row.unread), !isRead && row.unread === "1000+"),
            mentions: isRead ? 0 : amount(row.mentions), muted: row.muted === true,
        };
    }

    /** @param {Conversation} conversation */
    #put(conversation) {
        this.#all.set(nameKey(conversation.conv), conversation);
        this.#sorted = null;
        if (this.#all.size > MOST) {
            const people = this.sorted.filter((one) => one.kind === "person" && one !== conversation);
            this.remove(people.at(-1)?.conv ?? EVERYONE);
        }
        return conversation;
    }
}

/**
 * @param {string} conv
 * @returns {Conversation}
 */
function newConversation(conv) {
    return {
        ...named(conv), topic: "", rank: "", private: false, joined: kindOf(conv) !== "room", seq: 0, time: 0, read: 0,
        unread: 0, unreadMore: false, mentions: 0, muted: false,
    };
}

/** @param {string} conv */
function named(conv) {
    const kind = kindOf(conv);
    return { conv, kind, name: kind === "everyone" ? conv : conv.slice(1) };
}

/**
 * @param {string} conv
 * @param {X} row
 * @returns {Partial<Conversation>}
 */
function shown(conv, row) {
    const time = Date.parse(textOf(row, "ts"));
    const known = { topic: textOf(row, "topic"), joined: true, seq: numberOf(row, "seq") };
    return { ...named(conv), ...known, time: Number.isNaN(time) ? 0 : time };
}

/**
 * @param {number} unread
 * @param {boolean} more
 */
function counted(unread, more) {
    return { unread: Math.min(unread, MOST_COUNTED), unreadMore: more || unread > MOST_COUNTED };
}

/** @param {unknown} value A number, or "1000+". */
function amount(value) {
    return value === "1000+" ? MOST_COUNTED : Number.isSafeInteger(value) ? Number(value) : 0;
}

/** @param {unknown} rank */
export function rankOf(rank) {
    return rank === "owner" || rank === "operator" || rank === "voiced" ? rank : "";
}
