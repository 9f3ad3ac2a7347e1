/** The words of a search, marked in what it found. */
import { html } from "../vendor/preact.js";

/** Scripts that are written without blanks between words, where a search finds parts of what stands together. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]/u;

/** Letters that a search takes for others, beside those that differ in accents. */
const SAME = Object.entries({ ß: "ss", ł: "l", đ: "d", ø: "o", ı: "i", æ: "ae", œ: "oe", þ: "th" });
/** Letters that are also written as two. */
const AS_TWO = Object.entries({ ä: "ae", ö: "oe", ü: "ue", ø: "oe", å: "aa" });

/**
 * A text as strings and `<mark>` elements around the words that were searched for.
 * @param {string} text
 * @param {string} query
 * @returns {any[]}
 */
export function markWords(text, query) {
    const words = query.replace(/(^|\s)(from|in|since|before):\S+/g, " ").match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
    const wanted = new Set(words.flatMap(spellings));
    const parts = [...wanted].filter((word) => UNSPACED.test(word));
    return text.split(/([\p{L}\p{M}\p{N}]+)/u).map((piece) => {
        const found = spellings(piece).some((word) => wanted.has(word)) || parts.some((part) => piece.includes(part));
        return found ? html`<mark>${piece}</mark>` : piece;
    });
}

/**
 * A word without what a search ignores (case, accents, width), also with its umlauts as two letters.
 * @param {string} word
 * @returns {string[]}
 */
function spellings(word) {
    const lower = word.normalize("NFKC").toLowerCase();
    return [lower, replaced(lower, AS_TWO)].map((one) => replaced(one.normalize("NFD").replace(/\p{M}/gu, ""), SAME));
}

/**
 * @param {string} text
 * @param {[string, string][]} letters
 */
function replaced(text, letters) {
    return letters.reduce((result, [letter, others]) => result.replaceAll(letter, others), text);
}
