/**
 * The texts of the page, in the language of its reader.
 *
 * Each language is a file of plain JSON, `lang/XX.json`, and is listed with its own name in `lang/index.json`, which the server
 * puts into the page (`<meta name="languages">`). A text is a string with places for values (`"Hello {name}"`), or one string
 * for each plural form (`{"one": "...", "other": "..."}`), chosen by the value `n`. What a language lacks is shown in English,
 * which is loaded only then. The server puts the texts that the first part of the page does not use into a file of their own,
 * `lang/XX.later.json`: whoever loads another part calls `loadLaterTexts`, too.
 */

/** @typedef {Record<string, string | Record<string, string>>} Texts */

/** English, if it was needed. @type {Texts | null} */
let fallback = null;
/** @type {Texts} */
let texts = {};
/** @type {Record<string, string>} */
const names = JSON.parse(document.querySelector("meta[name=languages]")?.getAttribute("content") || '{"en": "English"}');
let current = "en";
/** Whether the texts of what is loaded later are wanted; and their loading. */
let wantsLater = false;
/** @type {Promise<void> | null} */
let later = null;
let plurals = new Intl.PluralRules("en");
let numbers = new Intl.NumberFormat("en");
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * The text of a key, with its values filled in; the key itself if there is no such text.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
    let text = texts[key] ?? fallback?.[key] ?? key;
    if (text === key) {
        void loadFallback();
    }
    if (typeof text !== "string") {
        text = text[plurals.select(Number(values.n))] ?? text.other ?? key;
    }
    return text.replace(/\{(\w+)\}/g, (place, name) => {
        const value = values[name];
        return typeof value === "number" ? numbers.format(value) : (value ?? place);
    });
}

/**
 * The code of the language that is shown, such as `de`.
 * @returns {string}
 */
export function language() {
    return current;
}

/**
 * All languages there are: their names in themselves, by code.
 * @returns {Record<string, string>}
 */
export function languages() {
    return names;
}

/**
 * Calls `fn` whenever another language is shown; returns a function that ends this.
 * @param {() => void} fn
 * @returns {() => void}
 */
export function onLanguage(fn) {
    listeners.add(fn);
    return () => void listeners.delete(fn);
}

/**
 * Loads a language and shows it; with `""`, the first of the browser's languages that there is, else English.
 * If the file can't be loaded, the texts stay as they are.
 * @param {string} code
 * @returns {Promise<void>}
 */
export async function setLanguage(code) {
    const chosen = Object.hasOwn(names, code) ? code : preferred();
    texts = await load(chosen, texts);
    current = chosen;
    plurals = new Intl.PluralRules(chosen);
    numbers = new Intl.NumberFormat(chosen);
    document.documentElement.lang = chosen;
    listeners.forEach((fn) => fn());
}

/**
 * Loads the texts of the parts of the page that are loaded later, once. Rejected if they can't be loaded now.
 * @returns {Promise<void>}
 */
export function loadLaterTexts() {
    wantsLater = true;
    later ??= load(current, null).then((found) => {
        if (found === null) {
            later = null;
            throw new Error("Texts can't be loaded.");
        }
        texts = found;
        fallback = null;
    });
    return later;
}

/** Loads English, once; who shows texts is told, as if it were another language. */
async function loadFallback() {
    if (fallback === null) {
        fallback = {};
        fallback = await load("en", {});
        listeners.forEach((fn) => fn());
    }
}

/** @returns {string} */
function preferred() {
    const wanted = navigator.languages.map((tag) => tag.split("-")[0].toLowerCase());
    return wanted.find((code) => Object.hasOwn(names, code)) ?? "en";
}

/**
 * The texts of a language, as far as they are wanted.
 * @template T
 * @param {string} code
 * @param {T} otherwise
 * @returns {Promise<Texts | T>}
 */
async function load(code, otherwise) {
    try {
        const names = wantsLater ? [code, `${code}.later`] : [code];
        return Object.assign({}, ...await Promise.all(names.map(fetched)));
    } catch {
        return otherwise; // cut off: the next page load tries again
    }
}

/**
 * @param {string} name
 * @returns {Promise<Texts>}
 */
async function fetched(name) {
    const answer = await fetch(`./lang/${name}.json`);
    return answer.ok ? answer.json() : Promise.reject(new Error(name));
}
