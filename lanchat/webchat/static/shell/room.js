/** The panel beside a conversation: what a room is, who is in it, and what one may do there. */
import { html, useState } from "../vendor/preact.js";
import { ErrorText, Field, Form, useTask } from "../elements/form.js";
import { Checkbox } from "../elements/fields.js";
import { Hooks, managesHooks } from "./hooks.js";
import { Members } from "./members.js";
import { t } from "../common/i18n.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../common/types.js").Conversation} Conversation
 * @typedef {import("../elements/form.js").Values} Values
 */

/**
 * Whether one decides in a room: its owners and operators, and the server's moderators.
 * @param {Model} model
 * @param {Conversation} room
 * @returns {boolean}
 */
export function decides(model, room) {
    return ["owner", "operator"].includes(room.rank) || ["moderator", "operator"].includes(model.me.role);
}

/** @param {{ model: Model, room: Conversation, onClose: () => void }} props */
export function RoomPanel({ model, room, onClose }) {
    const isLobby = room.conv === model.lobby;
    return html`<${Topic} model=${model} room=${room} />
        ${isLobby && html`<p class="hint">${t("room.lobby")}</p>`}
        <${Muting} model=${model} conversation=${room} />
        <${Members} key=${room.conv} model=${model} room=${room} decides=${decides(model, room)} />
        ${!isLobby && html`<${Invite} model=${model} room=${room} />`}
        <${Rules} key=${room.conv} model=${model} room=${room} />
        ${managesHooks(model, room) && html`<${Webhooks} key=${`hooks ${room.conv}`} model=${model} room=${room} />`}
        ${!isLobby && html`<${Leave} model=${model} room=${room} onClose=${onClose} />`}`;
}

/**
 * The box that mutes a conversation.
 * @param {{ model: Model, conversation: Conversation }} props
 */
export function Muting({ model, conversation: { conv } }) {
    const [wanted, setWanted] = useState(/** @type {boolean | null} */ (null));
    const task = useTask();
    const mute = async (/** @type {boolean} */ on) => {
        setWanted(on);
        await task.run(() => model.setMuted(conv, on));
        setWanted(null);
    };
    return html`<${Checkbox} label=${t("room.mute")} checked=${wanted ?? model.find(conv)?.muted} onChange=${mute} />
        <${ErrorText} text=${task.error} />`;
}

/** @param {{ model: Model, room: Conversation }} props */
function Topic({ model, room }) {
    const [edited, setEdited] = useState(false);
    const set = async (/** @type {Values} */ { topic }) => {
        await model.setTopic(room.conv, topic.trim());
        setEdited(false);
    };
    if (edited) {
        return html`<${Form} onSubmit=${set}>
            <${Field} label=${t("room.topic")} name="topic" maxlength="300" dir="auto" spellcheck autofocus
                defaultValue=${room.topic} />
            <div class="buttons">
                <button class="primary">${t("room.save")}</button>
                <button type="button" onClick=${() => setEdited(false)}>${t("dialog.cancel")}</button>
            </div>
        <//>`;
    }
    return html`<div class="topic">
        <p dir="auto" class=${room.topic ? "" : "hint"}>${room.topic || t("room.noTopic")}</p>
        <button type="button" class="link" onClick=${() => setEdited(true)}>${t("room.changeTopic")}</button>
    </div>`;
}

/** @param {{ model: Model, room: Conversation }} props */
function Invite({ model, room }) {
    const [invited, setInvited] = useState("");
    const invite = async (/** @type {Values} */ { user }) => {
        await model.invite(user.trim().replace(/^@/, ""), room.conv);
        setInvited(user.trim());
    };
    return html`<details><summary>${t("room.invite")}</summary>
        <${Form} class="form inline" onSubmit=${invite}>
            <${Field} label=${t("room.inviteName")} name="user" required maxlength="64" dir="auto" />
            <button>${t("room.add")}</button>
        <//>
        <p role="status" dir="auto">${invited && t("room.isInvited", { name: invited })}</p>
    </details>`;
}

/** @param {{ model: Model, room: Conversation }} props */
function Rules({ model, room }) {
    const [rules, setRules] = useState(/** @type {Record<string, any> | null} */ (null));
    const task = useTask();
    const load = (/** @type {any} */ event) =>
        event.currentTarget.open && task.run(async () => setRules(await model.rules(room.conv)));
    return html`<details onToggle=${load}><summary>${t("room.rules")}</summary>
        ${rules && html`<ul class="rules">${sentences(rules).map((text) => html`<li>${text}</li>`)}</ul>`}
        <${ErrorText} text=${task.error} />
    </details>`;
}

/**
 * The rules of a room that are on, each as a sentence.
 * @param {Record<string, any>} rules
 * @returns {string[]}
 */
function sentences(rules) {
    const isOn = (/** @type {string} */ name) => rules[name] === true || rules[name] === "on";
    const names = ["moderated", "secret", "invited", "accounts", "bots", "temporary"].filter(isOn);
    const texts = names.map((name) => t(`rule.${name}`));
    if (rules.topic === "operators") {
        texts.push(t("rule.topic"));
    }
    if (rules.key && rules.key !== "off") {
        texts.push(t("rule.key"));
    }
    if (Number(rules.limit) > 0) {
        texts.push(t("rule.limit", { n: Number(rules.limit) }));
    }
    return texts.length ? texts : [t("rule.none")];
}

/** @param {{ model: Model, room: Conversation }} props */
function Webhooks({ model, room }) {
    const [open, setOpen] = useState(false);
    const escape = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && event.stopPropagation();  // (closes one)
    return html`<div onKeyDown=${escape}>
        <button type="button" aria-haspopup="dialog" onClick=${() => setOpen(true)}>${t("hooks.title")}</button>
        ${open && html`<${Hooks} model=${model} room=${room} onClose=${() => setOpen(false)} />`}
    </div>`;
}

/** @param {{ model: Model, room: Conversation, onClose: () => void }} props */
function Leave({ model, room, onClose }) {
    const [asked, setAsked] = useState(false);
    const task = useTask();
    const leave = async () => {
        await model.leave(room.conv);
        onClose();
    };
    const ask = () => (room.private && !asked ? setAsked(true) : void task.run(leave));
    return html`<div class="form">
        ${asked && html`<p role="alert" dir="auto">${t("room.leaveSure", { conv: room.conv })}</p>`}
        <div class="buttons">
            <button type="button" class="danger" disabled=${task.busy} onClick=${ask}>${t("room.leave")}</button>
            ${asked && html`<button type="button" onClick=${() => setAsked(false)}>${t("dialog.cancel")}</button>`}
        </div>
        <${ErrorText} text=${task.error} />
    </div>`;
}
