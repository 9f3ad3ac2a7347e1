/**
 * Keeps the place of a reader in a list whose rows change above and below. Not all browsers do it by themselves, and none does
 * at the very top, so the style sheet turns theirs off (`overflow-anchor: none`), and this does it everywhere alike.
 */

/** How many rows are remembered: some may be gone when the place is restored. */
const ANCHORS = 12;

/** Up to how many px from the end the list counts as at its end. */
const NEAR_END = 30;

/** A list that scrolls: `frame` scrolls, and its rows are the children of `rows`. */
export class ScrollPlace {
    /** @type {Array<{ row: Element, top: number }>} Visible rows, with their distance to the top of the frame in px. */
    #anchors = [];

    /**
     * @param {HTMLElement} frame
     * @param {HTMLElement} rows
     */
    constructor(frame, rows) {
        this.frame = frame;
        this.rows = rows;
    }

    /** How far the end is below what is visible, in px. */
    get belowEnd() {
        const { scrollHeight, scrollTop, clientHeight } = this.frame;
        return scrollHeight - scrollTop - clientHeight;
    }

    /** Whether the end is visible. */
    get atEnd() {
        return this.belowEnd <= NEAR_END;
    }

    /** Scrolls to the end. */
    toEnd() {
        this.frame.scrollTop = this.frame.scrollHeight;
    }

    /**
     * Remembers where the rows are that are visible; only that of one row, if there is one that is to stay in any case.
     * @param {Element | null} [only]
     */
    remember(only = null) {
        const top = this.frame.getBoundingClientRect().top;
        const rows = this.rows.children;
        // The first row may lose its header when others are put before it, so the one after it is the better anchor.
        const first = only ? [...rows].indexOf(only) : Math.max(this.#firstBelow(top), Math.min(1, rows.length - 1));
        this.#anchors = [];
        for (let n = first; n < rows.length && this.#anchors.length < (only ? 1 : ANCHORS); n++) {
            this.#anchors.push({ row: rows[n], top: rows[n].getBoundingClientRect().top - top });
        }
    }

    /**
     * Scrolls so that the first of the remembered rows that is still there is where it was. What is remembered stays the same:
     * browsers round, and many small errors would add up.
     */
    restore() {
        const kept = this.#anchors.findIndex(({ row }) => row.parentNode === this.rows);
        if (kept >= 0) {
            const { row, top } = this.#anchors[kept];
            const moved = row.getBoundingClientRect().top - this.frame.getBoundingClientRect().top - top;
            if (Math.abs(moved) >= 0.5) {
                this.frame.scrollTop += moved;
            }
        }
        if (kept !== 0) {
            this.remember();
        }
    }

    /**
     * The first row that begins below a height of the window; the last one, if none does.
     * @param {number} top
     * @returns {number}
     */
    #firstBelow(top) {
        let low = 0;
        let high = this.rows.children.length - 1;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (this.rows.children[middle].getBoundingClientRect().top >= top) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return Math.max(0, low);
    }
}
