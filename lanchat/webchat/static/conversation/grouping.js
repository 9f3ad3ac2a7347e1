/**
 * Rows of a timeline as the list shows them: with a line for each day and for what is new, messages of one sender grouped,
 * and people who come and go folded into one row.
 */

import { dayOf } from "../elements/times.js";

/** @import { Message } from "../common/types.js" */

/**
 * @typedef {{ kind: "day", key: string, time: number }
 *     | { kind: "new", key: string }
 *     | { kind: "message", key: string, message: Message, grouped: boolean }
 *     | { kind: "events", key: string, messages: Message[] }} Item
 */

/** How long a sender's messages are under one name, in ms. */
const GROUP = 300_000;

/** The most events in one row. */
const MOST_FOLDED = 50;

/**
 * What is shown for these rows.
 * @param {Message[]} rows     oldest first
 * @param {number} newSince    what was said after this seq is new; 0: there is no line
 * @param {boolean} atStart    whether nothing is before the first row
 * @param {Set<string>} heads  keys of rows that begin a group in any case, as they were the first ones before others were put
 *     before them: they stay as they are, so that nothing moves
 * @returns {Item[]}
 */
export function itemsOf(rows, newSince, atStart, heads) {
    /** @type {Item[]} */
    const items = [];
    let day = NaN;
    let nextDay = -Infinity;
    // The line is where new begins, so what is not new must be seen before it.
    let lineDue = newSince > 0 && rows.length > 0 && (atStart || (rows[0].seq > 0 && rows[0].seq <= newSince));
    for (const row of rows) {
        if (!(row.time >= day && row.time < nextDay)) {
            day = dayOf(row.time);
            nextDay = dayOf(day + 36 * 3_600_000);
            items.push({ kind: "day", key: `day ${day}`, time: day });
        }
        if (lineDue && row.seq > newSince && !row.mine && !row.event) {
            items.push({ kind: "new", key: "new" });
            lineDue = false;
        }
        add(items, row, heads.has(row.key));
    }
    return items;
}

/**
 * @param {Item[]} items
 * @param {Message} row
 * @param {boolean} isHead
 */
function add(items, row, isHead) {
    const last = isHead ? undefined : items[items.length - 1];
    if (!row.event) {
        const grouped = last?.kind === "message" && sameGroup(last.message, row);
        items.push({ kind: "message", key: row.key, message: row, grouped });
    } else if (last?.kind === "events" && last.messages.length < MOST_FOLDED && [last.messages[0], row].every(comesOrGoes)) {
        last.messages.push(row);
    } else {
        items.push({ kind: "events", key: row.key, messages: [row] });
    }
}

/**
 * @param {Message} a
 * @param {Message} b
 * @returns {boolean}
 */
function sameGroup(a, b) {
    const isAction = a.kind === "action" || b.kind === "action";
    return a.from === b.from && a.bot === b.bot && b.time - a.time < GROUP && !isAction && !b.re;
}

/**
 * @param {Message} row
 * @returns {boolean}
 */
function comesOrGoes(row) {
    return row.event?.ev === "joined" || row.event?.ev === "left";
}
