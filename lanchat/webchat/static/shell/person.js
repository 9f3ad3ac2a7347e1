/** The panels beside a talk with one person, and beside what is said to everyone. */
import { html, useEffect, useState } from "../vendor/preact.js";
import { ErrorText, useTask } from "../elements/form.js";
import { moveFocus } from "../elements/move_focus.js";
import { hrefOf } from "../elements/routes.js";
import { Muting } from "./room.js";
import { Presence } from "./sidebar.js";
import { dateAndTime } from "../elements/dates.js";
import { t } from "../common/i18n.js";

/** How many of those online are listed. */
const LISTED = 200;

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../common/types.js").Conversation} Conversation
 */

/**
 * What is known of somebody.
 * @param {{ model: Model, conversation: Conversation }} props
 */
export function PersonPanel({ model, conversation }) {
    const { name } = conversation;
    const [known, setKnown] = useState(/** @type {Record<string, any>} */ ({}));
    const task = useTask();
    const online = model.people.has(name);
    useEffect(() => void task.run(async () => setKnown(await model.whois(name))), [name, online]);
    const away = known.away || model.people.get(name)?.away;
    return html`<p class="facts">
            <${Presence} model=${model} name=${name} online=${known.online} away=${away} />
            ${known.bot ? t("role.bot") : known.role && t(`role.${known.role}`)}
            ${known.online === false && html` (${t("nav.offline")})`}
        </p>
        ${away && html`<p>${t("nav.away")}${typeof away === "string" && html`: <span dir="auto">${away}</span>`}</p>`}
        ${known.since && html`<p class="hint">${t("room.onlineSince", { time: dateAndTime(known.since) })}</p>`}
        ${known.idle > 60 && html`<p class="hint">${t("room.idle", { time: dateAndTime(Date.now() - known.idle * 1000) })}</p>`}
        <${Muting} model=${model} conversation=${conversation} />
        ${known.rooms?.length > 0 && html`<h3>${t("nav.rooms")}</h3>
            <ul onKeyDown=${moveFocus}>${known.rooms.map((/** @type {{ name: string }} */ room) => html`<li key=${room.name}>
                <a class="conv" href=${hrefOf(room.name)}><span class="name" dir="auto">${room.name}</span></a>
            </li>`)}</ul>`}
        <${ErrorText} text=${task.error} />`;
}

/**
 * That nothing said to everyone is kept, and who reads it now.
 * @param {{ model: Model, conversation: Conversation }} props
 */
export function EveryonePanel({ model, conversation }) {
    const people = [...model.people.values()].filter((person) => person.online).sort((a, b) => a.name.localeCompare(b.name));
    return html`<p>${t("room.everyone")}</p>
        <${Muting} model=${model} conversation=${conversation} />
        <h3>${t("rooms.online", { n: people.length })}</h3>
        <ul class="members" onKeyDown=${moveFocus}>${people.slice(0, LISTED).map(({ name }) => html`<li key=${name}>
            <a class="conv" href=${hrefOf("@" + name)}>
                <${Presence} model=${model} name=${name} /><span class="name" dir="auto">${name}</span>
            </a>
        </li>`)}</ul>
        ${people.length > LISTED && html`<p class="hint">${t("nav.more", { n: people.length - LISTED })}</p>`}`;
}
