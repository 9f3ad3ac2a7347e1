/** Sizes in bytes as people read them. */

import { language } from "./i18n.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

/**
 * A size in words: `2.1 MB`, of 1,000,000 bytes each.
 * @param {number} size In bytes.
 * @returns {string}
 */
export function sizeInWords(size) {
    const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(size, 1)) / 3));
    return new Intl.NumberFormat(language(), {
        style: "unit", unit: UNITS[step], unitDisplay: step ? "short" : "long", maximumSignificantDigits: 3,
    }).format(size / 1000 ** step);
}
