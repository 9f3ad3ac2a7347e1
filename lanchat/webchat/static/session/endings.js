/** What follows the end of a connection: another attempt, a password, or nothing until the user acts. */

/** @typedef {import("../common/types.js").Phase} Phase */
/** @typedef {import("../common/types.js").Reason} Reason */

/** Ends that are temporary (docs/protocol.md, "Codes"). */
const TEMPORARY = new Set(["FULL", "IDLE", "INTERNAL", "NOT_STORED", "RATE_LIMITED", "RELOAD", "SLOW"]);
/** The codes of the protocol that a close code of the WebSocket stands for. */
/** @type {{ [close: number]: string }} */
const CODES = { 1000: "GONE", 1001: "RELOAD", 1009: "TOO_BIG", 1011: "INTERNAL", 4008: "SLOW", 4009: "IDLE", 4013: "FULL" };
/** How long attempts wait, in milliseconds: the first after a cut, further ones, and at most. */
const FIRST_MS = 300;
const NEXT_MS = 500;
const MOST_MS = 15_000;

/**
 * @typedef {object} End The end of a connection.
 * @property {number} close The close code of the WebSocket.
 * @property {string} text The reason that came with it, or what the server said before.
 * @property {string} bye The code of the server's `bye`; "" if there was none.
 * @property {boolean} wasWelcomed Whether the server had let us in on this connection.
 * @property {number} tries How often to try again if the name is taken: it may be by a connection that we lost.
 * @property {boolean} awaitsPassword Whether the user was being asked for a password.
 * @property {number} failures How many attempts have failed since.
 */

/**
 * What follows the end of a connection.
 * @param {End} end
 * @returns {{ phase: Phase, reason: Reason, retryMs: number|null }} `retryMs`: when to try again, null if not
 */
export function afterEnd(end) {
    const code = end.bye || CODES[end.close] || "";
    const reason = { code, text: end.text };
    if (code === "AUTH_REQUIRED" || end.awaitsPassword) {
        return { phase: "login", reason, retryMs: null };
    }
    if (end.close === 1008 && !end.wasWelcomed) {
        const isTaken = /\balready\b/u.test(end.text);
        if (isTaken && end.failures < end.tries) {
            return { phase: "offline", reason: { code: "NAME_TAKEN", text: end.text }, retryMs: retryDelay("", end.failures) };
        }
        const why = code || (isTaken ? "NAME_TAKEN" : "REFUSED");
        return { phase: "refused", reason: { code: why, text: end.text }, retryMs: null };
    }
    if (code === "NAME_TAKEN") {
        return { phase: "refused", reason, retryMs: null };
    }
    if (code === "GONE" || (code !== "" && !TEMPORARY.has(code)) || end.close === 1008) {
        return { phase: "closed", reason, retryMs: null };
    }
    return { phase: "offline", reason, retryMs: retryDelay(code, end.failures) };
}

/**
 * How long to wait before the next attempt, in milliseconds. Many pages lose their connections at the same moment, and should
 * not all come back at once.
 * @param {string} code
 * @param {number} failures
 */
function retryDelay(code, failures) {
    const jitter = 0.5 + Math.random() / 2;
    if (code === "FULL") {
        return 2 * MOST_MS * jitter;
    }
    if (failures === 0) {
        return code === "RELOAD" ? NEXT_MS + Math.random() * 2000 : Math.random() * FIRST_MS;
    }
    return Math.min(NEXT_MS * 2 ** Math.min(failures, 10), MOST_MS) * jitter;
}
