/** The keys that move through the rows of a list. */

/**
 * Moves the focus from row to row with the arrow keys; Enter opens what can be done with a row. From the list itself, they lead
 * to the last row that is visible.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} frame   the list
 * @param {HTMLElement} rows    its rows, of which the articles get the focus
 * @returns {"older" | "newer" | "end" | ""} which way the reader goes
 */
export function moveInFeed(event, frame, rows) {
    const target = /** @type {HTMLElement} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest("article"));
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || (target !== frame && target !== row)) {
        return "";
    }
    if (event.key === "Enter" && row) {
        event.preventDefault();
        row.querySelector(/** @type {any} */ ("[aria-haspopup=menu], .unfold"))?.click();
        return "";
    }
    if (event.key === "End") {
        event.preventDefault();
        return "end";
    }
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") {
        return event.key === "Home" || event.key === "PageUp" ? "older" : event.key === "PageDown" ? "newer" : "";
    }
    event.preventDefault();
    const up = event.key === "ArrowUp";
    const articles = /** @type {HTMLElement[]} */ ([...rows.querySelectorAll("article")]);
    const next = row ? articles[articles.indexOf(row) + (up ? -1 : 1)] : lastVisible(frame, articles);
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
    return up ? "older" : "newer";
}

/**
 * @param {HTMLElement} frame
 * @param {HTMLElement[]} articles
 * @returns {HTMLElement | undefined}
 */
function lastVisible(frame, articles) {
    const end = frame.getBoundingClientRect().bottom;
    return articles.reverse().find((article) => article.getBoundingClientRect().top < end);
}
