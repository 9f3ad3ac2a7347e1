/** Messages: the rows of timelines, made of packets, and changed by edits, withdrawals and reactions. */

import { kindOf, mentions, sameName } from "../common/names.js";
import { numberOf, readTime, textOf } from "../session/packets.js";

/** @typedef {import("../common/types.js").Change} Change */
/** @typedef {import("../common/types.js").Message} Message */
/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").SharedFile} SharedFile */

/** Reactions to one message that are shown, and names with one of them. */
const MOST_REACTIONS = 50;
const MOST_NAMES = 100;

let rowsMade = 0;

/**
 * The row that a packet is shown as: a message, or something that happened in a room.
 * @param {Packet} packet
 * @param {string} me One's own name.
 * @returns {Message}
 */
export function messageOf(packet, me) {
    const { x, msg } = packet;
    const isEvent = x.op === "event";
    const conv = x.conv ?? packet.to;
    const from = isEvent ? (x.by ?? x.who?.[0] ?? packet.from) : packet.from;
    const mine = x.self === true || sameName(from, me);
    return {
        key: x.id ?? newKey(), id: x.id ?? "", seq: x.seq ?? 0, conv, from, text: isEvent ? "" : msg, time: readTime(x.ts),
        kind: x.kind === "action" || x.kind === "notice" ? x.kind : "", bot: x.bot === true, re: x.re ?? "", mine,
        edited: x.edited === undefined ? 0 : readTime(x.edited), withdrawn: false, reactions: reactionsOf(x.reactions),
        mentionsMe: !isEvent && !mine && kindOf(conv) === "room" && mentions(msg, me), state: "sent", error: "",
        snippet: x.snippet ?? "", file: fileOf(x.file),
        event: isEvent ? { ev: x.ev ?? "", who: x.who?.[0] ?? "", by: x.by ?? "", text: x.text ?? "" } : null,
    };
}

/**
 * The row of a message that one has just written, before it is acknowledged.
 * @param {string} cid Its own id, which becomes its key.
 * @param {string} conv
 * @param {string} from
 * @param {string} text
 * @param {{ re: string, kind: string }} options
 * @returns {Message}
 */
export function ownMessage(cid, conv, from, text, { re, kind }) {
    return {
        key: cid, id: "", seq: 0, conv, from, text, time: Date.now(), kind: kind === "action" || kind === "notice" ? kind : "",
        bot: false, re, mine: true, edited: 0, withdrawn: false, reactions: [], mentionsMe: false, state: "sending", error: "",
        snippet: "", file: null, event: null,
    };
}

/**
 * What is known of a file, from the member `file` of a packet; null if there is none.
 * @param {import("../common/types.js").X|undefined} file
 * @returns {SharedFile|null}
 */
export function fileOf(file) {
    return file === undefined ? null : {
        name: textOf(file, "name"), type: textOf(file, "type"), size: numberOf(file, "size"), w: numberOf(file, "w"),
        h: numberOf(file, "h"), url: hereOf(textOf(file, "url")), thumb: hereOf(textOf(file, "thumb")),
    };
}

/**
 * An address of the server's without its beginning, as the page may know the server by another name. "" if it has no path.
 * @param {string} url
 */
export function hereOf(url) {
    return /^https?:\/\/[^/]+(\/[^/\\].*)$/.exec(url)?.[1] ?? "";
}

/**
 * The change that a packet tells of; null if it tells of none.
 * @param {Packet} packet
 * @returns {Change|null}
 */
export function changeOf({ from, msg, x }) {
    if ((x.op === "edit" || x.op === "withdraw" || x.op === "react") && x.id !== undefined) {
        return { op: x.op, id: x.id, from, text: msg, time: readTime(x.ts) };
    }
    return null;
}

/**
 * A message after a change of it.
 * @param {Message} message
 * @param {Change} change
 * @returns {Message}
 */
export function changedBy(message, change) {
    if (change.op === "edit") {
        return { ...message, text: change.text, edited: change.time };
    }
    if (change.op === "withdraw") {
        return { ...message, text: "", withdrawn: true, reactions: [], file: null };
    }
    if (change.op === "file") {
        return { ...message, file: change.file ?? message.file };
    }
    return { ...message, reactions: withReaction(message.reactions, change.from, change.text) };
}

/** A key for a row that has no id. */
export function newKey() {
    rowsMade++;
    return `row-${rowsMade}`;
}

/**
 * @param {[string, string[]][]} reactions
 * @param {string} name
 * @param {string} emoji "" takes the reaction back.
 * @returns {[string, string[]][]}
 */
function withReaction(reactions, name, emoji) {
    /** @type {[string, string[]][]} */
    const others = reactions.map(([one, names]) => [one, names.filter((other) => !sameName(other, name))]);
    const same = others.find(([one]) => one === emoji);
    if (same !== undefined) {
        same[1].push(name);
    } else if (emoji !== "") {
        others.push([emoji, [name]]);
    }
    return others.filter(([, names]) => names.length > 0);
}

/**
 * @param {{ [emoji: string]: unknown }|undefined} reactions
 * @returns {[string, string[]][]}
 */
function reactionsOf(reactions) {
    /** @type {[string, string[]][]} */
    const found = [];
    for (const [emoji, names] of Object.entries(reactions ?? {}).slice(0, MOST_REACTIONS)) {
        if (Array.isArray(names) && names.length > 0) {
            found.push([emoji, names.map(String).slice(0, MOST_NAMES)]);
        }
    }
    return found;
}
