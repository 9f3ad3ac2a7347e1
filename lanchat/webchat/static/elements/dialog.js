/** Dialogs: titled, closed by Esc, and told apart by screen readers. */
import { html, useLayoutEffect, useMemo, useRef } from "../vendor/preact.js";
import { IconButton } from "./button.js";
import { t } from "../common/i18n.js";

let dialogs = 0;

/**
 * A dialog over the page. Esc, a click beside it and its button close it, and the focus returns to where it was.
 * @param {{ title: any, onClose: () => void, wide?: boolean, children?: any }} props
 */
export function Dialog({ title, onClose, wide = false, children }) {
    const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
    const id = useMemo(() => `dialog-${++dialogs}`, []);
    useLayoutEffect(() => {
        const dialog = ref.current;
        dialog?.showModal();
        return () => dialog?.close();
    }, []);
    const beside = (/** @type {MouseEvent} */ event) => event.target === ref.current && ref.current?.close();
    const classes = wide ? "dialog wide" : "dialog";
    return html`<dialog ref=${ref} class=${classes} aria-labelledby=${id} onClose=${onClose} onMouseDown=${beside}>
        <div class="dialog-body">
            <header>
                <h2 id=${id} dir="auto">${title}</h2>
                <${IconButton} icon="close" label=${t("dialog.close")} onClick=${() => ref.current?.close()} />
            </header>
            ${children}
        </div>
    </dialog>`;
}
