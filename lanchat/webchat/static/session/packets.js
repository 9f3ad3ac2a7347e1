/** Packets: reads those of the server and writes our own (docs/protocol.md). */

/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").X} X */

/** @param {unknown} value */
const isText = (value) => typeof value === "string";
/** @param {unknown} value */
const isWhole = (value) => Number.isSafeInteger(value);
/** @param {unknown} value */
const isTruth = (value) => typeof value === "boolean";
/** @param {unknown} value */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
/** @param {unknown} value */
const isTexts = (value) => Array.isArray(value) && value.every(isText);
/** @param {unknown} value */
const isObjects = (value) => Array.isArray(value) && value.every(isObject);

/**
 * What the members of `x` look like. One that does not look so is left out, as if it had not been sent.
 * @type {{ [member: string]: (value: unknown) => boolean }}
 */
const SHAPES = {
    account: isTruth, after: isWhole, batch: isText, before: isWhole, bot: isTruth, by: isText, caps: isTexts, cid: isText,
    code: isText, commands: isObjects, conv: isText, conversations: isObjects, dup: isTruth, edited: isText, epoch: isText,
    ev: isText, file: isObject, files: isObject, hooks: isObjects, id: isText, invited: isTexts, kind: isText,
    limits: isObject, lobby: isText, missed: isWhole, more: isTruth, n: isWhole, names: isTexts, op: isText,
    people: isObjects, ranks: isObject, re: isText, reactions: isObject,
    resumed: isTruth, retry_ms: isWhole, rooms: isObjects, rules: isObject, self: isTruth, seq: isWhole, snippet: isText,
    state: isText, t: isWhole, text: isText, time: isText, token: isText, topic: isText, ts: isText,
    upload: isObject, upto: isWhole, who: isTexts, why: isText,
};

/**
 * Read a packet from the server; null if it is none.
 * @param {unknown} text
 * @returns {Packet|null}
 */
export function readPacket(text) {
    let read;
    try {
        read = JSON.parse(String(text));
    } catch {
        return null;
    }
    if (!isObject(read) || !isObject(read.from) || !isText(read.from.name) || !isText(read.to) || !isText(read.msg)) {
        return null;
    }
    return { from: read.from.name, to: read.to, msg: read.msg, x: isObject(read.x) ? checked(read.x) : {} };
}

/**
 * A packet of ours as it is sent.
 * @param {string} to
 * @param {string} msg
 * @param {X} [x]
 */
export function writePacket(to, msg, x) {
    return JSON.stringify({ from: { name: "", ip: "" }, to, msg, x });
}

/**
 * A moment as the server writes it, in milliseconds since 1970; now if that can't be read.
 * @param {string|undefined} ts
 */
export function readTime(ts) {
    const time = Date.parse(ts ?? "");
    return Number.isNaN(time) ? Date.now() : time;
}

/**
 * A member of an object from the server that is to be a text; "" if it is not.
 * @param {X} object
 * @param {string} member
 * @returns {string}
 */
export function textOf(object, member) {
    return isText(object[member]) ? object[member] : "";
}

/**
 * A member of an object from the server that is to be a number; 0 if it is not.
 * @param {X} object
 * @param {string} member
 * @returns {number}
 */
export function numberOf(object, member) {
    return isWhole(object[member]) ? object[member] : 0;
}

/**
 * The members of `x` that look as they should.
 * @param {X} x
 * @returns {X}
 */
function checked(x) {
    /** @type {X} */
    const known = {};
    for (const [member, value] of Object.entries(x)) {
        if (Object.hasOwn(SHAPES, member) && SHAPES[member](value)) {
            known[member] = value;
        }
    }
    return known;
}
