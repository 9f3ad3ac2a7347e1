/** What the list of messages shows for each of its items, and before the first. */

import { html } from "../vendor/preact.js";
import { EventRow } from "./events.js";
import { t } from "../common/i18n.js";
import { MessageRow } from "./message.js";
import { dayName } from "../elements/times.js";

/** @import { Item } from "./grouping.js" */
/** @import { RowActions } from "./message.js" */
/** @import { Timeline } from "../core/timeline.js" */
/** @import { Me } from "../common/types.js" */

/**
 * What rows are shown with.
 * @typedef {object} Shown
 * @property {Me} me
 * @property {string} language
 * @property {Timeline} timeline
 * @property {RowActions} actions
 * @property {string} highlight   the id of the message to which the reader was led, or ""
 */

/**
 * An item as a row. Each is an element of its own around a component: the components are drawn only when they change, and where
 * such components are the children, this preact moves many of them when the first is removed.
 * @param {Item} item
 * @param {Shown} shown
 * @returns {any}
 */
export function rowOf(item, { me, language, timeline, actions, highlight }) {
    switch (item.kind) {
        case "day":
            return html`<div key=${item.key} class="day"><span>${dayName(item.time)}</span></div>`;
        case "new":
            return html`<div key=${item.key} class="new-since"><span>${t("list.newSince")}</span></div>`;
        case "events":
            return html`<div key=${item.key}><${EventRow} messages=${item.messages} language=${language}
                highlighted=${highlight !== "" && item.messages.some((message) => message.id === highlight)} /></div>`;
        default:
            return html`<div key=${item.key}><${MessageRow} message=${item.message} grouped=${item.grouped} me=${me}
                quoted=${item.message.re ? timeline.get(item.message.re) : undefined} account=${me.account}
                language=${language} timeline=${timeline} actions=${actions}
                highlighted=${highlight !== "" && item.message.id === highlight} /></div>`;
    }
}

/**
 * What stands before the first row.
 * @param {Timeline} timeline
 * @param {string} title   of the conversation
 * @returns {string}
 */
export function beginningOf({ atStart, stored, rows, failed }, title) {
    if (failed) {
        return failed.message;
    }
    if (!stored) {
        return t("list.notStored");
    }
    return atStart ? t(rows.length > 0 ? "list.beginning" : "list.empty", { conv: title }) : t("list.loading");
}
