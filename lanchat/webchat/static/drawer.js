/** The sidebar of narrow windows: a drawer over the page, which opens by a button and closes when something was chosen. */
import { useEffect, useRef, useState } from "./vendor/preact.js";

/**
 * The state of the drawer; `ref` and `onKeyDown` belong on its element. It closes when `place` changes.
 * @param {string} place
 */
export function useDrawer(place) {
    const [open, setOpen] = useState(false);
    const ref = useRef(/** @type {HTMLElement | null} */ (null));
    const opener = useRef(/** @type {HTMLElement | null} */ (null));
    const show = () => {
        opener.current = /** @type {HTMLElement} */ (document.activeElement);
        setOpen(true);
    };
    const close = () => {
        setOpen(false);
        requestAnimationFrame(() => opener.current?.isConnected && opener.current.focus());
    };
    useEffect(() => setOpen(false), [place]);
    useEffect(() => {
        if (open) {
            /** @type {HTMLElement | null | undefined} */ (ref.current?.querySelector("[aria-current], a"))?.focus();
        }
    }, [open]);
    const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
        if (open && event.key === "Escape") {
            event.stopPropagation();
            close();
        }
    };
    return { open, ref, show, close, onKeyDown };
}
