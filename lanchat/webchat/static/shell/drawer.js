/** The sidebar of narrow windows: a drawer over the page, which opens by a button and closes when something was chosen. */
import { useCallback, useEffect, useRef, useState } from "../vendor/preact.js";

/**
 * The state of the drawer; `ref` belongs on its element. It closes by Esc, and when `place` changes; the focus returns.
 * @param {string} place
 */
export function useDrawer(place) {
    const [open, setOpen] = useState(false);
    const ref = useRef(/** @type {HTMLElement | null} */ (null));
    const opener = useRef(/** @type {HTMLElement | null} */ (null));
    const show = useCallback(() => {
        opener.current = /** @type {HTMLElement | null} */ (document.activeElement);
        setOpen(true);
    }, []);
    const close = useCallback(() => setOpen(false), []);
    useEffect(close, [place]);
    useEffect(() => {
        if (!open) {
            return undefined;
        }
        /** @type {HTMLElement | null | undefined} */ (ref.current?.querySelector("[aria-current], a"))?.focus();
        const escape = (/** @type {KeyboardEvent} */ event) => {
            if (event.key === "Escape" && !document.querySelector("dialog:modal")) {
                close();
            }
        };
        addEventListener("keydown", escape);
        return () => {
            removeEventListener("keydown", escape);
            if (opener.current?.isConnected && !document.querySelector("dialog:modal")) {
                opener.current.focus();
            }
        };
    }, [open]);
    return { open, ref, show, close };
}
