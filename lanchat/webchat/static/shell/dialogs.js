/** The dialogs, the panel, and what is shown of a room that one is not in: they are loaded when the first of them is needed. */
import { html } from "../vendor/preact.js";
import { Account } from "./account.js";
import { Join } from "./join.js";
import { Panel } from "./panel.js";
import { Rooms } from "./rooms.js";
import { Search } from "./search.js";
import { Settings } from "./settings.js";

const DIALOGS = { account: Account, join: Join, panel: Panel, rooms: Rooms, search: Search, settings: Settings };

/**
 * One of the dialogs, or the panel.
 * @param {{ dialog: keyof typeof DIALOGS, [prop: string]: any }} props
 */
export function Dialog({ dialog, ...props }) {
    return html`<${DIALOGS[dialog]} ...${props} />`;
}
