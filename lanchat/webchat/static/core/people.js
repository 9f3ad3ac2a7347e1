/** The people who are online, and who of them is away. */

import { nameKey } from "../common/names.js";

/** @typedef {import("../common/types.js").Person} Person */

/** How many are remembered at most. */
const MOST = 5000;

/** Those who are online, without oneself. */
export class People {
    /** @type {Map<string, Person>} By name; the model shows this. */
    online = new Map();
    /** @type {Map<string, string>} The spelling of each name, by key. */
    #spelling = new Map();

    /**
     * What is known of somebody who is online.
     * @param {string} name
     * @returns {Person|undefined}
     */
    find(name) {
        return this.online.get(this.#spelling.get(nameKey(name)) ?? "");
    }

    /**
     * Note everybody who is online.
     * @param {string[]} names
     */
    replace(names) {
        const before = this.online;
        this.online = new Map();
        this.#spelling.clear();
        for (const name of names) {
            this.came(name, before.get(name)?.away ?? false);
        }
    }

    /**
     * Note that somebody came online.
     * @param {string} name
     * @param {boolean|string} [away]
     */
    came(name, away = false) {
        if (this.online.size < MOST && this.find(name) === undefined) {
            this.online.set(name, { name, online: true, away });
            this.#spelling.set(nameKey(name), name);
        }
    }

    /**
     * Note that somebody went offline.
     * @param {string} name
     */
    went(name) {
        const spelled = this.#spelling.get(nameKey(name));
        if (spelled !== undefined) {
            this.online.delete(spelled);
            this.#spelling.delete(nameKey(name));
        }
    }

    /**
     * Note whether somebody is away.
     * @param {string} name
     * @param {boolean|string} away
     */
    setAway(name, away) {
        const person = this.find(name);
        if (person !== undefined && person.away !== away) {
            this.online.set(person.name, { ...person, away });
        }
    }
}
