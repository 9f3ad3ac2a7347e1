/** A time as an element. */

import { html } from "../vendor/preact.js";
import { fullTime, timeOfDay } from "./times.js";

/**
 * The time of day; the date, too, for whoever points at it.
 * @param {{ time: number }} props
 */
export function Time({ time }) {
    return html`<time dir="auto" datetime=${new Date(time).toISOString()} title=${fullTime(time)}>${timeOfDay(time)}</time>`;
}
