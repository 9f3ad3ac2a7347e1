/** What the browser keeps for the page between two visits. It may be forbidden, full, or changed by somebody else. */

const PREFIX = "lanchat.";

/** Keeps texts by name, in the browser's storage if that works; otherwise as long as the page is open. */
export class Storage {
    /** @type {Map<string, string>} What could not be stored. */
    #unstored = new Map();

    /** @param {() => globalThis.Storage} area The browser's storage; what it raises is expected. */
    constructor(area) {
        this.area = area;
    }

    /**
     * Read a text; "" if there is none.
     * @param {string} name
     * @returns {string}
     */
    get(name) {
        const unstored = this.#unstored.get(name);
        if (unstored !== undefined) {
            return unstored;
        }
        try {
            return this.area().getItem(PREFIX + name) ?? "";
        } catch {
            return "";
        }
    }

    /**
     * Store a text; "" removes it.
     * @param {string} name
     * @param {string} text
     */
    set(name, text) {
        this.#unstored.delete(name);
        try {
            if (text === "") {
                this.area().removeItem(PREFIX + name);
            } else {
                this.area().setItem(PREFIX + name, text);
            }
        } catch {
            this.#unstored.set(name, text);
        }
    }

    /**
     * Read an object that was stored as JSON; an empty one if there is none, or if it is damaged.
     * @param {string} name
     * @returns {{ [member: string]: unknown }}
     */
    getObject(name) {
        try {
            const found = JSON.parse(this.get(name) || "{}");
            return typeof found === "object" && found !== null && !Array.isArray(found) ? found : {};
        } catch {
            return {};
        }
    }

    /**
     * Store an object as JSON.
     * @param {string} name
     * @param {object} object
     */
    setObject(name, object) {
        this.set(name, JSON.stringify(object));
    }
}

/** What all tabs of this browser share, and what belongs to this tab and lasts as long as it. */
export const storage = new Storage(() => localStorage);
export const tabStorage = new Storage(() => sessionStorage);
