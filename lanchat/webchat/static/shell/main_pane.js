/** What the main pane shows: a conversation, or the way into a room that one is not in. */
import { html } from "../vendor/preact.js";
import { Conversation } from "../conversation/conversation.js";
import { IconButton } from "../elements/button.js";
import { Later, loadDialogs } from "../elements/later.js";
import { t } from "../common/i18n.js";
import { useObservable } from "../common/observable_hook.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../elements/routes.js").Route} Route
 */

/** @param {{ model: Model, route: Route, onMenu: () => void, onInfo: () => void }} props */
export function MainPane({ model, route, onMenu, onInfo }) {
    useObservable(model);
    const { conv, focus } = route;
    if (!conv) {
        return null;
    }
    if (conv.startsWith("#") && !model.find(conv)?.joined) {
        return html`<div class="outside">
            <${IconButton} icon="menu" class="icon-button menu-button" label=${t("nav.menu")} onClick=${onMenu} />
            <h1 dir="auto">${conv}</h1>
            <p>${t("room.outside")}</p>
            <${Later} key=${conv} load=${loadDialogs} name="Dialog" dialog="join" model=${model} conv=${conv} primary
                onClose=${() => {}} />
        </div>`;
    }
    return html`<${Conversation} key=${conv} model=${model} conv=${conv} focus=${focus} onMenu=${onMenu} onInfo=${onInfo} />`;
}
