/** The page: the first screen for those who are not in the chat yet; the sidebar, a conversation and dialogs for others. */
import { html, useCallback, useEffect, useState } from "../vendor/preact.js";
import { MainPane } from "./main_pane.js";
import { Insecure, Welcome } from "./welcome.js";
import { NoteList, Status } from "../elements/status.js";
import { Sidebar } from "./sidebar.js";
import { Later, loadDialogs } from "../elements/later.js";
import { language, onLanguage, t } from "../common/i18n.js";
import { useRoute } from "./routing.js";
import { useDrawer } from "./drawer.js";
import { useObservable } from "../common/observable_hook.js";
import { useShortcuts } from "./shortcuts.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("./preferences.js").Preferences} Preferences
 */

/**
 * All of the page. It is drawn anew in another language when that changes.
 * @param {{ model: Model, preferences: Preferences }} props
 */
export function Page({ model, preferences }) {
    const [shown, setShown] = useState(language());
    useEffect(() => onLanguage(() => setShown(language())), []);
    return html`<${InLanguage} lang=${shown} model=${model} preferences=${preferences} />`;
}

/** @param {{ lang: string, model: Model, preferences: Preferences }} props */
function InLanguage({ lang, model, preferences }) {
    const { session } = model;
    const { phase } = useObservable(session);
    const [entered, setEntered] = useState(false);
    const [starting, setStarting] = useState(phase === "connecting" || phase === "offline");
    useEffect(() => {
        if (phase === "online") {
            setEntered(true);
        } else if (["start", "login", "refused"].includes(phase)) {
            setEntered(false);
            setStarting(false);
        }
    }, [phase]);
    if (entered || phase === "online") {
        return html`<${Chat} lang=${lang} model=${model} preferences=${preferences} />`;
    }
    return html`<${Status} session=${session} />
        ${starting ? html`<${Starting} onName=${() => setStarting(false)} />`
            : html`<${Welcome} session=${session} preferences=${preferences} />`}`;
}

/**
 * What is shown while the name that was used last is tried, if that takes long.
 * @param {{ onName: () => void }} props
 */
function Starting({ onName }) {
    return html`<main class="welcome starting" id="main">
        <p>${t("welcome.busy")}</p>
        <button type="button" onClick=${onName}>${t("welcome.otherName")}</button>
    </main>`;
}

/** @param {{ lang: string, model: Model, preferences: Preferences }} props */
function Chat({ lang, model, preferences }) {
    const [dialog, setDialog] = useState("");
    const [info, setInfo] = useState(false);
    const route = useRoute(model);
    const drawer = useDrawer(route.conv);
    const closeDialog = useCallback(() => setDialog(""), []);
    const closeInfo = useCallback(() => setInfo(false), []);
    const toggleInfo = useCallback(() => setInfo((open) => !open), []);
    useShortcuts(model, route.conv, setDialog);
    const props = { model, preferences, onClose: closeDialog };
    const isWaiting = model.conversations.some((item) => item.unread > 0 && !item.muted && item.conv !== route.conv);
    return html`
        <a class="skip" href="#main" onClick=${skip}>${t("app.skip")}</a>
        <${Status} session=${model.session} />
        <${Insecure} session=${model.session} preferences=${preferences} />
        <div class=${`app ${drawer.open ? "drawer-open" : ""} ${isWaiting ? "waiting" : ""}`}>
            <div class="drawer" ref=${drawer.ref}>
                <${Sidebar} model=${model} shown=${route.conv} onOpen=${setDialog} />
            </div>
            <div class="backdrop" onClick=${drawer.close}></div>
            <main id="main" tabindex="-1" inert=${drawer.open}>
                <${MainPane} key=${lang} model=${model} route=${route} onMenu=${drawer.show} onInfo=${toggleInfo} />
            </main>
            ${info && html`<${Later} load=${loadDialogs} name="Dialog" dialog="panel" model=${model} conv=${route.conv}
                onClose=${closeInfo} />`}
        </div>
        ${dialog && html`<${Later} key=${dialog} load=${loadDialogs} name="Dialog" dialog=${dialog} ...${props} />`}
        <${NoteList} />`;
}

/**
 * Goes to the field for messages, without an entry in the browser's history.
 * @param {Event} event
 */
function skip(event) {
    event.preventDefault();
    const main = document.getElementById("main");
    /** @type {HTMLElement | null | undefined} */ (main?.querySelector("textarea") ?? main)?.focus();
}
