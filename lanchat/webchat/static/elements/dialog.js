/** Dialogs and forms, as every part of the page uses them: titled, closed by Esc, and told apart by screen readers. */
import { html, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { t } from "../common/i18n.js";

/** What the fields of a form contain, by their names. @typedef {Record<string, string>} Values */

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

/**
 * A button that shows a symbol, and says what it does to screen readers and in its tooltip.
 * @param {{ icon: string, label: string, onClick: (event: Event) => void, [attribute: string]: any }} props
 */
export function IconButton({ icon, label, onClick, ...attributes }) {
    return html`<button type="button" class="icon-button" aria-label=${label} title=${label} onClick=${onClick}
        ...${attributes}><${Icon} name=${icon} /></button>`;
}

/**
 * One input with its label above it; further attributes are those of the input. With `autofocus` it has the focus at once.
 * @param {{ label: string, hint?: string, autofocus?: boolean, [attribute: string]: any }} props
 */
export function Field({ label, hint = "", autofocus = false, ...attributes }) {
    const ref = useRef(/** @type {HTMLInputElement | null} */ (null));
    useLayoutEffect(() => {
        if (autofocus && ref.current) {
            ref.current.autofocus = true; // a dialog that opens around it looks for this
            ref.current.focus();
        }
    }, []);
    return html`<label class="field">
        <span>${label}</span>
        <input ref=${ref} autocomplete="off" autocapitalize="off" spellcheck=${false} ...${attributes} />
        ${hint && html`<small>${hint}</small>`}
    </label>`;
}

/**
 * What went wrong, read out at once; nothing while there is nothing to say.
 * @param {{ text: string }} props
 */
export function ErrorText({ text }) {
    return html`<p class="error" role="alert" dir="auto" hidden=${!text}>${text}</p>`;
}

/**
 * A form whose fields arrive as texts, by their names, in `onSubmit`; what that raises is shown below it.
 * While it runs, the form can't be submitted again.
 * @param {{ onSubmit: (values: Values) => Promise<unknown> | void, class?: string, children?: any }} props
 */
export function Form({ onSubmit, class: name = "form", children }) {
    const task = useTask();
    const submit = (/** @type {any} */ event) => {
        event.preventDefault();
        const values = Object.fromEntries(new FormData(event.currentTarget));
        if (!task.busy) {
            void task.run(async () => onSubmit(/** @type {Values} */ (values)));
        }
    };
    return html`<form class=${name} onSubmit=${submit} aria-busy=${task.busy}>
        ${children}
        <${ErrorText} text=${task.error} />
    </form>`;
}

/**
 * Runs what takes time: `busy` while it does, and then `error`, what went wrong in words, or `""`.
 * @returns {{ busy: boolean, error: string, run: (work: () => Promise<unknown> | void) => Promise<boolean> }}
 */
export function useTask() {
    const [state, setState] = useState({ busy: false, error: "" });
    const run = async (/** @type {() => Promise<unknown> | void} */ work) => {
        setState({ busy: true, error: "" });
        const error = await Promise.resolve()
            .then(work)
            .then(() => "", messageOf);
        setState({ busy: false, error });
        return error === "";
    };
    return { ...state, run };
}

/**
 * An error in words for people: the server's sentence, if it is one of its answers.
 * @param {any} error
 * @returns {string}
 */
export function messageOf(error) {
    return String(error?.message || t("error.unknown"));
}

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
