/** What the server says of itself and of the page, in `/server.json`. */

/** @typedef {import("../common/types.js").ServerInfo} ServerInfo */

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 10_000;

/**
 * Fetch `/server.json`.
 * @returns {Promise<ServerInfo|null>} null if that is impossible now
 */
export async function fetchServerInfo() {
    try {
        const answer = await fetch("/server.json", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
        const found = await answer.json();
        return {
            build: String(found.build ?? ""),
            https: Array.isArray(found.https) ? found.https.filter(Number.isInteger) : [],
            plaintext: found.plaintext === true,
            ca: found.ca === true,
        };
    } catch {
        return null;
    }
}

/**
 * Whether the server has another page than the one that is shown.
 * @param {ServerInfo|null} server
 */
export function isOutdated(server) {
    const shown = typeof document === "undefined" ? null : document.querySelector("meta[name=build]");
    const build = shown?.getAttribute("content") ?? "";
    return server !== null && server.build !== "" && build !== "" && server.build !== build;
}
