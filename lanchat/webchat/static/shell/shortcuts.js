/** Keys that work everywhere in the page. None of them is one of the browser's own. */
import { useEffect } from "../vendor/preact.js";
import { hrefOf, parseRoute } from "../elements/routes.js";
import { sorted } from "./sidebar.js";

/** @typedef {import("../core/model.js").Model} Model */

/**
 * `/` and Ctrl+/ open the search (in a field only Ctrl+/); Alt+Up and Alt+Down go to the next conversation.
 * @param {Model} model
 * @param {string} shown
 * @param {(dialog: string) => void} onOpen
 */
export function useShortcuts(model, shown, onOpen) {
    useEffect(() => {
        const pressed = (/** @type {KeyboardEvent} */ event) => {
            if (event.isComposing || document.querySelector("dialog:modal")) {
                return;
            }
            const typing = /** @type {Element} */ (event.target).closest?.("input, textarea, select");
            const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
            if (key === "/" && !altKey && !metaKey && (ctrlKey || !typing)) {
                onOpen("search");
            } else if (altKey && !ctrlKey && !metaKey && !shiftKey && ["ArrowUp", "ArrowDown"].includes(key)) {
                step(model, shown, key === "ArrowDown" ? 1 : -1);
            } else {
                return;
            }
            event.preventDefault();
            event.stopPropagation();
        };
        addEventListener("keydown", pressed, { capture: true }); // before the field for messages, which uses arrow keys
        return () => removeEventListener("keydown", pressed, { capture: true });
    }, [model, shown]);
}

/**
 * Goes from the conversation in the address, which may not be drawn yet.
 * @param {Model} model
 * @param {string} shown
 * @param {1 | -1} by
 */
function step(model, shown, by) {
    const all = sorted(model).flat(), from = parseRoute(location.hash).conv || shown;
    const next = all[(all.findIndex((item) => item.conv === from) + by + all.length) % all.length];
    if (next) {
        location.hash = hrefOf(next.conv);
    }
}
