/** Who is in a room, with ranks and away, and what those with a rank may do about them. */
import { html, useEffect, useState } from "../vendor/preact.js";
import { IconButton } from "../elements/button.js";
import { ErrorText, Field, Form, useTask } from "../elements/form.js";
import { moveFocus } from "../elements/move_focus.js";
import { Select } from "../elements/fields.js";
import { hrefOf } from "../elements/routes.js";
import { Presence } from "./sidebar.js";
import { t } from "../common/i18n.js";
import { useObservable } from "../common/observable_hook.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../common/types.js").Conversation} Conversation
 * @typedef {import("../common/types.js").Member} Member
 * @typedef {import("../elements/form.js").Values} Values
 * @typedef {{ model: Model, conv: string, member: Member, rights: { decides: boolean, mayRank: boolean } }} MemberProps
 */

/** The list is asked for again this long after something happened in the room, in milliseconds. */
const SETTLED = 1000;
const RANKS = ["owner", "operator", "voiced", ""];

/** @param {{ model: Model, room: Conversation, decides: boolean }} props */
export function Members({ model, room: { conv, rank }, decides }) {
    const [members, setMembers] = useState(/** @type {Member[]} */ ([]));
    const [invited, setInvited] = useState(/** @type {string[]} */ ([]));
    const task = useTask();
    const load = async () => {
        setMembers(await model.members(conv));
        setInvited(await model.invited(conv));
    };
    const latest = useLatestEvent(model, conv);
    useEffect(() => {
        const timer = setTimeout(() => void task.run(load), members.length ? SETTLED : 0);
        return () => clearTimeout(timer);
    }, [latest]);
    const mayRank = rank === "owner" || ["moderator", "operator"].includes(model.me.role);
    const rights = { decides, mayRank };
    const row = (/** @type {Member} */ member) =>
        html`<${MemberRow} key=${member.name} model=${model} conv=${conv} member=${member} rights=${rights} />`;
    return html`<h3>${t("room.members", { n: members.length })}</h3>
        <${ErrorText} text=${task.error} />
        <ul class="members" onKeyDown=${moveFocus}>
            ${ordered(members).map(row)}
            ${invited.map((name) => html`<${InvitedRow} key=${"@" + name} ...${{ model, conv, name, onGone: load }} />`)}
        </ul>`;
}

/**
 * The key of the newest event in a room: it changes when somebody comes, goes or has another rank.
 * @param {Model} model
 * @param {string} conv
 * @returns {string}
 */
function useLatestEvent(model, conv) {
    const { rows } = useObservable(model.timeline(conv));
    return rows.findLast((row) => row.event)?.key ?? "";
}

/**
 * Those online first, then by rank and name.
 * @param {Member[]} members
 * @returns {Member[]}
 */
function ordered(members) {
    const place = (/** @type {Member} */ member) => (member.online ? 0 : RANKS.length) + RANKS.indexOf(member.rank);
    return [...members].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
}

/** @param {MemberProps} props */
function MemberRow({ model, conv, member, rights }) {
    const [open, setOpen] = useState(false);
    const { name, rank, role, online, away } = member;
    const words = [rank && t(`rank.${rank}`), role !== "user" && t(`role.${role}`), name === model.me.name && t("room.you")];
    const may = (rights.decides || rights.mayRank) && name !== model.me.name && conv !== model.lobby;
    return html`<li>
        <div class="member">
            <a class="conv" href=${hrefOf("@" + name)}>
                <${Presence} model=${model} name=${name} online=${online} away=${away} />
                <span class="name" dir="auto">${name}</span> <small>${words.filter(Boolean).join(", ")}</small>
            </a>
            ${may && html`<${IconButton} icon="more" label=${t("room.options", { name })} aria-expanded=${open}
                onClick=${() => setOpen(!open)} />`}
        </div>
        ${open && html`<${Powers} model=${model} conv=${conv} member=${member} rights=${rights} />`}
    </li>`;
}

/**
 * What one may do about a member: give a rank, take them out of the room.
 * @param {MemberProps} props
 */
function Powers({ model, conv, member: { name, rank }, rights }) {
    const task = useTask();
    const give = (/** @type {string} */ to) => task.run(() => model.setRank(conv, name, to));
    const kick = (/** @type {Values} */ { reason }) => model.kick(conv, name, reason.trim());
    return html`<div class="powers">
        ${rights.mayRank && html`<${Select} label=${t("room.rank")} value=${rank} onChange=${give} disabled=${task.busy}
            options=${RANKS.map((to) => [to, t(`rank.${to || "none"}`)])} />`}
        <${ErrorText} text=${task.error} />
        ${rights.decides && html`<${Form} onSubmit=${kick}>
            <${Field} label=${t("room.kickReason")} name="reason" maxlength="200" dir="auto" />
            <button class="danger">${t("room.kick")}</button>
        <//>`}
    </div>`;
}

/** @param {{ model: Model, conv: string, name: string, onGone: () => Promise<void> }} props */
function InvitedRow({ model, conv, name, onGone }) {
    const task = useTask();
    const withdraw = async () => {
        await model.uninvite(name, conv);
        await onGone();
    };
    return html`<li class="member">
        <span class="conv"><span class="name" dir="auto">${name}</span> <small>${t("room.invited")}</small></span>
        <${IconButton} icon="close" label=${t("room.withdrawInvite", { name })} disabled=${task.busy}
            onClick=${() => task.run(withdraw)} />
        <${ErrorText} text=${task.error} />
    </li>`;
}
