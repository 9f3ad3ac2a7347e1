/** Lists of messages in the order of the log. The functions return new lists. */

/** @typedef {import("../common/types.js").Message} Message */

/**
 * Where a message with this id is in a list; -1 if it is not there, or has no id.
 * @param {Message[]} rows
 * @param {string} id
 */
export function indexOf(rows, id) {
    let place = id === "" ? -1 : rows.length - 1;
    while (place >= 0 && rows[place].id !== id) {
        place--;
    }
    return place;
}

/**
 * Put a message where it belongs by its number. One without a number comes last, as it has just happened. A message that is
 * there already is replaced, and keeps its key unless that of the new one is to stay.
 * @param {Message[]} rows
 * @param {Message} message
 * @param {boolean} [keepsKey] Whether the key of the new one stays.
 * @returns {Message[]}
 */
export function inserted(rows, message, keepsKey = false) {
    const there = indexOf(rows, message.id);
    if (there >= 0) {
        const key = keepsKey ? message.key : rows[there].key;
        return [...rows.slice(0, there), { ...message, key }, ...rows.slice(there + 1)];
    }
    const later = message.seq > 0 && lastSeq(rows) > message.seq ? rows.findIndex((row) => row.seq > message.seq) : rows.length;
    return [...rows.slice(0, later), message, ...rows.slice(later)];
}

/**
 * Join two lists of which the second one is later. What is in both is taken from the second one.
 * @param {Message[]} earlier
 * @param {Message[]} later
 * @returns {Message[]}
 */
export function joined(earlier, later) {
    const ids = new Set(later.map((row) => row.id));
    ids.delete("");
    return [...earlier.filter((row) => !ids.has(row.id)), ...later];
}

/**
 * A list with the keys that its messages had in another list.
 * @param {Message[]} rows
 * @param {Message[]} before
 * @returns {Message[]}
 */
export function withKeysOf(rows, before) {
    const keys = new Map(before.map((row) => [row.id, row.key]));
    keys.delete("");
    return rows.map((row) => {
        const key = keys.get(row.id);
        return key === undefined || key === row.key ? row : { ...row, key };
    });
}

/**
 * The number of the first message of a list that has one; 0 if none has.
 * @param {Message[]} rows
 */
export function firstSeq(rows) {
    return rows.find((row) => row.seq > 0)?.seq ?? 0;
}

/**
 * The number of the last message of a list that has one; 0 if none has.
 * @param {Message[]} rows
 */
export function lastSeq(rows) {
    let place = rows.length - 1;
    while (place >= 0 && rows[place].seq === 0) {
        place--;
    }
    return place < 0 ? 0 : rows[place].seq;
}
