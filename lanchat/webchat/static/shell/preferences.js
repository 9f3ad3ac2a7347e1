/** What the person chose for this browser: language, appearance, sound, notifications. */
import { Observable } from "../common/observable.js";
import { storage } from "../common/storage.js";

/** Under which name they are stored. */
const STORED = "settings";

/** The choices; a change is kept in the browser, where it keeps anything, and told to subscribers. */
export class Preferences extends Observable {
    constructor() {
        super();
        /** Code of the language, or `""` for the browser's. */
        this.language = "";
        /** `light`, `dark`, or `""` for the system's. */
        this.theme = "";
        /** Whether messages make a sound. */
        this.sound = false;
        /** Which messages are notified of and make the sound: `mine` (private ones and mentions) or `all`. */
        this.scope = "mine";
        /** Whether the browser shows notifications. */
        this.notifications = false;
        /** Whether the line about the connection that is not encrypted was dismissed. */
        this.insecureSeen = false;
        const kept = storage.getObject(STORED);
        for (const name of Object.keys(this.#chosen())) {
            const value = kept[name];
            if (typeof value === typeof this.#chosen()[name]) {
                this.#assign(name, value);
            }
        }
        this.#show();
    }

    /**
     * Changes some of the choices.
     * @param {Partial<Pick<Preferences, "language" | "theme" | "sound" | "scope" | "notifications" | "insecureSeen">>} changes
     */
    set(changes) {
        Object.entries(changes).forEach(([name, value]) => this.#assign(name, value));
        storage.setObject(STORED, this.#chosen());
        this.#show();
        this.changed();
    }

    /** @returns {Record<string, unknown>} */
    #chosen() {
        const { language, theme, sound, scope, notifications, insecureSeen } = this;
        return { language, theme, sound, scope, notifications, insecureSeen };
    }

    /**
     * @param {string} name
     * @param {unknown} value
     */
    #assign(name, value) {
        /** @type {any} */ (this)[name] = value;
    }

    #show() {
        document.documentElement.dataset.theme = this.theme;
    }
}
