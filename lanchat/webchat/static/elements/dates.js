/** Dates with the time of day, as the reader's locale writes them. */
import { locale } from "./times.js";

/**
 * A date and a time of day: `30 Nov 2026, 14:03`.
 * @param {number | string} time Milliseconds since 1970, or as the server writes times.
 * @returns {string}
 */
export function dateAndTime(time) {
    return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}
