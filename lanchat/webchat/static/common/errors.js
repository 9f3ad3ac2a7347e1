/** Errors that people are told of. */

import { t } from "./i18n.js";

/** The server refused something, or could not be asked. */
export class ServerError extends Error {
    /**
     * @param {string} code A code of the protocol; or one of the page's own: OFFLINE, TIMEOUT and BUSY.
     * @param {string} message A sentence for people.
     * @param {number} [retryMs] After how many milliseconds to try again; 0 if that is not known.
     */
    constructor(code, message, retryMs = 0) {
        super(message);
        this.name = "ServerError";
        this.code = code;
        this.retryMs = retryMs;
    }
}

/** There is no connection, or it ended before the answer came. */
export function offline() {
    return new ServerError("OFFLINE", t("core.offline"));
}

/**
 * Wait.
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function pause(ms) {
    return new Promise((resolve) => {
        setTimeout(resolve, ms);
    });
}
