/** The keys that move the focus in a list. */

/**
 * The arrow keys, Home and End move the focus among the links and buttons of a list, as Tab does.
 * @param {KeyboardEvent} event
 */
export function moveFocus(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    const list = /** @type {HTMLElement} */ (event.currentTarget);
    if (!step || event.altKey || event.ctrlKey || event.metaKey || event.target instanceof HTMLInputElement) {
        return;
    }
    const items = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("a[href], button:not(:disabled)")]);
    const place = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    items[Math.max(0, Math.min(items.length - 1, place + step))]?.focus();
    event.preventDefault();
}
