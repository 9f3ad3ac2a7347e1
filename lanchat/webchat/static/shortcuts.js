/** Keys that work everywhere in the page. None of them is one of the browser's own. */
import { useEffect } from "./vendor/preact.js";
import { hrefOf } from "./routes.js";
import { sorted } from "./sidebar.js";

/** @typedef {import("./model.js").Model} Model */

/**
 * `/` and Ctrl+/ open the search (in a field only Ctrl+/); Alt+Up and Alt+Down go to the next conversation.
 * @param {Model} model
 * @param {string} shown
 * @param {(dialog: string) => void} onOpen
 */
export function useShortcuts(model, shown, onOpen) {
    useEffect(() => {
        const pressed = (/** @type {KeyboardEvent} */ event) => {
            if (event.defaultPrevented || event.isComposing || document.querySelector("dialog:modal")) {
                return;
            }
            const typing = /** @type {Element} */ (event.target).closest?.("input, textarea, select");
            if (event.key === "/" && !event.altKey && !event.metaKey && (event.ctrlKey || !typing)) {
                event.preventDefault();
                onOpen("search");
            } else if (event.altKey && !event.ctrlKey && !event.shiftKey && ["ArrowUp", "ArrowDown"].includes(event.key)) {
                event.preventDefault();
                step(model, shown, event.key === "ArrowDown" ? 1 : -1);
            }
        };
        addEventListener("keydown", pressed);
        return () => removeEventListener("keydown", pressed);
    }, [model, shown]);
}

/**
 * @param {Model} model
 * @param {string} shown
 * @param {1 | -1} by
 */
function step(model, shown, by) {
    const all = sorted(model).flat();
    const next = all[(all.findIndex((item) => item.conv === shown) + by + all.length) % all.length];
    if (next) {
        location.hash = hrefOf(next.conv);
    }
}
