/** The dialog about the webhooks of a room, through which programs post into it. */
import { html, useEffect, useState } from "../vendor/preact.js";
import { copy } from "../elements/clipboard.js";
import { dateAndTime } from "../elements/dates.js";
import { Dialog } from "../elements/dialog.js";
import { ErrorText, Field, Form, useTask } from "../elements/form.js";
import { textOf } from "../session/packets.js";
import { t } from "../common/i18n.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../common/types.js").X} X
 * @typedef {import("../common/types.js").Conversation} Conversation
 * @typedef {import("../elements/form.js").Values} Values
 */

/** What is done to a webhook. @typedef {(command: string, name: string) => Promise<unknown>} Change */

/**
 * Whether one may manage the webhooks of a room: its owners, and the server's moderators.
 * @param {Model} model
 * @param {Conversation} room
 * @returns {boolean}
 */
export function managesHooks(model, room) {
    return model.me.account && (room.rank === "owner" || ["moderator", "operator"].includes(model.me.role));
}

/** @param {{ model: Model, room: Conversation, onClose: () => void }} props */
export function Hooks({ model, room, onClose }) {
    const [hooks, setHooks] = useState(/** @type {X[] | null} */ (null));
    const [made, setMade] = useState(/** @type {{ name: string, url: string } | null} */ (null));
    const task = useTask();
    const ask = (/** @type {X} */ x) => model.session.request("/hook", "", x);
    const load = async () => setHooks((await ask({ command: "list", room: room.conv })).x.hooks ?? []);
    useEffect(() => void task.run(load), []);
    const change = async (/** @type {string} */ command, /** @type {string} */ name) => {
        const { x } = await ask(command === "add" ? { command, target: name, room: room.conv } : { command, target: name });
        const url = textOf(x.hooks?.[0] ?? {}, "url");
        if (url !== "") {
            setMade({ name, url: url.startsWith("/") ? location.origin + url : url });
        } else if (command === "remove" && made?.name === name) {
            setMade(null);
        }
        await load();
    };
    return html`<${Dialog} title=${`${t("hooks.title")}: ${room.conv}`} onClose=${onClose}>
        <p class="hint">${t("hooks.about")}</p>
        ${made && html`<${Address} key=${made.url} ...${made} />`}
        ${hooks?.length === 0 && html`<p role="status">${t("hooks.none")}</p>`}
        <ul class="hooks">
            ${hooks?.map((hook) => html`<${Hook} key=${textOf(hook, "name")} hook=${hook} onChange=${change} />`)}
        </ul>
        <${ErrorText} text=${task.error} />
        <${Form} class="form inline" onSubmit=${(/** @type {Values} */ { name }) => change("add", name.trim())}>
            <${Field} key=${hooks?.length} label=${t("hooks.name")} name="name" required maxlength="64" dir="auto" />
            <button>${t("hooks.add")}</button>
        <//>
    <//>`;
}

/**
 * The address of a webhook, which is shown once.
 * @param {{ name: string, url: string }} props
 */
function Address({ name, url }) {
    const [done, setDone] = useState("");
    const put = async () => setDone((await copy(url)) ? t("message.linkCopied") : t("message.notCopied"));
    return html`<div class="address" role="alert">
        <p dir="auto">${t("hooks.once", { name })}</p>
        <code dir="ltr">${url}</code>
        <div class="buttons"><button type="button" onClick=${put}>${t("hooks.copy")}</button></div>
        <p role="status">${done}</p>
    </div>`;
}

/** @param {{ hook: X, onChange: Change }} props */
function Hook({ hook, onChange }) {
    const task = useTask();
    const name = textOf(hook, "name"), used = textOf(hook, "used"), post = textOf(hook, "post"), isOn = hook.enabled === true;
    const facts = [
        t("hooks.by", { name: textOf(hook, "by") }), used ? t("hooks.used", { time: dateAndTime(used) }) : t("hooks.never"),
        post && t("hooks.posts", { url: post }), !isOn && t("hooks.disabled"),
    ];
    const run = (/** @type {string} */ command) => task.run(() => onChange(command, name));
    return html`<li aria-label=${name}>
        <b dir="auto">${name}</b> <small dir="auto">${facts.filter(Boolean).join(", ")}</small>
        <div class="buttons">
            ${!post && html`<${Sure} label=${t("hooks.rotate")} question=${t("hooks.rotateSure")} busy=${task.busy}
                onClick=${() => run("rotate")} />`}
            <button type="button" disabled=${task.busy} onClick=${() => run(isOn ? "disable" : "enable")}>
                ${t(isOn ? "hooks.disable" : "hooks.enable")}
            </button>
            <${Sure} label=${t("hooks.remove")} question=${t("hooks.removeSure")} busy=${task.busy}
                onClick=${() => run("remove")} />
        </div>
        <${ErrorText} text=${task.error} />
    </li>`;
}

/**
 * A button for what can't be undone: it asks once more.
 * @param {{ label: string, question: string, busy: boolean, onClick: () => void }} props
 */
function Sure({ label, question, busy, onClick }) {
    const [asked, setAsked] = useState(false);
    const click = () => {
        setAsked(!asked);
        if (asked) {
            onClick();
        }
    };
    return html`<button type="button" class=${asked ? "danger" : ""} disabled=${busy} onBlur=${() => setAsked(false)}
        onClick=${click}>${asked ? question : label}</button>`;
}
