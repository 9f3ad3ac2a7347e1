/** What is the matter with the connection, in plain words; and short notes that go away by themselves. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { IconButton } from "./button.js";
import { Observable } from "../common/observable.js";
import { t } from "../common/i18n.js";
import { useObservable } from "../common/observable_hook.js";

/** @typedef {import("../session/session.js").Session} Session */

/** A connection that is there sooner than this is not mentioned, in milliseconds. */
const PATIENCE = 300;
/** How long a note stays, in milliseconds. */
const NOTE_STAYS = 8000;

/**
 * The line about the connection, while there is something to say about it.
 * @param {{ session: Session }} props
 */
export function Status({ session }) {
    const { phase } = useObservable(session);
    const trouble = ["offline", "connecting", "asleep", "closed"].includes(phase);
    const [shown, setShown] = useState(false);
    useEffect(() => {
        const timer = setTimeout(() => setShown(trouble), phase === "connecting" ? PATIENCE : 0);
        return () => clearTimeout(timer);
    }, [phase]);
    return html`<div class="status" role="status">
        ${shown && trouble && html`<div class=${`banner ${phase}`}>
            <${Icon} name="warning" />
            <p dir="auto">${sentence(session)} ${phase === "offline" && html`<${NextTry} at=${session.retryAt} />`}</p>
            ${phase !== "connecting" && html`<button type="button" onClick=${() => session.reconnect()}>
                ${t(phase === "closed" ? "status.return" : "status.retry")}
            </button>`}
        </div>`}
    </div>`;
}

/**
 * What is the matter, in plain words.
 * @param {Session} session
 * @returns {string}
 */
function sentence({ phase, reason }) {
    const { code, text } = reason;
    if (phase === "closed") {
        return text && code !== "GONE" ? t("status.kicked", { text }) : t("status.closed");
    }
    const known = { RELOAD: "status.restarts", FULL: "status.full", NAME_TAKEN: "status.ownName" }[code];
    return t((phase === "offline" && known) || `status.${phase}`);
}

/**
 * How long it is until the next attempt to connect, while that is more than a moment.
 * @param {{ at: number }} props
 */
function NextTry({ at }) {
    const [, redraw] = useState(0);
    useEffect(() => {
        const timer = setInterval(() => redraw((count) => count + 1), 1000);
        return () => clearInterval(timer);
    }, []);
    const left = Math.ceil((at - Date.now()) / 1000);
    return left > 1 && html`<span aria-hidden="true">${t("status.retryIn", { n: left })}</span>`;
}

/** The notes that are shown now. */
class Notes extends Observable {
    /** @type {{ key: number, text: string }[]} */
    shown = [];
    #count = 0;

    /** @param {string} text */
    add(text) {
        const note = { key: ++this.#count, text };
        this.shown = [...this.shown.slice(-2), note];
        this.changed();
        setTimeout(() => this.remove(note.key), NOTE_STAYS);
    }

    /** @param {number} key */
    remove(key) {
        this.shown = this.shown.filter((note) => note.key !== key);
        this.changed();
    }
}

const notes = new Notes();

/**
 * Shows a note for some seconds, and has it read out.
 * @param {string} text
 */
export function note(text) {
    notes.add(text);
}

/** The notes that are shown now. */
export function NoteList() {
    const { shown } = useObservable(notes);
    const ref = useRef(/** @type {HTMLElement | null} */ (null));
    useLayoutEffect(() => {
        ref.current?.hidePopover();
        if (shown.length > 0) {
            ref.current?.showPopover(); // over a dialog that was opened meanwhile, too
        }
    }, [shown]);
    return html`<div class="notes" popover="manual" role="status" ref=${ref}>
        ${shown.map(({ key, text }) => html`<div key=${key} class="note">
            <p dir="auto">${text}</p>
            <${IconButton} icon="close" label=${t("dialog.close")} onClick=${() => notes.remove(key)} />
        </div>`)}
    </div>`;
}
