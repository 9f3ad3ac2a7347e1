/** The first screen: a name is all it takes, and a password if the name is an account's. */
import { html, useEffect, useState } from "../vendor/preact.js";
import { IconButton } from "../elements/button.js";
import { ErrorText, Field, Form } from "../elements/form.js";
import { Icon, Logo } from "../elements/icons.js";
import { t } from "../common/i18n.js";
import { useObservable } from "../common/observable_hook.js";

/**
 * @typedef {import("../session/session.js").Session} Session
 * @typedef {import("./preferences.js").Preferences} Preferences
 * @typedef {import("../elements/form.js").Values} Values
 */

/**
 * Whether a password may be sent from this page: over TLS, to the machine itself, or if the operator allows it on plain http.
 * @param {Session} session
 * @returns {boolean}
 */
export function mayLogIn(session) {
    return isSecureContext || session.server?.plaintext === true;
}

/**
 * The address of this page over https, or `""` if the server has no such port.
 * @param {Session} session
 * @returns {string}
 */
export function encryptedPage(session) {
    const port = session.server?.https[0];
    return port && location.protocol === "http:" ? `https://${location.hostname}:${port}/` : "";
}

/**
 * The screen of those who are not in the chat yet.
 * @param {{ session: Session, preferences: Preferences }} props
 */
export function Welcome({ session, preferences }) {
    useObservable(session);
    const { phase } = session;
    const [asked, setAsked] = useState(phase === "login");
    useEffect(() => {
        if (phase !== "connecting") {
            setAsked(phase === "login");
        }
    }, [phase]);
    return html`<main class="welcome" id="main" tabindex="-1">
        <div class="card">
            <${Logo} />
            <h1>lanchat</h1>
            ${asked
                ? html`<${PasswordForm} session=${session} onOther=${() => setAsked(false)} />`
                : html`<${NameForm} session=${session} onName=${setAsked} />`}
        </div>
        <${Insecure} session=${session} preferences=${preferences} />
    </main>`;
}

/** @param {{ session: Session, onName: (asked: boolean) => void }} props */
function NameForm({ session, onName }) {
    const { phase, reason } = session;
    const submit = (/** @type {Values} */ { name }) => {
        if (name.trim()) {
            onName(false);
            session.start(name.trim());
        }
    };
    const busy = phase === "connecting";
    return html`<${Form} onSubmit=${submit}>
        <p>${t("welcome.intro")}</p>
        <${Field} label=${t("welcome.name")} name="name" required autofocus maxlength="64" dir="auto" autocomplete="username"
            defaultValue=${session.name} />
        <button class="primary" disabled=${busy}>${busy ? t("welcome.busy") : t("welcome.enter")}</button>
        <${ErrorText} text=${phase === "refused" ? reason.text : ""} />
    <//>`;
}

/** @param {{ session: Session, onOther: () => void }} props */
function PasswordForm({ session, onOther }) {
    const { name, phase, reason } = session;
    const busy = phase === "connecting";
    const login = (/** @type {Values} */ { password }) => session.login(name, password).catch(() => {}); // see session.reason
    const back = html`<button type="button" onClick=${onOther}>${t("welcome.otherName")}</button>`;
    if (!mayLogIn(session)) {
        return html`<div class="form">
            <p dir="auto">${t("welcome.needsHttps", { name })}</p>
            <${WayToHttps} session=${session} />
            ${back}
        </div>`;
    }
    return html`<${Form} onSubmit=${login}>
        <p dir="auto">${t("welcome.needsPassword", { name })}</p>
        <input hidden name="username" autocomplete="username" value=${name} />
        <${Field} label=${t("welcome.password")} name="password" type="password" required autofocus
            autocomplete="current-password" />
        <button class="primary" disabled=${busy}>${busy ? t("welcome.busy") : t("account.login")}</button>
        ${back}
        <${ErrorText} text=${reason.code === "AUTH_REQUIRED" ? "" : reason.text} />
    <//>`;
}

/**
 * The links to the encrypted page, and to the help with its certificate.
 * @param {{ session: Session }} props
 */
export function WayToHttps({ session }) {
    const address = encryptedPage(session);
    return address
        ? html`<p class="links">
            <a class="button primary" href=${address}>${t("welcome.https")}</a>
            ${session.server?.ca && html`<a href="/trust" target="_blank">${t("welcome.trust")}</a>`}
        </p>`
        : html`<p>${t("welcome.noHttps")}</p>`;
}

/**
 * One line that says what this connection lacks, until it is dismissed.
 * @param {{ session: Session, preferences: Preferences }} props
 */
export function Insecure({ session, preferences }) {
    useObservable(session);
    useObservable(preferences);
    if (isSecureContext || preferences.insecureSeen || !session.server) {
        return null;
    }
    const address = encryptedPage(session);
    return html`<aside class="insecure">
        <${Icon} name="lock" />
        <p>${t(session.server.plaintext ? "welcome.insecurePlaintext" : "welcome.insecure")}
            ${address && html` <a href=${address}>${t("welcome.https")}</a>`}
            ${address && session.server.ca && html` <a href="/trust" target="_blank">${t("welcome.trust")}</a>`}</p>
        <${IconButton} icon="close" label=${t("dialog.close")} onClick=${() => preferences.set({ insecureSeen: true })} />
    </aside>`;
}
