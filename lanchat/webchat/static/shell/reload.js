/** A server that was upgraded has a newer page: it is loaded as soon as nobody is in the middle of something. */

/** @typedef {import("../session/session.js").Session} Session */

/** How often it is tried, in milliseconds. */
const EVERY = 2000;
/** Where it is kept for which version the page was loaded anew, so that this happens only once for each. */
const TRIED = "lanchat.reloaded";

/**
 * Loads the page anew, as the server has a newer one, once nothing is being typed, and no files are to be sent.
 * @param {Session} session
 * @param {() => boolean} hasFiles   whether files are to be sent
 */
export function reloadWhenNewer(session, hasFiles) {
    const tryIt = () => {
        const isBusyNow = isBusy() || hasFiles();
        if (session.outdated && session.phase === "online" && !isBusyNow && !wasTried(session.server?.build ?? "")) {
            location.reload();
        }
    };
    window.setInterval(tryIt, EVERY);
    tryIt();
}

/** Whether something is being typed, or a dialog is open. */
function isBusy() {
    const fields = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("textarea, input:not([type=checkbox])")]);
    return document.querySelector("dialog:modal") !== null || fields.some((field) => field.value.trim() !== "");
}

/**
 * Whether the page was loaded anew for this version before; notes that it is.
 * @param {string} build
 */
function wasTried(build) {
    try {
        const before = sessionStorage.getItem(TRIED);
        sessionStorage.setItem(TRIED, build);
        return before === build;
    } catch {
        return true; // nothing can be noted: better an old page than one that is loaded again and again
    }
}
