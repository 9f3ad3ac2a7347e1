/** What the field where one writes does by itself: it takes the focus, and grows with its text. */

import { useEffect, useLayoutEffect, useRef } from "../vendor/preact.js";

/**
 * Gives the field the focus: at once when it is shown, so that a message to which the reader is led has it after that; and
 * whenever something else is written.
 * @param {{ current: HTMLTextAreaElement | null }} field
 * @param {unknown} mode   what is written
 */
export function useFocus(field, mode) {
    const wasShown = useRef(false);
    useLayoutEffect(() => field.current?.focus(), []);
    useEffect(() => {
        if (wasShown.current) {
            field.current?.focus();
        }
        wasShown.current = true;
    }, [mode]);
}

/**
 * Lets the field grow with its text, where the browser does not (`field-sizing`).
 * @param {{ current: HTMLTextAreaElement | null }} field
 * @param {string} text
 */
export function useGrowth(field, text) {
    useLayoutEffect(() => {
        const area = field.current;
        if (area && !CSS.supports("field-sizing", "content")) {
            area.style.height = "auto";
            area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
        }
    }, [text]);
}
