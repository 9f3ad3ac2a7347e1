/** The start of the page: everything that lives as long as it does is made here. */
import { html, render } from "./vendor/preact.js";
import { Model } from "./core/model.js";
import { keepGuestRooms } from "./shell/guest_rooms.js";
import { drawAttention } from "./shell/notify.js";
import { Page } from "./shell/page.js";
import { Preferences } from "./shell/preferences.js";
import { note } from "./elements/status.js";
import { setLanguage } from "./common/i18n.js";

const preferences = new Preferences();
const model = new Model();
drawAttention(model, preferences);
model.onNotice((text) => note(text));
keepGuestRooms(model);

const loadReload = () => import("./shell/reload.js");
const stop = model.session.subscribe(() => {
    if (model.session.outdated) {
        stop();
        const hasFiles = () => Boolean(model.uploads?.rows.length);
        void loadReload().then(({ reloadWhenNewer }) => reloadWhenNewer(model.session, hasFiles));
    }
});

let { language } = preferences;
preferences.subscribe(() => {
    if (preferences.language !== language) {
        language = preferences.language;
        void setLanguage(language);
    }
});
model.begin();
await setLanguage(language);
document.querySelector(".splash")?.remove();
render(html`<${Page} model=${model} preferences=${preferences} />`, document.body);
