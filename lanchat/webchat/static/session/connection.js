/** The connection to the server under one name: made, greeted, watched, lost, and made again. */

import { keepToken, rememberName } from "./credentials.js";
import { afterEnd } from "./endings.js";
import { ServerError } from "../common/errors.js";
import { Handshake } from "./handshake.js";
import { Liveness } from "./liveness.js";
import { nameKey, sameName } from "../common/names.js";
import { Observable } from "../common/observable.js";
import { readPacket, writePacket } from "./packets.js";
import { Place } from "./place.js";
import { Receipts } from "./receipts.js";
import { Requests } from "./requests.js";
import { Socket } from "./socket.js";
import { Timers } from "./timers.js";

/** @typedef {import("./handshake.js").Next} Next */
/** @typedef {import("../common/types.js").Handlers} Handlers */
/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").Phase} Phase */
/** @typedef {import("../common/types.js").Reason} Reason */
/** @typedef {import("../common/types.js").X} X */

/** How long a welcome may take, and how long a cut is not shown, as it may only be that the page is left; in milliseconds. */
const WELCOME_MS = 15_000;
const UNSEEN_MS = 300;
/** How often a name that was ours is tried again while the server says that it is taken. */
const OWN_TRIES = 12;

/** A connection, and another one after it. It changes with its members. */
export class Connection extends Observable {
    /** @type {Phase} */
    phase = "start";
    /** @type {Reason} */
    reason = { code: "", text: "" };
    name = "";
    account = false;
    /** @type {Set<string>} What the server has granted. */
    caps = new Set();
    place = new Place();
    /** The key of a name that is ours, and how often to try again while it is taken: maybe by a connection that we lost. */
    ours = "";
    tries = 0;
    #requests = new Requests((to, msg, x) => this.send(to, msg, x));
    #socket;
    /** @type {Handshake|null} Until the welcome. */
    #handshake = null;
    #password = "";
    /** @type {Reason|null} */
    #bye = null;
    #isWelcomed = false;
    #failures = 0;
    #timers = new Timers();
    #receipts = new Receipts(() => (this.account ? this.place.seq : 0), (seq) => this.send("/ack", "", { seq }));
    #liveness = new Liveness(() => void this.request("/time", "").catch(() => undefined), () => this.#socket.drop());
    #awaitWelcome = (delay = 0) => this.#timers.start("welcome", delay + WELCOME_MS, () => this.#socket.drop());

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

    /**
     * Connect with a name, and with a password if there is one.
     * @param {string} name
     * @param {string} [password]
     */
    begin(name, password = "") {
        if (this.phase === "login" && password !== "" && this.#handshake !== null && sameName(name, this.name)) {
            this.#password = password;
            this.show("connecting");
            this.#awaitWelcome();
            this.#socket.send(this.#handshake.logIn(password));
            return;
        }
        this.end(4000);
        if (!sameName(name, this.name)) {
            this.place.forget();
        }
        this.name = name;
        this.#password = password;
        this.#failures = 0;
        this.#connect();
    }

    /** Connect now, unless there is a connection. */
    reconnect() {
        if (!this.isOnline && this.name !== "" && this.phase !== "start" && this.phase !== "login") {
            this.#connect();
        }
    }

    /** Close the connection until `wake`: nobody looks at the page. */
    sleep() {
        if (["online", "offline", "connecting"].includes(this.phase)) {
            this.end(4000);
            this.show("asleep");
        }
    }

    /** Connect again after `sleep`. */
    wake() {
        if (this.phase === "asleep") {
            this.#connect();
        }
    }

    /** Find out whether the connection still stands: the page was hidden, the network was away, or an answer is overdue. */
    probe() {
        if (this.isOnline) {
            this.#liveness.probe();
        } else if (this.phase === "offline") {
            this.reconnect();
        }
    }

    /**
     * Ask the server for something.
     * @param {string} to
     * @param {string} msg
     * @param {X} [x]
     * @returns {Promise<Packet>} the answer: an `ok`, an `ack`, or an `end` with its `batch`. Rejected with a `ServerError`.
     */
    request(to, msg, x = {}) {
        return this.#requests.ask(to, msg, x);
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

    /**
     * What becomes of a login is known.
     * @param {ServerError|null} _error Null: one is in.
     */
    loginEnded(_error) {
        // (for whoever lets people log in)
    }

    /**
     * End the connection, and plan no other.
     * @param {number} code
     */
    end(code) {
        const wasWelcomed = this.#isWelcomed, hasLog = this.account && this.caps.has("history") && this.caps.has("ack");
        this.#timers.stopAll();
        this.#liveness.end();
        this.#receipts.end();
        this.#isWelcomed = false;
        this.#handshake = null;
        this.#socket.close(code);
        this.#requests.lost();
        if (wasWelcomed) {
            this.place.lost();
            this.handlers.lost(hasLog);
        }
    }

    /**
     * Show what is the matter.
     * @param {Phase} phase
     * @param {Reason} [reason]
     */
    show(phase, reason = { code: "", text: "" }) {
        this.phase = phase;
        this.reason = reason;
        this.changed();
    }

    #connect() {
        this.end(4000);
        this.show(this.phase === "offline" ? "offline" : "connecting", this.reason);
        this.#socket.connect();
    }

    #opened() {
        this.#handshake = new Handshake(this.name, this.place.resume, this.#password);
        this.#bye = null;
        this.#socket.send(this.name);
        this.#socket.send(this.#handshake.hello());
        this.#awaitWelcome();
    }

    /** @param {unknown} text */
    #received(text) {
        const packet = readPacket(text), x = packet?.x ?? {};
        this.#liveness.heard();
        if (packet === null) {
            return;
        }
        if (x.op === "ping") {
            this.#socket.send(writePacket("/pong", "", { t: x.t }));
        } else if (x.op === "bye") {
            this.#bye = { code: x.code ?? "", text: packet.msg };
        } else if (this.#handshake !== null) {
            this.#go(this.#handshake.handle(packet));
        } else if (!this.#requests.answered(packet)) {
            this.handlers.received(packet);
            this.#receipts.due();
        }
    }

    /** @param {Next} next */
    #go(next) {
        if (next.step === "welcome") {
            this.#welcomed(next.packet);
        } else if (next.step === "hello") {
            this.#awaitWelcome(next.ms);
            this.#timers.start("hello", next.ms, () => this.#handshake !== null && this.#socket.send(this.#handshake.hello()));
        } else if (next.step !== "wait") {
            this.#password = "";
            this.#timers.stopAll();
            if (next.step === "refused") {
                this.end(1000);
            }
            this.show(next.step, next.reason);
            this.loginEnded(new ServerError(next.reason.code, next.reason.text, next.retryMs));
        }
    }

    /** @param {Packet} packet */
    #welcomed(packet) {
        const { x } = packet;
        if (this.place.isFarBehind(x)) {
            this.place.forget();
            this.#connect();
            return;
        }
        this.#timers.stopAll();
        this.#handshake = null;
        this.#password = "";
        this.#isWelcomed = true;
        this.#failures = 0;
        this.name = packet.to;
        this.ours = nameKey(this.name);
        this.tries = OWN_TRIES;
        this.account = x.account === true;
        this.caps = new Set(x.caps);
        rememberName(this.name);
        if (x.token !== undefined) {
            keepToken(this.name, x.token);
        }
        this.show("online");
        this.handlers.welcomed(packet, this.place.welcomed(x));
        this.loginEnded(null);
        this.#liveness.begin();
    }

    /**
     * @param {number} close
     * @param {string} text
     */
    #closed(close, text) {
        const wasWelcomed = this.#isWelcomed, bye = this.#bye?.code ?? "";
        const tries = this.ours === nameKey(this.name) ? this.tries : 0;
        const next = afterEnd({
            close, text: this.#bye?.text || this.#handshake?.refusal || text, bye, wasWelcomed, tries,
            awaitsPassword: this.phase === "login", failures: this.#failures,
        });
        const reason = this.phase === "login" ? this.reason : next.reason;
        this.#failures++;
        this.end(4000);
        if (bye === "AUTH_REQUIRED" && wasWelcomed) {
            keepToken(this.name, "");  // the password was changed on another device
        }
        if (next.retryMs === null) {
            this.show(next.phase, reason);
            this.loginEnded(new ServerError(reason.code, reason.text));
            return;
        }
        this.#socket.connectIn(next.retryMs);
        this.#timers.start("unseen", wasWelcomed ? UNSEEN_MS : 0, () => this.show(next.phase, reason));
    }
}
