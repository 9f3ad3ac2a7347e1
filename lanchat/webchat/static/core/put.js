/** Sends bytes to the server, and tells how far it is: `fetch` can't tell that yet. */

import { ServerError } from "../common/errors.js";
import { t } from "../common/i18n.js";

/** The most characters of an answer that are shown. */
const MOST = 300;

/**
 * Send bytes with one request (PUT).
 * @param {string} url On this server.
 * @param {Blob} body
 * @param {AbortSignal} signal Stops it.
 * @param {(part: number) => void} progress Is told how much of it is sent, from 0 to 1.
 * @returns {Promise<import("../common/types.js").X>} the answer; rejected with a `ServerError`
 */
export function put(url, body, signal, progress) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        const broken = () => reject(new ServerError("BROKEN", t("upload.broken")));
        request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
        request.onload = () => {
            const text = request.responseText.trim();
            if (request.status >= 200 && request.status < 300) {
                resolve(read(text));
            } else {
                reject(new ServerError(String(request.status), text.slice(0, MOST) || t("upload.broken")));
            }
        };
        request.onerror = request.onabort = request.ontimeout = broken;
        request.open("PUT", url);
        signal.addEventListener("abort", () => request.abort());
        request.send(body);
    });
}

/**
 * @param {string} text
 * @returns {import("../common/types.js").X}
 */
function read(text) {
    try {
        return Object(JSON.parse(text));
    } catch {
        return {};
    }
}
