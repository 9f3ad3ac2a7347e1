/** The session: who one is, and what one can do about it. */

import { Connection } from "./connection.js";
import { keepToken, lastName, rememberName } from "./credentials.js";
import { ServerError } from "../common/errors.js";
import { nameKey, sameName } from "../common/names.js";
import { fetchServerInfo, isOutdated } from "./server_info.js";

/** @typedef {import("../common/types.js").ServerInfo} ServerInfo */
/** @typedef {import("../common/types.js").X} X */

/** How often a reloaded page tries again if its name is taken. */
const RESTORE_TRIES = 3;
/** How long what the server said of itself is taken to be true, in milliseconds. */
const FRESH_MS = 5000;

/** The session with the server, over one connection after another. */
export class Session extends Connection {
    /** @type {ServerInfo|null} What the server said last of itself. */
    server = null;
    /** Whether the server has a newer page than this one. */
    outdated = false;
    /** @type {{ resolve: () => void, reject: (error: Error) => void }|null} */
    #login = null;
    #fetchedAt = 0;

    /** Begin with the name that was used last, if there is one. */
    restore() {
        const name = lastName();
        void this.#fetchServer();
        if (name !== "") {
            this.ours = nameKey(name);  // a reloaded page may find its name still taken by itself
            this.tries = RESTORE_TRIES;
            this.start(name);
        }
    }

    /**
     * Come with a name.
     * @param {string} name
     */
    start(name) {
        if (!this.isOnline || !sameName(this.name, name.trim())) {
            this.begin(name.trim());
        }
    }

    /**
     * Log in to an account.
     * @param {string} name
     * @param {string} password
     * @returns {Promise<void>}
     */
    login(name, password) {
        this.loginEnded(new ServerError("GONE", "Another login was begun."));
        return new Promise((resolve, reject) => {
            this.#login = { resolve, reject };
            this.begin(name.trim(), password);
        });
    }

    /** Say goodbye, and come back only when the user wants to. */
    quit() {
        this.send("/quit", "", {});
        this.end(1000);
        this.show("closed", { code: "GONE", text: "" });
    }

    /** Log out: forget the name and the token, and close the connection. */
    logout() {
        keepToken(this.name, "");
        rememberName("");
        this.quit();
        this.ours = this.name = "";
        this.account = false;
        this.place.forget();
        this.handlers.renamed();
        this.show("start");
    }

    /**
     * Make one's name an account.
     * @param {string} password
     */
    async register(password) {
        const packet = await this.request("/register", "", { password });
        this.account = true;
        keepToken(this.name, packet.x.token ?? "");
        this.place.registered(packet.x);
        this.handlers.registered(packet);
        this.changed();
    }

    /**
     * Change the password. As this makes all tokens invalid, one logs in again.
     * @param {string} old
     * @param {string} password
     */
    async changePassword(old, password) {
        await this.request("/password", "", { password: old, text: password });
        keepToken(this.name, "");
        await this.login(this.name, password);
    }

    /**
     * Take another name, as a guest.
     * @param {string} name
     */
    async rename(name) {
        const packet = await this.request("/name", "", { user: name.trim() });
        this.name = packet.x.names?.[0] ?? name.trim();
        this.ours = nameKey(this.name);
        rememberName(this.name);
        this.handlers.renamed();
        this.changed();
    }

    /**
     * The connections of one's account.
     * @returns {Promise<X[]>}
     */
    async devices() {
        const packet = await this.request("/whois", "", { user: this.name });
        const devices = packet.x.people?.[0]?.devices;
        return Array.isArray(devices) ? devices.filter((one) => typeof one === "object" && one !== null) : [];
    }

    /**
     * What becomes of a login is known; so is whether the server has a newer page.
     * @param {ServerError|null} error
     */
    loginEnded(error) {
        const login = this.#login;
        this.#login = null;
        if (error === null) {
            login?.resolve();
            if (Date.now() - this.#fetchedAt > FRESH_MS) {
                void this.#fetchServer();
            }
        } else {
            login?.reject(error);
        }
    }

    async #fetchServer() {
        this.#fetchedAt = Date.now();
        this.server = (await fetchServerInfo()) ?? this.server;
        this.outdated = isOutdated(this.server);
        this.changed();
    }
}
