/** What the page asks the server after each welcome, and when something was left out. */

import { nameKey, roomName } from "./names.js";

/** @typedef {import("./model_state.js").ModelState} ModelState */
/** @typedef {import("./types.js").Packet} Packet */

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
            this.#join(room, key).catch(() => model.leftRoom(room));
        }
        model.outbox.online();
        model.readMarkers.online();
        if (!resumed) {
            model.lookups.clear();
            model.timelines.refresh(model.current, isSameLog);
            await this.listConversations();
        } else {
            void model.timelines.find(model.current)?.load();
        }
        await Promise.allSettled([this.#listPeople(), this.#listRooms(), this.#learnMe(), this.#listCommands()]);
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
        model.lookups.clear();
        const place = model.session.place, seq = place.seq;
        model.timelines.refresh(model.current, true);
        await this.listConversations();
        if (place.seq === seq) {
            place.filled();
        }
    }

    /** Ask for the list of conversations soon. */
    listConversationsSoon() {
        this.#soon ??= setTimeout(() => {
            this.#soon = undefined;
            void this.listConversations();
        }, SOON_MS);
    }

    /** Ask for the list of conversations. */
    async listConversations() {
        const { model } = this;
        if (this.#isListing) {
            this.#again = true;
            return;
        }
        this.#isListing = true;
        model.list.expect();
        try {
            const rows = await model.fetchList("/conversations", {}, "conversations");
            model.list.replace(rows, model.session.account, true);
        } catch {
            model.list.settle();  // the connection was lost, or it is too much for now; it is asked for again
        }
        this.#isListing = false;
        model.changed();
        if (this.#again) {
            this.#again = false;
            this.listConversationsSoon();
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
