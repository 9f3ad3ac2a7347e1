/** A box over the page beside something: menus, and the choice of a reaction. */

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";

/** The distance to what it belongs to, and to the edges of the window, in px. */
const GAP = 4;

/**
 * The box. It is in the top layer, so nothing cuts it off; Esc, or a click elsewhere, closes it. The arrow keys move the focus
 * among its buttons. What is focused in it is up to whoever makes it; when it closes, the focus returns.
 * @param {{ anchor: DOMRect, role: string, label: string, class: string, onClose: () => void, children?: any }} props
 */
export function Popup({ anchor, role, label, class: name, onClose, children }) {
    const ref = useRef(/** @type {HTMLElement | null} */ (null));
    useLayoutEffect(() => {
        const box = /** @type {HTMLElement} */ (ref.current);
        const before = /** @type {HTMLElement | null} */ (document.activeElement);
        box.showPopover();
        place(box, anchor);
        return () => {
            const inside = box.contains(document.activeElement) || document.activeElement === document.body;
            if (inside && before?.isConnected) {
                before.focus({ preventScroll: true });
            }
        };
    }, []);
    const toggled = (/** @type {any} */ event) => event.newState === "closed" && onClose();
    return html`<div ref=${ref} popover="auto" role=${role} aria-label=${label} class=${`popup ${name}`} onToggle=${toggled}
        onKeyDown=${moveFocus}>${children}</div>`;
}

/**
 * Puts a box below its anchor, at the same end; above it if there is no room below, and always within the window.
 * @param {HTMLElement} box
 * @param {DOMRect} anchor
 */
function place(box, anchor) {
    const { offsetWidth: width, offsetHeight: height } = box;
    const { clientWidth, clientHeight } = document.documentElement;
    const below = anchor.bottom + GAP;
    const top = below + height <= clientHeight - GAP ? below : anchor.top - GAP - height;
    const left = getComputedStyle(box).direction === "rtl" ? anchor.left : anchor.right - width;
    box.style.top = `${Math.max(GAP, Math.min(top, clientHeight - height - GAP))}px`;
    box.style.left = `${Math.max(GAP, Math.min(left, clientWidth - width - GAP))}px`;
}

/**
 * Moves the focus with the arrow keys, Home and End. In a field they keep their meaning, but for those that go up and down.
 * @param {KeyboardEvent} event
 */
function moveFocus(event) {
    const box = /** @type {HTMLElement} */ (event.currentTarget);
    const inField = event.target instanceof HTMLInputElement;
    const steps = inField ? { ArrowDown: 1, ArrowUp: -1 }
        : { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    const step = /** @type {Record<string, number>} */ (steps)[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) {
        return;
    }
    const all = /** @type {HTMLElement[]} */ ([...box.querySelectorAll("button:not(:disabled), input")]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = Number.isFinite(step) ? (at + step + all.length) % all.length : step < 0 ? 0 : all.length - 1;
    all[next]?.focus();
    event.preventDefault();
}
