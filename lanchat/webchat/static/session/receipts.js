/** Tells the server up to where everything has come, so that it need not keep that for this device. */

/** How often, in milliseconds. */
const PAUSE_MS = 1000;

/** The receipts of one connection after another. */
export class Receipts {
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #timer;
    #sent = 0;

    /**
     * @param {() => number} seq The number up to which everything has come.
     * @param {(seq: number) => void} send Sends a receipt.
     */
    constructor(seq, send) {
        this.seq = seq;
        this.send = send;
    }

    /** Send a receipt soon, if anything has come since the last one. */
    due() {
        if (this.#timer === undefined && this.seq() > this.#sent) {
            this.#timer = setTimeout(() => {
                this.#timer = undefined;
                this.#sent = this.seq();
                this.send(this.#sent);
            }, PAUSE_MS);
        }
    }

    /** End with this connection; the last receipt may not have arrived. */
    end() {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#sent = 0;
    }
}
