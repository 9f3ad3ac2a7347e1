/** What each name typed in each conversation and did not send: it is there again after the page was closed. */

import { nameKey } from "../common/names.js";
import { storage } from "../common/storage.js";
import { mayHaveSecret } from "../core/typed_lines.js";
import { lastName } from "../session/credentials.js";

/** Under which name a draft is stored. @param {string} conv */
const keyOf = (conv) => `draft.${nameKey(lastName())}.${conv}`;

/**
 * The draft of a conversation, or "".
 * @param {string} conv
 * @returns {string}
 */
export function draftOf(conv) {
    return storage.get(keyOf(conv));
}

/**
 * Keeps a draft; an empty one is forgotten, and what may be a password is never kept.
 * @param {string} conv
 * @param {string} text
 */
export function keepDraft(conv, text) {
    storage.set(keyOf(conv), text.trim() === "" || mayHaveSecret(text) ? "" : text);
}
