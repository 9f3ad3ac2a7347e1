/**
 * Times as the reader's locale writes them. All times are milliseconds since 1970.
 */

import { language } from "../common/i18n.js";

const DAY = 86_400_000;

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const STYLES = {
    time: { timeStyle: "short" },
    weekday: { weekday: "long", day: "numeric", month: "long" },
    date: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
    full: { dateStyle: "full", timeStyle: "medium" },
};

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * The locale of times: the browser's own if its language is the one that is shown (so that en-GB stays en-GB), else that
 * language.
 * @returns {string | undefined}
 */
export function locale() {
    const own = (navigator.language ?? "").split("-")[0].toLowerCase();
    return own === language() ? undefined : language();
}

/**
 * Formats are made once for each language: making one takes longer than using it a hundred times.
 * @param {string} style
 * @param {number} time
 * @returns {string}
 */
function written(style, time) {
    const key = `${language()} ${style}`;
    let format = formats.get(key);
    if (!format) {
        format = new Intl.DateTimeFormat(locale(), STYLES[style]);
        formats.set(key, format);
    }
    return format.format(time);
}

/**
 * The time of day, such as `14:03` or `2:03 PM`.
 * @param {number} time
 * @returns {string}
 */
export function timeOfDay(time) {
    return written("time", time);
}

/**
 * Date and time in full, for whoever looks closer.
 * @param {number} time
 * @returns {string}
 */
export function fullTime(time) {
    return written("full", time);
}

/**
 * When the local day of a time begins.
 * @param {number} time
 * @returns {number}
 */
export function dayOf(time) {
    return new Date(time).setHours(0, 0, 0, 0);
}

/**
 * A day as people call it: today, yesterday, a weekday with its date, with the year if it is another one.
 * @param {number} time
 * @param {number} [now]
 * @returns {string}
 */
export function dayName(time, now = Date.now()) {
    const days = Math.round((dayOf(time) - dayOf(now)) / DAY);
    if (days === 0 || days === -1) {
        const name = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(days, "day");
        return name.charAt(0).toLocaleUpperCase(locale()) + name.slice(1);
    }
    return written(new Date(time).getFullYear() === new Date(now).getFullYear() ? "weekday" : "date", time);
}

/**
 * Names as a list in a sentence: `ann, bob and eve`. Each is isolated, so that one written from right to left, or with
 * characters that turn the direction, leaves its surroundings as they are.
 * @param {string[]} names
 * @returns {string}
 */
export function listOf(names) {
    return new Intl.ListFormat(locale(), { type: "conjunction" }).format(names.map(isolated));
}

/**
 * A text that keeps its direction to itself (first strong isolate).
 * @param {string} text
 * @returns {string}
 */
export function isolated(text) {
    return `\u2068${text}\u2069`;
}
