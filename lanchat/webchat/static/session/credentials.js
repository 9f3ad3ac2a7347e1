/** What the browser keeps of one's identity: the name, the name of this device, and a token for each account. */

import { nameKey, newId } from "../common/names.js";
import { storage, tabStorage } from "../common/storage.js";

/** The name that one used last, in this tab or else in this browser; "" if there is none. */
export function lastName() {
    return tabStorage.get("name") || storage.get("name");
}

/**
 * Remember a name for the next visit; "" forgets it.
 * @param {string} name
 */
export function rememberName(name) {
    tabStorage.set("name", name);
    storage.set("name", name);
}

/**
 * The token with which this browser logs in to an account; "" if there is none.
 * @param {string} name
 */
export function tokenOf(name) {
    return storage.get(`token.${nameKey(name)}`);
}

/**
 * Keep a token for an account; "" forgets it.
 * @param {string} name
 * @param {string} token
 */
export function keepToken(name, token) {
    storage.set(`token.${nameKey(name)}`, token);
}

/** The name of this browser, under which the server knows how far it has read. */
export function deviceName() {
    let device = storage.get("device");
    if (!/^web-[0-9a-f]{8}$/u.test(device)) {
        device = `web-${newId().slice(0, 8)}`;
        storage.set("device", device);
    }
    return device;
}
