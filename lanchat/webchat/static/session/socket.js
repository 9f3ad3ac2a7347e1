/** The WebSocket: one at a time, and another one after it. */

/** How long a connection may take to open, in milliseconds. */
const OPEN_MS = 10_000;

/**
 * @typedef {object} SocketEvents
 * @property {() => void} opened
 * @property {(text: unknown) => void} received
 * @property {(code: number, reason: string, wasOpen: boolean) => void} closed Not called for what we close ourselves.
 */

/** Connections to the server, one after another. */
export class Socket {
    /** @type {WebSocket|null} */
    #socket = null;
    #isOpen = false;
    #attempts = 0;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #timer;
    /** When the next attempt is made, in milliseconds since 1970; 0 if none is. */
    retryAt = 0;

    /**
     * @param {string} url Without a slash at its end.
     * @param {SocketEvents} events
     */
    constructor(url, events) {
        this.url = url;
        this.events = events;
    }

    /** Whether there is a connection, or one is being made. */
    get isActive() {
        return this.#socket !== null;
    }

    /** Connect now; a connection that there was is closed. */
    connect() {
        this.close();
        this.#attempts++;
        let socket;
        try {
            // (Firefox holds back attempts to an address that has failed, but not to another path.)
            socket = new WebSocket(`${this.url}/${this.#attempts}`);
        } catch {
            this.#timer = setTimeout(() => this.events.closed(1006, "", false), 0);
            return;
        }
        this.#socket = socket;
        this.#timer = setTimeout(() => this.#ended(socket, 1006, ""), OPEN_MS);
        socket.onopen = () => {
            if (socket === this.#socket) {
                clearTimeout(this.#timer);
                this.#isOpen = true;
                this.events.opened();
            }
        };
        socket.onmessage = (event) => {
            if (socket === this.#socket) {
                this.events.received(event.data);
            }
        };
        socket.onclose = (event) => this.#ended(socket, event.code, event.reason);
    }

    /**
     * Connect after a while.
     * @param {number} ms
     */
    connectIn(ms) {
        this.close();
        this.retryAt = Date.now() + ms;
        this.#timer = setTimeout(() => this.connect(), ms);
    }

    /**
     * Send a text.
     * @param {string} text
     * @returns {boolean} whether there is a connection
     */
    send(text) {
        if (!this.#isOpen || this.#socket?.readyState !== WebSocket.OPEN) {
            return false;
        }
        this.#socket.send(text);
        return true;
    }

    /**
     * Close the connection, and plan no other.
     * @param {number} [code]
     */
    close(code = 4000) {
        const socket = this.#forget();
        try {
            socket?.close(code);
        } catch {
            // (it was not open yet)
        }
    }

    /** Take the connection to be dead. */
    drop() {
        if (this.#socket !== null) {
            this.#ended(this.#socket, 1006, "");
        }
    }

    /**
     * @param {WebSocket} socket
     * @param {number} code
     * @param {string} reason
     */
    #ended(socket, code, reason) {
        if (socket === this.#socket) {
            const wasOpen = this.#isOpen;
            this.close();
            this.events.closed(code, reason, wasOpen);
        }
    }

    #forget() {
        const socket = this.#socket;
        clearTimeout(this.#timer);
        this.retryAt = 0;
        this.#socket = null;
        this.#isOpen = false;
        return socket;
    }
}
