/** The button that leads back to the newest messages. */

import { html } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { Icon } from "../elements/icons.js";
import { useObservable } from "../common/observable_hook.js";

/** @import { Model } from "../core/model.js" */

/**
 * The button, with the number of new messages if there are any.
 * @param {{ model: Model, conv: string, onClick: () => void }} props
 */
export function ToNewest({ model, conv, onClick }) {
    useObservable(model);
    const unread = model.find(conv)?.unread ?? 0;
    return html`<button type="button" class="to-newest" onClick=${onClick}>
        <${Icon} name="down" /> ${unread > 0 ? t("list.toNewestCount", { n: unread }) : t("list.toNewest")}
    </button>`;
}
