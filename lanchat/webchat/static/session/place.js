/** One's place in the server's log: up to where everything has come (docs/protocol.md, "Places in the log"). */

/**
 * How long after the end of a connection what was missed is asked for, in milliseconds; later, the page loads everything anew.
 */
const RESUME_MS = 10 * 60_000;
/** How many missed messages are taken one by one. */
const MOST_MISSED = 2000;

/** Where an account is in the log. A guest has no place. */
export class Place {
    #epoch = "";
    #last = 0;
    /** The number after which something is missing that was not fetched yet; null if nothing is. */
    #gap = /** @type {number|null} */ (null);
    #gaps = 0;
    /** The numbers of acknowledgements that came while a batch of missed messages was under way. */
    #announced = 0;
    #replaying = false;
    /** When the connection ended; 0 while there is one. */
    #lostAt = 0;

    /** The number up to which everything has come. */
    get seq() {
        return this.#gap ?? this.#last;
    }

    /**
     * What a hello sends as `resume`. If we have no place, or an old one, it names a log that is not there: so the server sends
     * nothing of what was missed.
     * @returns {{ epoch: string, seq: number }}
     */
    get resume() {
        const isKnown = this.#epoch !== "" && Date.now() - this.#lostAt < RESUME_MS;
        return isKnown ? { epoch: this.#epoch, seq: this.seq } : { epoch: "", seq: 0 };
    }

    /**
     * Whether so much comes after this welcome that loading the newest of it anew is faster.
     * @param {import("../common/types.js").X} x
     */
    isFarBehind(x) {
        return x.missed > MOST_MISSED;
    }

    /**
     * Note a welcome.
     * @param {import("../common/types.js").X} x
     * @returns {boolean} whether what was missed comes now, so that nothing needs to be loaded anew
     */
    welcomed(x) {
        this.#replaying = x.resumed === true;
        this.#lostAt = 0;
        if (!this.#replaying) {
            this.#epoch = x.epoch ?? "";
            this.#last = x.seq ?? 0;
        } else {
            this.#last = this.seq;
        }
        this.#gap = null;
        this.#announced = 0;
        return this.#replaying;
    }

    /**
     * Note that the name is an account from now on.
     * @param {import("../common/types.js").X} x
     */
    registered(x) {
        this.#epoch = x.epoch ?? "";
        this.#last = Math.max(this.#last, x.seq ?? 0);
    }

    /**
     * Note something of the log that came, live or in the batch of what was missed.
     * @param {number} seq
     */
    came(seq) {
        this.#last = Math.max(this.#last, seq);
    }

    /**
     * Note the acknowledgement of one's own message: everything before it has come, or is announced, or is in the batch.
     * @param {number} seq
     */
    acknowledged(seq) {
        if (this.#replaying) {
            this.#announced = Math.max(this.#announced, seq);
        } else {
            this.came(seq);
        }
    }

    /**
     * Note that something was left out.
     * @param {number} after
     * @param {number} upto
     */
    leftOut(after, upto) {
        this.#gap = Math.min(this.#gap ?? after, after);
        this.#gaps++;
        this.came(upto);
    }

    /** How often something was left out. */
    get gaps() {
        return this.#gaps;
    }

    /**
     * Note that what was left out is loaded, unless more was left out since.
     * @param {number} gaps As it was when the loading began.
     */
    filled(gaps) {
        if (gaps === this.#gaps) {
            this.#gap = null;
        }
    }

    /**
     * Note the end of the batch of what was missed.
     * @param {boolean} more Whether not everything came.
     * @param {number} newest The number in the welcome: up to there something may be missing.
     */
    replayed(more, newest) {
        this.#replaying = false;
        if (more) {
            this.leftOut(this.#last, newest);
        }
        this.came(this.#announced);
    }

    /** Note that the connection has ended. */
    lost() {
        this.#lostAt ||= Date.now();
        this.#replaying = false;
        this.#announced = 0;
    }

    /** Forget the place: it was that of another name. */
    forget() {
        this.#epoch = "";
        this.#last = 0;
        this.#gap = null;
    }
}
