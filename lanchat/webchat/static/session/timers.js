/** Timers with names, of which a new one takes the place of the old one. */

/** Things to be done later. */
export class Timers {
    /** @type {Map<string, ReturnType<typeof setTimeout>>} */
    #running = new Map();

    /**
     * Do something later, instead of what was planned under the same name.
     * @param {string} name
     * @param {number} ms
     * @param {() => void} what
     */
    start(name, ms, what) {
        this.stop(name);
        this.#running.set(name, setTimeout(() => {
            this.#running.delete(name);
            what();
        }, ms));
    }

    /**
     * Whether something is planned under this name.
     * @param {string} name
     */
    has(name) {
        return this.#running.has(name);
    }

    /**
     * Do not do what is planned under this name.
     * @param {string} name
     */
    stop(name) {
        clearTimeout(this.#running.get(name));
        this.#running.delete(name);
    }

    /** Do nothing of what is planned. */
    stopAll() {
        for (const name of [...this.#running.keys()]) {
            this.stop(name);
        }
    }
}
