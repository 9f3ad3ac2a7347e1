/** A server that was upgraded has a newer page: it is loaded as soon as nobody is in the middle of something. */

/** @typedef {import("./session.js").Session} Session */

/** How often it is tried, in milliseconds. */
const EVERY = 2000;
/** Where it is kept for which version the page was loaded anew, so that it is not loaded for the same one for ever. */
const TRIED = "lanchat.reloaded";

/**
 * Whether the server has another version of the page than this one.
 * @param {Session} session
 * @returns {boolean}
 */
export function isOutdated(session) {
    const own = document.querySelector("meta[name=build]")?.getAttribute("content");
    const build = session.server?.build;
    return Boolean(own && build && own !== build);
}

/**
 * Loads the page anew once it is outdated and nothing is being typed.
 * @param {Session} session
 */
export function reloadWhenNewer(session) {
    let timer = 0;
    const tryIt = () => {
        const build = session.server?.build ?? "";
        if (isOutdated(session) && session.phase === "online" && !isBusy() && !wasTried(build)) {
            location.reload();
        }
    };
    session.subscribe(() => {
        if (!timer && isOutdated(session)) {
            timer = window.setInterval(tryIt, EVERY);
            tryIt();
        }
    });
}

/** Whether something is being typed, or a dialog is open. */
function isBusy() {
    const fields = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("textarea, input"));
    return document.querySelector("dialog[open]") !== null || [...fields].some((field) => field.type !== "checkbox" && field.value.trim() !== "");
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
        return true; // nothing can be noted: better an old page than one that is loaded for ever
    }
}
