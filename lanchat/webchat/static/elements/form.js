/** Forms: their fields, what they do, and what went wrong. */
import { html, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { t } from "../common/i18n.js";

/** What the fields of a form contain, by their names. @typedef {Record<string, string>} Values */

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
