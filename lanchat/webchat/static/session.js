/** The session with the server: one name, over one connection after another. */

import { keepToken, lastName, rememberName } from "./credentials.js";
import { afterEnd } from "./endings.js";
import { ServerError, offline } from "./errors.js";
import { Handshake } from "./handshake.js";
import { nameKey, newId, sameName } from "./names.js";
import { Observable } from "./observable.js";
import { readPacket, writePacket } from "./packets.js";
import { Place } from "./place.js";
import { Requests } from "./requests.js";
import { fetchServerInfo, isOutdated } from "./server_info.js";
import { Socket } from "./socket.js";

/** @typedef {import("./handshake.js").Next} Next */
/** @typedef {import("./types.js").Packet} Packet */
/** @typedef {import("./types.js").Phase} Phase */
/** @typedef {import("./types.js").Reason} Reason */
/** @typedef {import("./types.js").ServerInfo} ServerInfo */
/** @typedef {import("./types.js").X} X */

/** How long a welcome may take, and how long a cut is not shown, as it may only be that the page is left; in milliseconds. */
const WELCOME_MS = 15_000;
const UNSEEN_MS = 300;
/** How often it is looked whether the server is still there, after which silence it is asked, and how long it may take. */
const WATCH_MS = 15_000;
const SILENCE_MS = 60_000;
const PROBE_MS = 4000;
/** How often the server is told up to where everything has come. */
const ACK_MS = 1000;

/**
 * Those who use the session.
 * @typedef {object} Handlers
 * @property {(packet: Packet, resumed: boolean) => void} welcomed A connection is ready; `resumed`: what was missed comes now.
 * @property {(packet: Packet) => void} received A packet that is no answer to a request.
 * @property {(packet: Packet) => void} registered The name is an account from now on.
 * @property {(hasLog: boolean) => void} lost The connection has ended; `hasLog`: the server stores a log for us.
 * @property {() => void} renamed
 */

/** The session. It changes with its members. */
export class Session extends Observable {
    /** @type {Phase} */
    phase = "start";
    /** @type {Reason} */
    reason = { code: "", text: "" };
    name = "";
    account = false;
    /** @type {ServerInfo|null} */
    server = null;
    /** Whether the server has a newer page than this one. */
    outdated = false;
    /** @type {Set<string>} What the server has granted. */
    caps = new Set();
    place = new Place();
    #requests = new Requests();
    #socket;
    /** @type {Handshake|null} Until the welcome. */
    #handshake = null;
    /** @type {{ name: string, password: string, resolve: () => void, reject: (error: Error) => void }|null} */
    #login = null;
    /** @type {Reason|null} */
    #bye = null;
    #isWelcomed = false;
    #failures = 0;
    /** The key of the name with which we were let in last. */
    #welcomedAs = "";
    #heardAt = 0;
    #acked = 0;
    /** @type {{ [name: string]: ReturnType<typeof setTimeout>|undefined }} */
    #timers = {};

    /**
     * @param {Handlers} handlers
     * @param {string} url Of the WebSocket, without a slash at its end.
     */
    constructor(handlers, url) {
        super();
        this.handlers = handlers;
        this.#socket = new Socket(url, {
            opened: () => this.#opened(),
            received: (text) => this.#received(text),
            closed: (code, reason) => this.#closed(code, reason),
        });
    }

    /** When the next attempt to connect is made, in milliseconds since 1970; 0 if none is. */
    get retryAt() {
        return this.#socket.retryAt;
    }

    /** Whether the server has let us in, and the connection stands. */
    get isOnline() {
        return this.#isWelcomed;
    }

    /** Begin with the name that was used last, if there is one. */
    restore() {
        void this.#fetchServer();
        const name = lastName();
        if (name !== "") {
            this.#welcomedAs ||= nameKey(name);
            this.start(name);
        }
    }

    /**
     * Come with a name.
     * @param {string} name
     */
    start(name) {
        this.#begin(name.trim());
    }

    /**
     * Log in to an account.
     * @param {string} name
     * @param {string} password
     * @returns {Promise<void>}
     */
    login(name, password) {
        this.#login?.reject(new ServerError("GONE", "Another login was begun."));
        return new Promise((resolve, reject) => {
            this.#login = { name: name.trim(), password, resolve, reject };
            if (this.phase === "login" && this.#handshake !== null && sameName(this.name, name.trim())) {
                this.#show("connecting");
                this.#socket.send(this.#handshake.logIn(password));
            } else {
                this.#begin(name.trim());
            }
        });
    }

    /** Leave, and come back only when the user wants to. */
    quit() {
        this.#socket.send(writePacket("/quit", ""));
        this.#end(1000);
        this.#show("closed", { code: "GONE", text: "" });
    }

    /** Log out: forget the name and the token, and close the connection. */
    logout() {
        keepToken(this.name, "");
        rememberName("");
        this.#socket.send(writePacket("/quit", ""));
        this.#end(1000);
        this.#welcomedAs = this.name = "";
        this.account = false;
        this.place.forget();
        this.#show("start");
        this.handlers.renamed();
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
        this.#welcomedAs = nameKey(this.name);
        rememberName(this.name);
        this.handlers.renamed();
        this.changed();
    }

    /** The connections of one's account. */
    async devices() {
        const packet = await this.request("/whois", "", { user: this.name });
        const devices = packet.x.people?.[0]?.devices;
        return Array.isArray(devices) ? devices : [];
    }

    /** Connect now, unless there is a connection. */
    reconnect() {
        if (this.name !== "" && !this.isOnline && this.phase !== "login" && this.phase !== "start") {
            this.#connect();
        }
    }

    /** Close the connection until `wake`: nobody looks at the page. */
    sleep() {
        if (this.name !== "" && this.phase !== "start" && this.phase !== "refused" && this.phase !== "closed") {
            this.#end(4000);
            this.#show("asleep");
        }
    }

    /** Connect again after `sleep`. */
    wake() {
        if (this.phase === "asleep") {
            this.#connect();
        }
    }

    /** Find out whether the connection still stands: the page was hidden, or the network was away. */
    probe() {
        if (!this.isOnline) {
            if (this.phase === "offline") {
                this.reconnect();
            }
            return;
        }
        const asked = Date.now();
        this.request("/time", "").catch(() => undefined);
        this.#after("probe", PROBE_MS, () => {
            if (this.isOnline && this.#heardAt < asked) {
                this.#socket.drop();
            }
        });
    }

    /**
     * Ask the server for something.
     * @param {string} to
     * @param {string} msg
     * @param {X} [x]
     * @returns {Promise<Packet>} the answer: an `ok`, an `ack`, or an `end` with its `batch`. Rejected with a `ServerError`.
     */
    request(to, msg, x = {}) {
        const cid = newId();
        return this.isOnline ? this.#requests.wait(cid, () => this.send(to, msg, { ...x, cid })) : Promise.reject(offline());
    }

    /**
     * Send a packet.
     * @param {string} to
     * @param {string} msg
     * @param {X} x
     * @returns {boolean} whether there is a connection
     */
    send(to, msg, x) {
        return this.isOnline && this.#socket.send(writePacket(to, msg, x));
    }

    /** @param {string} name */
    #begin(name) {
        this.#end(4000);
        if (!sameName(name, this.name)) {
            this.place.forget();
        }
        this.name = name;
        this.#failures = 0;
        this.#connect();
    }

    #connect() {
        this.#end(4000);
        this.#show(this.phase === "offline" ? "offline" : "connecting", this.reason);
        this.#socket.connect();
        this.changed();
    }

    #opened() {
        const login = this.#login;
        this.#handshake = new Handshake(this.name, this.place.resume, login !== null ? login.password : "");
        this.#bye = null;
        this.#socket.send(this.name);
        this.#socket.send(this.#handshake.hello());
        this.#after("welcome", WELCOME_MS, () => this.#socket.drop());
    }

    /** @param {unknown} text */
    #received(text) {
        const packet = readPacket(text);
        this.#heardAt = Date.now();
        if (packet === null) {
            return;
        }
        const { x } = packet;
        if (x.op === "ping") {
            this.#socket.send(writePacket("/pong", "", { t: x.t }));
        } else if (x.op === "bye") {
            this.#bye = { code: x.code ?? "", text: packet.msg };
        } else if (this.#handshake !== null) {
            this.#go(this.#handshake.handle(packet));
        } else if (!this.#requests.answered(packet)) {
            this.handlers.received(packet);
            this.#acknowledgeSoon();
        }
    }

    /** @param {Next} next */
    #go(next) {
        if (next.step === "welcome") {
            this.#welcomed(next.packet);
        } else if (next.step === "hello") {
            this.#after("hello", next.ms, () => this.#handshake !== null && this.#socket.send(this.#handshake.hello()));
        } else if (next.step === "login") {
            clearTimeout(this.#timers.welcome);
            this.#show("login", next.reason);
            this.#settleLogin(new ServerError(next.reason.code, next.reason.text, next.retryMs));
        } else if (next.step === "refused") {
            this.#end(1000);
            this.#show("refused", next.reason);
            this.#settleLogin(new ServerError(next.reason.code, next.reason.text));
        }
    }

    /** @param {Packet} packet */
    #welcomed(packet) {
        const { x } = packet;
        this.#clearTimers();
        this.#handshake = null;
        this.#isWelcomed = true;
        this.#failures = this.#acked = 0;
        this.name = packet.to;
        this.#welcomedAs = nameKey(this.name);
        this.account = x.account === true;
        this.caps = new Set(x.caps);
        rememberName(this.name);
        if (x.token !== undefined) {
            keepToken(this.name, x.token);
        }
        this.#show("online");
        this.handlers.welcomed(packet, this.place.welcomed(x));
        this.#settleLogin(null);
        void this.#fetchServer();
        this.#watch();
    }

    /**
     * @param {number} close
     * @param {string} text
     */
    #closed(close, text) {
        const end = {
            close, text: this.#bye?.text || this.#handshake?.refusal || text, bye: this.#bye?.code ?? "",
            wasWelcomed: this.#isWelcomed, wasOurs: this.#welcomedAs === nameKey(this.name), failures: this.#failures,
            awaitsPassword: this.phase === "login",
        };
        const next = afterEnd(end);
        const reason = this.phase === "login" ? this.reason : next.reason;
        this.#failures++;
        this.#end(4000);
        if (next.retryMs !== null) {
            this.#socket.connectIn(next.retryMs);
        }
        if (next.phase === "offline" && end.wasWelcomed) {
            this.#after("unseen", UNSEEN_MS, () => this.#show("offline", reason));
            return;
        }
        if (end.bye === "AUTH_REQUIRED" && end.wasWelcomed) {
            keepToken(this.name, "");
        }
        this.#show(next.phase, reason);
        if (next.retryMs === null) {
            this.#settleLogin(new ServerError(reason.code, reason.text));
        }
    }

    /**
     * End the connection, and plan no other.
     * @param {number} code
     */
    #end(code) {
        const wasWelcomed = this.#isWelcomed, hasLog = this.account && this.caps.has("history") && this.caps.has("ack");
        this.#clearTimers();
        this.#isWelcomed = false;
        this.#handshake = null;
        this.#socket.close(code);
        this.place.lost();
        this.#requests.lost();
        if (wasWelcomed) {
            this.handlers.lost(hasLog);
        }
    }

    /** @param {ServerError|null} error */
    #settleLogin(error) {
        const login = this.#login;
        this.#login = null;
        if (error === null) {
            login?.resolve();
        } else {
            login?.reject(error);
        }
    }

    #watch() {
        this.#after("watch", WATCH_MS, () => {
            if (this.isOnline && Date.now() - this.#heardAt > SILENCE_MS) {
                this.probe();
            }
            this.#watch();
        });
    }

    #acknowledgeSoon() {
        if (!this.account || this.place.seq <= this.#acked || this.#timers.ack !== undefined) {
            return;
        }
        this.#after("ack", ACK_MS, () => {
            this.#timers.ack = undefined;
            this.#acked = this.place.seq;
            this.send("/ack", "", { seq: this.#acked });
        });
    }

    async #fetchServer() {
        this.server = (await fetchServerInfo()) ?? this.server;
        this.outdated = isOutdated(this.server);
        this.changed();
    }

    /**
     * @param {Phase} phase
     * @param {Reason} [reason]
     */
    #show(phase, reason = { code: "", text: "" }) {
        this.phase = phase;
        this.reason = reason;
        this.changed();
    }

    /**
     * Do something later, instead of what was planned under the same name.
     * @param {string} name
     * @param {number} ms
     * @param {() => void} what
     */
    #after(name, ms, what) {
        clearTimeout(this.#timers[name]);
        this.#timers[name] = setTimeout(what, ms);
    }

    #clearTimers() {
        for (const timer of Object.values(this.#timers)) {
            clearTimeout(timer);
        }
        this.#timers = {};
    }
}
