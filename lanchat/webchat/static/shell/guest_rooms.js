/** A guest leaves its rooms with the connection. After a reload of the page (in the same tab), it is in them again. */
import { tabStorage } from "../common/storage.js";

/** @typedef {import("../core/model.js").Model} Model */

/** Under which name they are stored. */
const STORED = "rooms";
/** How many rooms are entered again. */
const MOST = 20;

/**
 * Remembers the rooms of a guest from now on, and enters those that are remembered once there is a connection.
 * @param {Model} model
 */
export function keepGuestRooms(model) {
    let stored = "";
    let isBack = false;
    model.subscribe(() => {
        const { conversations, lobby, me, session } = model;
        if (session.phase !== "online" || me.account || me.name === "") {
            return;
        }
        if (!isBack) {
            isBack = true;
            enterAgain(model);
            return;
        }
        const rooms = conversations.filter(({ conv, kind, joined }) => kind === "room" && joined && conv !== lobby);
        const found = { name: me.name, rooms: rooms.map(({ conv }) => conv).slice(0, MOST) };
        if (JSON.stringify(found) !== stored) {
            stored = JSON.stringify(found);
            tabStorage.setObject(STORED, found);
        }
    });
}

/** @param {Model} model */
function enterAgain(model) {
    const { name, rooms } = tabStorage.getObject(STORED);
    if (name === model.me.name && Array.isArray(rooms)) {
        rooms.slice(0, MOST).forEach((room) => void model.join(String(room)).catch(() => {})); // it may be gone, or want a key
    }
}
