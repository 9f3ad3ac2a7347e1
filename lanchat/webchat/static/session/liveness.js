/** Finds out whether the server is still there: a dead connection looks like a quiet one. */

import { Timers } from "./timers.js";

/** How often it is looked, after which silence the server is asked, and how long its answer may take, in milliseconds. */
const WATCH_MS = 15_000;
const SILENCE_MS = 60_000;
const PROBE_MS = 4000;

/** Watches one connection after another. */
export class Liveness {
    #timers = new Timers();
    #heardAt = 0;

    /**
     * @param {() => void} ask Asks the server for anything.
     * @param {() => void} dead Called when it has not answered.
     */
    constructor(ask, dead) {
        this.ask = ask;
        this.dead = dead;
    }

    /** Begin to watch a connection. */
    begin() {
        this.#timers.start("watch", WATCH_MS, () => {
            if (Date.now() - this.#heardAt > SILENCE_MS) {
                this.probe();
            }
            this.begin();
        });
    }

    /** End watching. */
    end() {
        this.#timers.stopAll();
    }

    /** Note that the server has sent something. */
    heard() {
        this.#heardAt = Date.now();
        this.#timers.stop("probe");
    }

    /** Ask the server now. */
    probe() {
        if (!this.#timers.has("probe")) {
            this.ask();
            this.#timers.start("probe", PROBE_MS, () => this.dead());
        }
    }
}
