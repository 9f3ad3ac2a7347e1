/** What was typed in each conversation and not sent: it is there again after the page was closed. */

import { storage } from "../common/storage.js";
import { mayHaveSecret } from "../core/typed_lines.js";

/**
 * The draft of a conversation, or "".
 * @param {string} conv
 * @returns {string}
 */
export function draftOf(conv) {
    return storage.get(`draft.${conv}`);
}

/**
 * Keeps a draft; an empty one is forgotten, and what may be a password is never kept.
 * @param {string} conv
 * @param {string} text
 */
export function keepDraft(conv, text) {
    storage.set(`draft.${conv}`, text.trim() === "" || mayHaveSecret(text) ? "" : text);
}
