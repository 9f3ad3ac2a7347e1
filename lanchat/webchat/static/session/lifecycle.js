/** The life of the page: hidden, frozen, left and back. */

/** @typedef {import("./session.js").Session} Session */

/**
 * Close the connection when the page is left or frozen, and come back when it is there again. A browser would keep the
 * connection of such a page open, and throw away what comes.
 * @param {Session} session
 */
export function followLifecycle(session) {
    addEventListener("pagehide", () => session.sleep());
    addEventListener("pageshow", (event) => event.persisted && session.wake());
    addEventListener("online", () => session.probe());
    document.addEventListener("freeze", () => session.sleep());
    document.addEventListener("resume", () => session.wake());
    document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "visible") {
            session.wake();
            session.probe();
        }
    });
}
