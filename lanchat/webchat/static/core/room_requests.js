/** Requests about rooms and the people in them: the part of the model that only asks the server. */

import { rankOf } from "./conversations.js";
import { roomName } from "../common/names.js";
import { Observable } from "../common/observable.js";
import { numberOf, textOf } from "../session/packets.js";

/** @typedef {import("../session/session.js").Session} Session */
/** @typedef {import("../common/types.js").Member} Member */
/** @typedef {import("../common/types.js").Room} Room */
/** @typedef {import("../common/types.js").X} X */

/** How many entries of a list are fetched at most. */
const MOST_LISTED = 5000;

/** What can be asked about rooms and people. Everything is rejected with a `ServerError` if the server refuses it. */
export class RoomRequests extends Observable {
    /** @param {Session} session */
    constructor(session) {
        super();
        this.session = session;
    }

    /**
     * Set the topic of a room; "" removes it.
     * @param {string} room
     * @param {string} text
     */
    async setTopic(room, text) {
        await this.session.request("/topic", "", { room, text });
    }

    /**
     * Invite somebody with an account to a room.
     * @param {string} user
     * @param {string} room
     */
    async invite(user, room) {
        await this.session.request("/invite", "", { user, room });
    }

    /**
     * Withdraw an invitation.
     * @param {string} user
     * @param {string} room
     */
    async uninvite(user, room) {
        await this.session.request("/uninvite", "", { user, room });
    }

    /**
     * Give somebody a rank in a room.
     * @param {string} room
     * @param {string} user
     * @param {string} rank "owner", "operator", "voiced" or "none".
     */
    async setRank(room, user, rank) {
        await this.session.request("/rank", "", { room, user, rank: rank || "none" });
    }

    /**
     * Take somebody out of a room.
     * @param {string} room
     * @param {string} user
     * @param {string} [reason]
     */
    async kick(room, user, reason = "") {
        await this.session.request("/kick", "", { room, target: user, text: reason });
    }

    /**
     * The rules of a room.
     * @param {string} room
     * @returns {Promise<X>}
     */
    async rules(room) {
        return (await this.session.request("/rules", "", { room })).x.rules ?? {};
    }

    /**
     * Change a rule of a room.
     * @param {string} room
     * @param {string} rule
     * @param {string} value
     */
    async setRule(room, rule, value) {
        await this.session.request("/rules", "", { room, rule, value });
    }

    /**
     * Those in a room, online or not.
     * @param {string} room
     * @returns {Promise<Member[]>}
     */
    async members(room) {
        const rows = await this.fetchList("/people", { room }, "people");
        return rows.filter((row) => textOf(row, "name") !== "").map((row) => ({
            name: textOf(row, "name"), role: textOf(row, "role"), online: row.online === true, rank: rankOf(row.rank),
            away: Boolean(row.away),
        }));
    }

    /**
     * The names of those who are invited to a room.
     * @param {string} room
     * @returns {Promise<string[]>}
     */
    async invited(room) {
        return (await this.session.request("/members", "", { room })).x.invited ?? [];
    }

    /**
     * What is known of somebody.
     * @param {string} name
     * @returns {Promise<X>}
     */
    async whois(name) {
        return (await this.session.request("/whois", "", { user: name })).x.people?.[0] ?? {};
    }

    /**
     * The rooms that one can see.
     * @returns {Promise<Room[]>}
     */
    async rooms() {
        const rows = await this.fetchList("/rooms", {}, "rooms");
        return rows.filter((row) => textOf(row, "name") !== "").map((row) => ({
            name: roomName(textOf(row, "name")), topic: textOf(row, "topic"), private: row.private === true,
            online: numberOf(row, "online"), rank: rankOf(row.rank),
        }));
    }

    /**
     * Fetch a whole list, which may come in several parts.
     * @param {string} to
     * @param {X} x
     * @param {string} member The member of the answer that has the entries.
     * @returns {Promise<any[]>}
     */
    async fetchList(to, x, member) {
        /** @type {any[]} */
        const found = [];
        let more = true;
        while (more && found.length < MOST_LISTED) {
            const answer = await this.session.request(to, "", found.length > 0 ? { ...x, after: found.length } : x);
            const part = answer.x[member] ?? [];
            found.push(...part);
            more = answer.x.more === true && part.length > 0;
        }
        return found;
    }
}
