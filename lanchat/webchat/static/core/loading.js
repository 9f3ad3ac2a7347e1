/** What the page asks the server after each welcome, and when something was left out. */

import { ServerError } from "../common/errors.js";
import { nameKey, roomName } from "../common/names.js";
import { numberOf } from "../session/packets.js";

/** @typedef {import("./model_state.js").ModelState} ModelState */
/** @typedef {import("../common/types.js").Packet} Packet */

/** How long the list of conversations waits for further reasons to ask for it, in milliseconds. */
const SOON_MS = 1000;
/** How many rooms of a guest are remembered. */
const MOST_ROOMS = 100;

/** Loads the model, over one connection after another. */
export class Loading {
    /** @type {Map<string, { room: string, key: string }>} The rooms that a guest is in, which the server forgets. */
    #guestRooms = new Map();
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #soon;
    /** Whether the list of conversations is on its way, and whether it is to be asked for again. */
    #isListing = false;
    #again = false;

    /** @param {ModelState} model */
    constructor(model) {
        this.model = model;
    }

    /**
     * Load what is not known, or was missed.
     * @param {boolean} resumed Whether what was missed comes by itself.
     * @param {boolean} isSameLog Whether what was loaded before is of the same log.
     */
    async welcomed(resumed, isSameLog) {
        const { model } = this;
        const joins = model.session.account ? [] : [...this.#guestRooms.values()];
        for (const { room, key } of joins) {
            this.#join(room, key).catch((error) => this.#notRejoined(room, error));
        }
        model.outbox.online();
        model.readMarkers.online();
        if (!resumed) {
            model.lookups.clear();
            void model.timelines.refresh(isSameLog);
            await this.listConversations(true);
        } else {
            void model.timelines.resume();
        }
        await Promise.allSettled([this.#listPeople(), this.#listRooms(), this.#learnMe(), this.#listCommands()]);
        await (model.lobby === "" ? null : model.members(model.lobby).catch(() => null));  // who is away
        model.changed();
    }

    /**
     * Enter a room.
     * @param {string} room
     * @param {string} key
     */
    async join(room, key) {
        const rooms = await this.#join(roomName(room), key);
        const name = rooms[0]?.name;
        return typeof name === "string" ? name : roomName(room);
    }

    /**
     * Note that one is in no room of this name any more.
     * @param {string} room
     */
    left(room) {
        this.#guestRooms.delete(nameKey(room));
    }

    /**
     * Note that a room has another name.
     * @param {string} room
     * @param {string} name
     */
    renamed(room, name) {
        const known = this.#guestRooms.get(nameKey(room));
        if (known !== undefined) {
            this.#guestRooms.delete(nameKey(room));
            this.#guestRooms.set(nameKey(name), { ...known, room: name });
        }
    }

    /** Note that all that was known was of somebody else. */
    clear() {
        this.#guestRooms.clear();
    }

    /** Load anew what is shown: the server has left something out. */
    async fillGap() {
        const { model } = this;
        const { place } = model.session, { gaps } = place;
        model.lookups.clear();
        if ((await model.timelines.refresh(true)) && (await this.listConversations())) {
            place.filled(gaps);
        }
    }

    /** Ask for the list of conversations soon. */
    listConversationsSoon() {
        this.#soon ??= setTimeout(() => {
            this.#soon = undefined;
            void this.listConversations();
        }, SOON_MS);
    }

    /**
     * Ask for the list of conversations.
     * @param {boolean} [isFirst] Whether it was not known before, so that the line "new" of the open one depends on it.
     * @returns {Promise<boolean>} whether it came, or will come as soon as the one that is on its way is here
     */
    async listConversations(isFirst = false) {
        const { model } = this;
        if (this.#isListing) {
            this.#again = true;
            return true;
        }
        this.#isListing = true;
        model.list.expect();
        try {
            const rows = await model.fetchList("/conversations", {}, "conversations");
            for (const conv of model.list.replace(rows, model.session.account)) {
                model.leftRoom(conv);
            }
            if (isFirst) {
                this.#placeNewLine(rows);
            }
            return true;
        } catch {
            model.list.settle();  // the connection was lost, or it is too much for now
            return false;
        } finally {
            this.#isListing = false;
            model.changed();
            if (this.#again) {
                this.#again = false;
                this.listConversationsSoon();
            }
        }
    }

    /**
     * Place the line "new" in the conversation that was opened before it was known what is unread in it.
     * @param {import("../common/types.js").X[]} rows Of the list of conversations.
     */
    #placeNewLine(rows) {
        const { current, timelines } = this.model;
        const row = rows.find(({ conv }) => nameKey(String(conv)) === nameKey(current));
        const timeline = timelines.find(current);
        if (row !== undefined && timeline !== undefined && timeline.newSince === 0 && row.unread !== 0) {
            timeline.newSince = numberOf(row, "read");
            timeline.changed();
        }
    }

    /**
     * @param {string} room
     * @param {unknown} error
     */
    #notRejoined(room, error) {
        if (error instanceof ServerError && error.code !== "OFFLINE") {
            this.model.leftRoom(room);
            this.model.tellNotice(error.message);
        }
    }

    /**
     * @param {string} room
     * @param {string} key
     */
    async #join(room, key) {
        const { model } = this;
        const packet = await model.session.request("/join", "", key === "" ? { room } : { room, key });
        const rooms = packet.x.rooms ?? [];
        model.list.noteRooms(rooms, true);
        if (!model.session.account && this.#guestRooms.size < MOST_ROOMS) {
            this.#guestRooms.set(nameKey(room), { room, key });
        }
        model.changed();
        return rooms;
    }

    async #listPeople() {
        this.model.peopleOnline.replace(await this.model.fetchList("/list", {}, "names"));
    }

    async #listRooms() {
        this.model.list.noteRooms(await this.model.fetchList("/rooms", {}, "rooms"), false);
    }

    async #learnMe() {
        const { model } = this;
        const me = await model.whois(model.me.name);
        model.changeMe({ away: String(me.away ?? ""), role: String(me.role ?? "guest") });
    }

    async #listCommands() {
        if (this.model.commands.length === 0) {
            const commands = (await this.model.session.request("/help", "all")).x.commands ?? [];
            this.model.commands = commands.map((/** @type {any} */ one) => ({
                name: String(one.name), usage: String(one.usage), help: String(one.help),
            }));
        }
    }
}
