/** The dialog about oneself: away, name, account, devices, password. */
import { html, useEffect, useState } from "../vendor/preact.js";
import { Dialog } from "../elements/dialog.js";
import { ErrorText, Field, Form, useTask } from "../elements/form.js";
import { dateAndTime } from "../elements/dates.js";
import { deviceName } from "../session/credentials.js";
import { t } from "../common/i18n.js";
import { note } from "../elements/status.js";
import { mayLogIn, WayToHttps } from "./welcome.js";
import { useObservable } from "../common/observable_hook.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../session/session.js").Session} Session
 * @typedef {import("../elements/form.js").Values} Values
 */

/** @param {{ model: Model, onClose: () => void }} props */
export function Account({ model, onClose }) {
    const { me, session } = useObservable(model);
    const leave = useTask();
    const logout = async () => {
        session.logout();
        location.replace("#/");
        onClose();
    };
    return html`<${Dialog} title=${t("account.title", { name: me.name })} onClose=${onClose}>
        <${Away} model=${model} />
        ${me.account
            ? html`<p class="hint">${t("account.isAccount")}</p>
                <${Devices} session=${session} />
                <${Password} session=${session} />`
            : html`<${Register} model=${model} /><${Rename} model=${model} />`}
        <div class="form">
            <button type="button" class="danger" disabled=${leave.busy} onClick=${() => leave.run(logout)}>
                ${t(me.account ? "account.logout" : "account.logoutGuest")}
            </button>
            <${ErrorText} text=${leave.error} />
        </div>
    <//>`;
}

/** @param {{ model: Model }} props */
function Away({ model }) {
    const { away } = model.me;
    const set = (/** @type {Values} */ { text }) => model.setAway(text?.trim() ?? "");
    return away
        ? html`<${Form} onSubmit=${() => model.setAway(null)}>
            <h3>${t("account.away")}</h3>
            <p dir="auto">${away}</p>
            <button>${t("account.back")}</button>
        <//>`
        : html`<${Form} class="form inline" onSubmit=${set}>
            <${Field} label=${t("account.awayPlaceholder")} name="text" maxlength="200" dir="auto" />
            <button>${t("account.awaySet")}</button>
        <//>`;
}

/** @param {{ model: Model }} props */
function Register({ model }) {
    const { session, me } = model;
    const register = async (/** @type {Values} */ { password }) => {
        await session.register(password);
        note(t("account.registered", { name: me.name }));
    };
    if (!mayLogIn(session)) {
        return html`<div class="form">
            <p>${t("account.guest")}</p>
            <p>${t("account.insecure")}</p>
            <${WayToHttps} session=${session} />
        </div>`;
    }
    return html`<${Form} onSubmit=${register}>
        <p>${t("account.guest")}</p>
        <input hidden name="username" autocomplete="username" value=${me.name} />
        <${Field} label=${t("account.password")} name="password" type="password" required minlength="8"
            autocomplete="new-password" hint=${t("account.passwordHint")} />
        <button class="primary">${t("account.register")}</button>
    <//>`;
}

/** @param {{ model: Model }} props */
function Rename({ model }) {
    const rename = (/** @type {Values} */ { name }) => model.session.rename(name.trim());
    return html`<${Form} class="form inline" onSubmit=${rename}>
        <${Field} label=${t("account.name")} name="name" required maxlength="64" dir="auto" defaultValue=${model.me.name} />
        <button>${t("account.rename")}</button>
    <//>`;
}

/** @param {{ session: Session }} props */
function Password({ session }) {
    const change = async (/** @type {Values} */ values) => {
        await session.changePassword(values.old, values.new);
        note(t("account.changed"));
    };
    if (!mayLogIn(session)) {
        return html`<p class="hint">${t("account.insecure")}</p>`;
    }
    return html`<details><summary>${t("account.change")}</summary><${Form} onSubmit=${change}>
        <input hidden name="username" autocomplete="username" value=${session.name} />
        <${Field} label=${t("account.current")} name="old" type="password" required autocomplete="current-password" />
        <${Field} label=${t("account.new")} name="new" type="password" required minlength="8"
            autocomplete="new-password" hint=${t("account.passwordHint")} />
        <button class="primary">${t("account.change")}</button>
    <//></details>`;
}

/** @param {{ session: Session }} props */
function Devices({ session }) {
    const [devices, setDevices] = useState(/** @type {Record<string, any>[]} */ ([]));
    const loading = useTask();
    useEffect(() => void loading.run(async () => setDevices(await session.devices())), []);
    const how = (/** @type {Record<string, any>} */ { gateway, since, tls }) =>
        t("account.deviceSince", { gateway: tls ? `${gateway}, ${tls}` : gateway, time: dateAndTime(since) });
    return html`<h3>${t("account.devices")}</h3>
        <ul class="devices">${devices.map((device) => html`<li>
            <b dir="auto">${device.device === deviceName() ? t("account.thisDevice") : device.device || device.gateway}</b>
            <span>${device.ip}</span>
            <small>${how(device)}</small>
        </li>`)}</ul>
        <${ErrorText} text=${loading.error} />`;
}
