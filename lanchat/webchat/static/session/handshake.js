/** The beginning of a connection: the name, the hello, and the login where the name is an account's. */

import { deviceName, keepToken, tokenOf } from "./credentials.js";
import { writePacket } from "./packets.js";

/** @typedef {import("../common/types.js").Packet} Packet */
/** @typedef {import("../common/types.js").Reason} Reason */
/** @typedef {import("../common/types.js").X} X */

/** The capabilities that the page asks for (docs/protocol.md, "Hello"). */
const CAPS = [
    "id", "ack", "ping", "presence", "room", "history", "resume", "token", "read", "edit", "react", "typing", "event", "order",
    "file",
];
/** Refusals of a login with a token that are temporary. */
const TEMPORARY = new Set(["RATE_LIMITED", "NOT_STORED", "FULL"]);

/**
 * What is to be done after a packet.
 * @typedef {{ step: "wait" } | { step: "welcome", packet: Packet } | { step: "hello", ms: number }
 *     | { step: "login"|"refused", reason: Reason, retryMs: number }} Next
 */

/** The beginning of one connection. */
export class Handshake {
    /** What the server said before it closed the connection. */
    refusal = "";
    #password = "";
    /** @type {""|"token"|"password"} With what the last hello logged in. */
    #sent = "";

    /**
     * @param {string} name
     * @param {{ epoch: string, seq: number }} resume
     * @param {string} password "" if there is none.
     */
    constructor(name, resume, password) {
        this.name = name;
        this.resume = resume;
        this.#password = password;
    }

    /** The hello to send now. */
    hello() {
        const token = tokenOf(this.name);
        /** @type {X} */
        const x = { v: 1, caps: CAPS, dev: deviceName(), resume: this.resume };
        this.#sent = "";
        if (this.#password !== "") {
            x.auth = { mech: "PLAIN", password: this.#password };
            this.#sent = "password";
        } else if (token !== "") {
            x.auth = { mech: "TOKEN", token };
            this.#sent = "token";
        }
        return writePacket("/hello", "lanchat", x);
    }

    /**
     * Log in with a password.
     * @param {string} password
     */
    logIn(password) {
        this.#password = password;
        return this.hello();
    }

    /**
     * Take a packet that came before the welcome.
     * @param {Packet} packet
     * @returns {Next}
     */
    handle(packet) {
        const { x, msg } = packet;
        if (x.op === "welcome") {
            this.#password = "";
            return { step: "welcome", packet };
        }
        if (x.op === "fail") {
            return this.#failed(x.code ?? "", msg, x.retry_ms ?? 0);
        }
        if (x.op === undefined && packet.to.toLowerCase() === "guest") {
            this.refusal = msg;
        }
        return { step: "wait" };
    }

    /**
     * @param {string} code
     * @param {string} text
     * @param {number} retryMs
     * @returns {Next}
     */
    #failed(code, text, retryMs) {
        const sent = this.#sent, reason = { code, text };
        this.#password = "";
        if (code === "AUTH_FAILED" && sent === "token") {
            keepToken(this.name, "");
            return { step: "hello", ms: 0 };
        }
        if (TEMPORARY.has(code) && sent === "token") {
            return { step: "hello", ms: Math.min(Math.max(retryMs, 500), 20_000) };
        }
        if (sent !== "" || code === "AUTH_REQUIRED" || code === "FULL") {
            return { step: code === "BANNED" ? "refused" : "login", reason, retryMs };
        }
        return { step: "refused", reason, retryMs };
    }
}
