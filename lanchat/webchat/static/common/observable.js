/** Objects that tell others when they have changed, at most once for each picture that the browser draws. */

/** How long a change may wait for the next picture, in milliseconds: a hidden page draws none. */
const LONGEST_WAIT = 100;

/** @type {Set<Observable>} */
const waiting = new Set();
let scheduled = false;

/** Call the subscribers of everything that has changed. */
function flush() {
    if (!scheduled) {
        return;
    }
    scheduled = false;
    const changed = [...waiting];
    waiting.clear();
    for (const observable of changed) {
        observable.notify();
    }
}

function schedule() {
    if (scheduled) {
        return;
    }
    scheduled = true;
    if (typeof requestAnimationFrame === "function") {
        requestAnimationFrame(flush);
    }
    setTimeout(flush, typeof document === "undefined" ? 0 : LONGEST_WAIT);
}

/** Something whose changes others want to know. */
export class Observable {
    /** @type {Set<() => void>} */
    #subscribers = new Set();
    /** How often it has changed. */
    version = 0;

    /**
     * Call a function after each change; several changes at once are one.
     * @param {() => void} fn
     * @returns {() => void} ends it
     */
    subscribe(fn) {
        const own = () => fn();  // (so that a function may be subscribed twice)
        this.#subscribers.add(own);
        return () => {
            this.#subscribers.delete(own);
        };
    }

    /** Note a change, of which the subscribers are told soon. */
    changed() {
        this.version++;
        if (this.#subscribers.size > 0) {
            waiting.add(this);
            schedule();
        }
    }

    /** Call the subscribers now. One that fails does not keep the others from being called. */
    notify() {
        for (const fn of [...this.#subscribers]) {
            try {
                fn();
            } catch (error) {
                console.error(error);
            }
        }
    }
}
