/** The state of the page, and what its parts do with it. `Model` adds what views can do. */

import { Conversations } from "./conversations.js";
import { ServerError } from "../common/errors.js";
import { t } from "../common/i18n.js";
import { Incoming } from "./incoming.js";
import { Loading } from "./loading.js";
import { Lookups } from "./lookups.js";
import { nameKey } from "../common/names.js";
import { People } from "./people.js";
import { ReadMarkers } from "./read_markers.js";
import { RoomRequests } from "./room_requests.js";
import { Sending } from "./sending.js";
import { Session } from "../session/session.js";
import { Timelines } from "./timelines.js";
import { Typing } from "./typing.js";

/** @typedef {import("../common/types.js").Change} Change */
/** @typedef {import("../common/types.js").Command} Command */
/** @typedef {import("../common/types.js").Conversation} Conversation */
/** @typedef {import("../common/types.js").Me} Me */
/** @typedef {import("../common/types.js").Member} Member */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").X} X */

/** The state. It changes with everything but the rows of timelines, which have changes of their own. */
export class ModelState extends RoomRequests {
    /** @type {Me} */
    me = { name: "", account: false, away: "", role: "guest" };
    /** The room in which everybody is; "" if there is none. */
    lobby = "";
    /** The conversation that is shown; "" if none is. */
    current = "";
    /** @type {X|null} What files may be sent: at most so large (`size`, in bytes, if there is a limit). Null: none may be. */
    files = null;
    /** @type {import("./uploads.js").Uploads|null} The files that one sends; null if none was chosen yet. */
    uploads = null;
    /** @type {Command[]} What the server's help lists. */
    commands = [];
    list = new Conversations();
    peopleOnline = new People();
    typingPeople = new Typing();
    /** @type {Set<(message: Message, conversation: Conversation) => void>} */
    #messageListeners = new Set();
    /** @type {Set<(text: string) => void>} */
    #noticeListeners = new Set();
    /** Who one was at the last welcome, and in which log. */
    #identity = "";
    #epoch = "";

    /** @param {string} url Of the WebSocket, without a slash at its end. */
    constructor(url) {
        super(new Session({
            welcomed: (packet, resumed) => this.#welcomed(packet, resumed),
            received: (packet) => this.incoming.take(packet),
            registered: (packet) => this.#registered(packet),
            renamed: () => this.#renamed(),
            lost: (hasLog) => this.#lost(hasLog),
        }, url));
        this.lookups = new Lookups(this.session);
        this.timelines = new Timelines(this.lookups);
        this.incoming = new Incoming(this);
        this.loading = new Loading(this);
        this.sending = new Sending(this);
        this.outbox = this.sending.outbox;
        this.readMarkers = new ReadMarkers(this.session);
        this.session.subscribe(() => this.changed());
        this.typingPeople.subscribe(() => this.changed());
    }

    /**
     * Be told of messages by others as they come.
     * @param {(message: Message, conversation: Conversation) => void} fn
     * @returns {() => void} ends it
     */
    onMessage(fn) {
        this.#messageListeners.add(fn);
        return () => this.#messageListeners.delete(fn);
    }

    /**
     * Be told what the server says to people without being asked.
     * @param {(text: string) => void} fn
     * @returns {() => void} ends it
     */
    onNotice(fn) {
        this.#noticeListeners.add(fn);
        return () => this.#noticeListeners.delete(fn);
    }

    /**
     * Tell those who want to know of a message.
     * @param {Message} message
     * @param {Conversation} conversation
     */
    tellMessage(message, conversation) {
        for (const fn of [...this.#messageListeners]) {
            fn(message, conversation);
        }
    }

    /**
     * Tell those who want to know what the server says to people.
     * @param {string} text
     */
    tellNotice(text) {
        for (const fn of [...this.#noticeListeners]) {
            fn(text);
        }
    }

    /**
     * Those in a room, online or not.
     * @param {string} room
     * @returns {Promise<Member[]>}
     */
    async members(room) {
        const members = await super.members(room);
        for (const { name, away } of members) {
            if (!away || this.peopleOnline.find(name)?.away === false) {
                this.peopleOnline.setAway(name, away);  // (a text that is known is not replaced)
            }
        }
        this.changed();
        return members;
    }

    /**
     * Change a message wherever it is.
     * @param {Change} change
     */
    applyChange(change) {
        this.timelines.apply(change);
        this.lookups.apply(change);
    }

    /**
     * Change what is known of oneself.
     * @param {Partial<Me>} members
     */
    changeMe(members) {
        this.me = { ...this.me, ...members };
        this.changed();
    }

    /**
     * If the user does not see the conversation that is open, the line "new" goes before the first message that came.
     * @param {Message} message
     * @param {Conversation} conversation Its conversation, after the message.
     */
    markNew(message, conversation) {
        const isHidden = typeof document !== "undefined" && document.visibilityState === "hidden";
        const timeline = conversation.conv === this.current ? this.timelines.find(this.current) : undefined;
        if (isHidden && timeline !== undefined && message.seq > 0 && conversation.unread === 1) {
            timeline.newSince = message.seq - 1;
            timeline.changed();
        }
    }

    /**
     * Note which conversation is shown.
     * @param {string} conv
     */
    show(conv) {
        this.current = this.timelines.current = conv;
    }

    /**
     * Note that a conversation has another name: a room, or a guest with whom one talks.
     * @param {string} conv
     * @param {string} name
     */
    renameConversation(conv, name) {
        if (nameKey(this.current) === nameKey(conv)) {
            this.show(name);
        }
        this.list.rename(conv, name);
        this.timelines.rename(conv, name);
        this.loading.renamed(conv, name);
        this.sending.renamed(conv, name);
        this.uploads?.renamed(conv, name);
        this.changed();
    }

    /**
     * Note that one is not in a room any more. It stays in the list while it is shown.
     * @param {string} conv
     */
    leftRoom(conv) {
        this.loading.left(conv);
        if (nameKey(this.current) === nameKey(conv)) {
            this.list.change(conv, { joined: false, rank: "", unread: 0, mentions: 0 });
        } else {
            this.list.remove(conv);
        }
        this.changed();
    }

    /**
     * @param {Packet} packet
     * @param {boolean} resumed
     */
    #welcomed({ x }, resumed) {
        const { name, account } = this.session, epoch = x.epoch ?? "";
        const identity = `${nameKey(name)} ${account}`;
        if (this.#identity !== identity) {
            this.#forgetAll();
        }
        const isSameLog = this.#epoch === epoch;
        this.#identity = identity;
        this.#epoch = epoch;
        this.me = { ...this.me, name, account };
        this.lobby = x.lobby ?? "";
        if (this.lobby !== "") {
            this.list.change(this.lobby, { joined: true });
        }
        this.files = x.files ?? null;
        this.outbox.limit = Number(x.limits?.msg) || this.outbox.limit;
        this.incoming.welcomed(x);
        void this.loading.welcomed(resumed, isSameLog);
        this.changed();
    }

    /** @param {Packet} packet */
    #registered({ x }) {
        this.#identity = `${nameKey(this.session.name)} true`;
        this.#epoch = x.epoch ?? "";
        this.changeMe({ account: true, role: "user" });
        void this.loading.listConversations();
    }

    #renamed() {
        const { name, account } = this.session;
        if (name === "") {
            this.#forgetAll();
            this.#identity = "";
            this.timelines = new Timelines(this.lookups);  // with what was not sent
            this.show("");
        } else {
            this.#identity = `${nameKey(name)} ${account}`;
        }
        this.changeMe({ name, account });
    }

    /** @param {boolean} hasLog */
    #lost(hasLog) {
        this.outbox.lost(hasLog);
        this.typingPeople.clear();
        this.changed();
    }

    /** Forget everything: one is somebody else now. */
    #forgetAll() {
        this.uploads?.clear();
        this.outbox.giveUp(new ServerError("OFFLINE", t("core.otherName")));
        this.me = { name: "", account: false, away: "", role: "guest" };
        this.list.clear();
        this.peopleOnline.replace([]);
        this.timelines.clear();
        this.loading.clear();
        this.lookups.clear();
    }
}
