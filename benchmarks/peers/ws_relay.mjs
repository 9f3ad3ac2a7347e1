/**
 * A relay over WebSocket, with npm's `ws` on Node: names, then packets of lanchat's form, parsed and checked; each goes to one,
 * or to all with `/shout`. Who says hello has messages with ids and times, and acknowledgements. It keeps and limits nothing else.
 *
 * `NODE_PATH=DIR/node_modules node ws_relay.mjs PORT`, after `npm install --prefix DIR ws@8`.
 */

import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(import.meta.url)("ws"); // (`import` would not look in NODE_PATH)

/** The largest packet, and how much may wait for a client that does not read, in bytes; the longest text, in characters. */
const MAX_PACKET = 65_536;
const MAX_WAITING = 67_108_864;
const MAX_TEXT = 16_384;
const NAME = /^[\p{L}\p{N}_.-]{1,32}$/u;
const SERVER = { name: "SERVER", ip: "0.0.0.0" };

/** Those who are here, by name. */
const clients = new Map();
let messages = 0;

/** One client, from its WebSocket on. */
class Client {
    constructor(socket, ip) {
        this.socket = socket;
        this.ip = ip;
        this.name = "";
        this.capable = false;
        socket.on("message", (data, isBinary) => (isBinary ? socket.close(1003) : this.received(data.toString())));
        socket.on("close", () => this.name && clients.delete(this.name));
        socket.on("error", () => {}); // ("close" follows)
    }

    received(text) {
        if (!this.name) {
            this.enter(text);
            return;
        }
        const packet = parse(text);
        if (packet === null) {
            this.tell("That is no packet.", { op: "fail", code: "BAD_PACKET" });
        } else if (packet.to === "/hello") {
            this.capable = true;
            this.tell(`Welcome ${this.name}!`, { op: "welcome", v: 1, caps: ["ack", "id"], ts: now() });
        } else {
            this.relay(packet);
        }
    }

    /** The first message is the name. */
    enter(name) {
        if (!NAME.test(name) || clients.has(name)) {
            this.tell("This name is taken, or is none.", { op: "fail", code: "BAD_NAME" });
            this.socket.close(1008);
            return;
        }
        this.name = name;
        clients.set(name, this);
        setImmediate(() => this.capable || this.tell(`Welcome ${name}!`)); // (unless a hello came with the name)
    }

    /** Pass a message on, and acknowledge it. */
    relay({ to, msg, x }) {
        const isShout = to === "/shout";
        const one = clients.get(to);
        if (!isShout && !one) {
            this.tell(`There is no ${to} here.`, { op: "fail", code: "NO_SUCH_USER", cid: x?.cid });
            return;
        }
        const ids = { id: `r.${(messages += 1)}`, ts: now() };
        const form = { from: { name: this.name, ip: this.ip }, to, msg };
        const others = isShout ? clients.values() : [one];
        let [classic, full, n] = [null, null, 0];
        for (const client of others) {
            if (client === this && isShout) continue;
            // Each form is made once, as bytes, however many get it.
            if (client.capable) client.send((full ??= bytes({ ...form, x: { ...ids, conv: isShout ? "Everyone" : `@${this.name}` } })));
            else client.send((classic ??= bytes(form)));
            n += 1;
        }
        if (isShout) this.tell(`Message sent to ${n} users`, { op: "ack", cid: x?.cid, ...ids, state: "relayed", n });
        else if (this.capable) this.tell("", { op: "ack", cid: x?.cid, ...ids, state: "relayed" });
    }

    /** A packet from the server itself; `x` is for those who said hello. */
    tell(msg, x) {
        const packet = { from: SERVER, to: this.name || "Guest", msg };
        this.send(bytes(this.capable && x ? { ...packet, x } : packet));
    }

    send(data) {
        if (this.socket.bufferedAmount > MAX_WAITING) this.socket.terminate();
        else this.socket.send(data, { binary: false });
    }
}

/** The packet in a message; null if it is none. */
function parse(text) {
    let packet;
    try {
        packet = JSON.parse(text);
    } catch {
        return null;
    }
    const { from, to, msg, x } = packet ?? {};
    const isRight =
        typeof from?.name === "string" && typeof from.ip === "string" && typeof to === "string" && to !== "" &&
        typeof msg === "string" && msg.length <= MAX_TEXT && (x === undefined || (typeof x === "object" && x !== null)) &&
        (x?.cid === undefined || (typeof x.cid === "string" && x.cid.length <= 64));
    return isRight ? packet : null;
}

function bytes(packet) {
    return Buffer.from(JSON.stringify(packet));
}

function now() {
    return new Date().toISOString();
}

/** Whether a page of this origin came from this host. */
function isOurs(origin, host) {
    return origin === undefined || origin === `http://${host}`;
}

new WebSocketServer({
    host: "127.0.0.1",
    port: Number(process.argv[2]),
    backlog: 4096,
    maxPayload: MAX_PACKET,
    perMessageDeflate: false,
    verifyClient: ({ origin, req }) => isOurs(origin, req.headers.host),
}).on("connection", (socket, request) => new Client(socket, request.socket.remoteAddress));
