/** Addresses within the page: what stands after the `#` says which conversation is shown, and which of its messages. */

/**
 * A place in the page: a conversation (`#ops`, `@bob`, `Everyone`, or `""` for none), and the id of a message in it, or `""`.
 * @typedef {{ conv: string, focus: string }} Route
 */

/**
 * The address of a conversation, or of a message in it: `#/room/ops/e1.99`.
 * @param {string} conv
 * @param {string} [id]
 * @returns {string}
 */
export function hrefOf(conv, id = "") {
    const kind = conv.startsWith("#") ? "room/" : conv.startsWith("@") ? "person/" : "";
    const place = kind ? kind + encodeURIComponent(conv.slice(1)) : "everyone";
    return `#/${place}${id ? "/" + encodeURIComponent(id) : ""}`;
}

/**
 * What an address means. An address that means nothing is a place without a conversation.
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
    const [, kind, name, id] = /^#\/(room|person)\/([^/]+)(?:\/([^/]+))?$/.exec(hash) ?? [];
    if (kind) {
        return { conv: (kind === "room" ? "#" : "@") + decoded(name), focus: decoded(id ?? "") };
    }
    const everyone = /^#\/everyone(?:\/([^/]+))?$/.exec(hash);
    return { conv: everyone ? "Everyone" : "", focus: decoded(everyone?.[1] ?? "") };
}

/**
 * @param {string} text
 * @returns {string}
 */
function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text; // a lone % that somebody typed
    }
}
