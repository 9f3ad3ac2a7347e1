/** The words of a search, marked in what it found. */
import { html } from "./vendor/preact.js";

/** Scripts that are written without blanks between words, where a search finds parts of what stands together. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]/u;

/**
 * A text as strings and `<mark>` elements around the words that were searched for.
 * @param {string} text
 * @param {string} query
 * @returns {any[]}
 */
export function markWords(text, query) {
    const wanted = new Set(wordsOf(query.replace(/(^|\s)(from|in|since|before):\S+/g, " ")));
    const parts = [...wanted].filter((word) => UNSPACED.test(word));
    return text.split(/([\p{L}\p{M}\p{N}]+)/u).map((piece) => {
        const word = folded(piece);
        return wanted.has(word) || parts.some((part) => word.includes(part)) ? html`<mark>${piece}</mark>` : piece;
    });
}

/** @param {string} text */
function wordsOf(text) {
    return (text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).map(folded);
}

/**
 * A word without what a search ignores: case, accents, width.
 * @param {string} word
 */
function folded(word) {
    return word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ß", "ss");
}
