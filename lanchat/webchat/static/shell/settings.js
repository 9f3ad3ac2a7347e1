/** The dialog with the settings of this browser. */
import { html, useState } from "../vendor/preact.js";
import { Dialog } from "../elements/dialog.js";
import { Checkbox, Select } from "../elements/fields.js";
import { languages, t } from "../common/i18n.js";
import { mayNotify, askToNotify, playSound } from "./notify.js";
import { useObservable } from "../common/observable_hook.js";

/** @typedef {import("./preferences.js").Preferences} Preferences */

/** @param {{ preferences: Preferences, onClose: () => void }} props */
export function Settings({ preferences, onClose }) {
    const { language, theme, sound, scope } = useObservable(preferences);
    const choose = (/** @type {"language" | "theme" | "scope"} */ name) => (/** @type {string} */ value) =>
        preferences.set({ [name]: value });
    const sounds = (/** @type {boolean} */ on) => {
        preferences.set({ sound: on });
        if (on) {
            playSound();
        }
    };
    return html`<${Dialog} title=${t("settings.title")} onClose=${onClose}>
        <div class="form">
            <${Select} label=${t("settings.language")} value=${language} onChange=${choose("language")}
                options=${[["", t("settings.automatic")], ...Object.entries(languages())]} />
            <${Select} label=${t("settings.theme")} value=${theme} onChange=${choose("theme")}
                options=${[["", t("settings.automatic")], ["light", t("settings.light")], ["dark", t("settings.dark")]]} />
            <${Notifications} preferences=${preferences} />
            <${Checkbox} label=${t("settings.sound")} checked=${sound} onChange=${sounds} />
            <${Select} label=${t("settings.scope")} value=${scope} onChange=${choose("scope")}
                options=${[["mine", t("settings.scopeMine")], ["all", t("settings.scopeAll")]]} />
            <p class="hint">${t("settings.shortcuts")}</p>
        </div>
    <//>`;
}

/**
 * Notifications are asked for when they are turned on, and not before.
 * @param {{ preferences: Preferences }} props
 */
function Notifications({ preferences }) {
    const [denied, setDenied] = useState(false);
    const change = async (/** @type {boolean} */ on) => {
        const granted = on && (await askToNotify());
        setDenied(on && !granted);
        preferences.set({ notifications: granted });
    };
    if (!isSecureContext) {
        return html`<p class="hint">${t("settings.notifyInsecure")}</p>`;
    }
    const on = preferences.notifications && mayNotify();
    return html`<${Checkbox} label=${t("settings.notify")} checked=${on} onChange=${change} />
        ${denied && html`<p class="error" role="alert">${t("settings.notifyDenied")}</p>`}`;
}
