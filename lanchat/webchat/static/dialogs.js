/** The dialogs and the panel, which are loaded when the first of them is opened. */
import { html } from "./vendor/preact.js";
import { Account } from "./account.js";
import { Panel } from "./panel.js";
import { Rooms } from "./rooms.js";
import { Search } from "./search.js";
import { Settings } from "./settings.js";

const DIALOGS = { account: Account, panel: Panel, rooms: Rooms, search: Search, settings: Settings };

/**
 * One of the dialogs, or the panel.
 * @param {{ dialog: keyof typeof DIALOGS, [prop: string]: any }} props
 */
export function Dialog({ dialog, ...props }) {
    return html`<${DIALOGS[dialog]} ...${props} />`;
}
