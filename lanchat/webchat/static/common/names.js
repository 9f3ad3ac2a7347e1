/** Names of people, rooms and conversations, which are compared without regard to case. */

/** The conversation with everyone, of which nothing is kept. */
export const EVERYONE = "Everyone";

/** What may stand around a name that a message mentions, as the server sees it. */
const AROUND = new Set([..."@.,:;!?()[]{}<>\"'*/`~¡¿«»‘’“”„…、。！（），：；？＠"]);
/** How many words of a message are compared with a name, as on the server. */
const WORDS = 200;

/**
 * What all spellings of a name have in common. (The server's rules for names outside ASCII are stricter; it refuses names that
 * differ only in these.)
 * @param {string} name
 */
export function nameKey(name) {
    return name.normalize("NFKC").toLowerCase().replaceAll("ς", "σ").normalize("NFC");
}

/**
 * Whether two names are those of the same person or room.
 * @param {string} one
 * @param {string} other
 */
export function sameName(one, other) {
    return one === other || nameKey(one) === nameKey(other);
}

/**
 * Whether a conversation is a room, a person, or everyone.
 * @param {string} conv
 * @returns {"room"|"person"|"everyone"}
 */
export function kindOf(conv) {
    return conv.startsWith("#") ? "room" : conv.startsWith("@") ? "person" : "everyone";
}

/**
 * A conversation as packets address it: a person without the mark.
 * @param {string} conv
 */
export function recipient(conv) {
    return conv.startsWith("@") ? conv.slice(1) : conv;
}

/**
 * The name of a room, with its mark.
 * @param {string} name
 */
export function roomName(name) {
    const trimmed = name.trim();
    return trimmed.startsWith("#") ? trimmed : `#${trimmed}`;
}

/**
 * Whether a text mentions somebody: with the name as a word of its own.
 * @param {string} text
 * @param {string} name
 */
export function mentions(text, name) {
    const key = nameKey(name);
    if (key === "" || !nameKey(text).includes(key)) {
        return false;
    }
    return text.split(/\s+/u, WORDS + 1).filter(Boolean).slice(0, WORDS).some((word) => {
        const chars = [...word];
        let start = 0, end = chars.length;
        while (start < end && AROUND.has(chars[start])) {
            start++;
        }
        while (end > start && AROUND.has(chars[end - 1])) {
            end--;
        }
        return nameKey(chars.slice(start, end).join("")) === key;
    });
}

/**
 * A new id that is not to be guessed, of 16 hexadecimal digits. (`randomUUID` is missing where the page came over plain http.)
 */
export function newId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The number of bytes of a text as UTF-8.
 * @param {string} text
 */
export function byteLength(text) {
    return new TextEncoder().encode(text).length;
}
