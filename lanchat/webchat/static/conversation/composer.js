/** Where messages are written. */

import { html, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { AttachButton } from "./attaching.js";
import { completeAt, completed, suggest, Suggestions } from "./completion.js";
import { draftOf, keepDraft } from "./drafts.js";
import { useFocus, useGrowth } from "./field.js";
import { t } from "../common/i18n.js";
import { Icon } from "../elements/icons.js";
import { byteLength } from "../common/names.js";
import { isolated } from "../elements/times.js";

/** @import { Model } from "../core/model.js" */
/** @import { Message } from "../common/types.js" */
/** @import { Completion, Suggestion } from "./completion.js" */

/** The longest message, in bytes of UTF-8; and from how many on it is said how many are left. */
const MOST_BYTES = 16_384;
const WARN_BYTES = 15_000;

/**
 * What is written: a message of its own, a reply to a message, or another text for one.
 * @typedef {{ kind: "message" } | { kind: "reply", message: Message } | { kind: "edit", message: Message }} Mode
 */

/**
 * @typedef {object} ComposerProps
 * @property {Model} model
 * @property {string} conv
 * @property {string} title              of the conversation
 * @property {Mode} mode
 * @property {() => void} onCancel       ends a reply or an edit
 * @property {() => void} onEditLast     edits the last message of one's own, if there is one
 * @property {import("./attaching.js").Attaching} attaching   the files that go with the message
 * @property {(text: string) => Promise<boolean>} onSend   whether it was taken; otherwise the text comes back
 */

/**
 * The text, with what belongs to it.
 * @param {ComposerProps} props
 */
export function Composer({ model, conv, title, mode, attaching, onCancel, onEditLast, onSend }) {
    const [text, setText] = useText(conv, mode);
    const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
    const suggestions = useSuggestions(model, conv, text, setText, field);
    useGrowth(field, text);
    useFocus(field, mode);
    const surplus = surplusBytes(text), isEmpty = text.trim() === "" && (attaching.chosen === 0 || mode.kind === "edit");
    const send = async () => {
        if (!isEmpty && surplus <= 0) {
            suggestions.close();
            await hand(text, setText, mode, field, onSend);
        }
    };
    const typed = (/** @type {any} */ event) => {
        const { value, selectionEnd } = event.currentTarget;
        setText(value);
        suggestions.look(value, selectionEnd);
        if (value.trim() !== "" && !value.startsWith("/") && mode.kind !== "edit") {
            model.sendTyping(conv);
        }
    };
    const pressed = (/** @type {KeyboardEvent} */ event) => {
        // (an input method, or the list, may have the key)
        if (!event.isComposing && event.keyCode !== 229 && !suggestions.pressed(event)) {
            fieldKey(event, text === "", mode, { send, onCancel, onEditLast });
        }
    };
    const submitted = (/** @type {Event} */ event) => {
        event.preventDefault();
        void send();
        field.current?.focus();
    };
    const label = t("composer.label", { conv: title });
    return html`<form class="composer" onSubmit=${submitted}>
        <${ModeBar} mode=${mode} onCancel=${onCancel} />
        ${attaching.list}
        ${suggestions.list}
        <div class="composer-row">
            ${attaching.allowed && html`<${AttachButton} attach=${attaching.attach} />`}
            <textarea ref=${field} rows="1" dir="auto" value=${text} aria-label=${label} placeholder=${label}
                enterkeyhint="send" aria-autocomplete="list" aria-controls=${suggestions.id}
                aria-activedescendant=${suggestions.active} aria-invalid=${surplus > 0 ? "true" : null}
                aria-describedby="composer-bytes" onInput=${typed} onKeyDown=${pressed} onPaste=${attaching.pasted}
                onBlur=${suggestions.close}></textarea>
            <button type="submit" class="send" aria-label=${t("composer.send")} title=${t("composer.send")}
                disabled=${isEmpty || surplus > 0}><${Icon} name="send" /></button>
        </div>
        <p class="bytes" id="composer-bytes" data-over=${String(surplus > 0)}>${bytesInWords(surplus)}</p>
    </form>`;
}

/**
 * Hands a text over. The field is empty at once, and has the text again if it was not taken; an edit is there until it is done.
 * @param {string} text
 * @param {(text: string) => void} setText
 * @param {Mode} mode
 * @param {{ current: HTMLTextAreaElement | null }} field
 * @param {(text: string) => Promise<boolean>} onSend
 */
async function hand(text, setText, mode, field, onSend) {
    if (mode.kind !== "edit") {
        setText("");
    }
    const taken = await onSend(text.trimEnd());
    if (!taken && mode.kind !== "edit" && field.current?.value === "") {
        setText(text);
    }
}

/**
 * What a key does in the field.
 * @param {KeyboardEvent} event
 * @param {boolean} isEmpty
 * @param {Mode} mode
 * @param {{ send: () => Promise<void>, onCancel: () => void, onEditLast: () => void }} does
 */
function fieldKey(event, isEmpty, mode, { send, onCancel, onEditLast }) {
    if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        void send();
    } else if (event.key === "Escape" && mode.kind !== "message") {
        event.stopPropagation();
        onCancel();
    } else if (event.key === "ArrowUp" && isEmpty) {
        event.preventDefault();
        onEditLast();
    }
}

/**
 * The text that is written. It is kept as a draft, but for an edit, which begins with the text of the message and leaves the
 * draft as it is.
 * @param {string} conv
 * @param {Mode} mode
 * @returns {[string, (text: string) => void]}
 */
function useText(conv, mode) {
    const [text, setText] = useState(() => draftOf(conv));
    const edited = mode.kind === "edit" ? mode.message : null;
    const wasEdit = useRef(false);
    useLayoutEffect(() => {
        if (edited || wasEdit.current) {
            setText(edited ? edited.text : draftOf(conv));
        }
        wasEdit.current = edited !== null;
    }, [edited?.key]);
    const change = (/** @type {string} */ next) => {
        setText(next);
        if (!edited) {
            keepDraft(conv, next);
        }
    };
    return [text, change];
}

/**
 * The list of suggestions, and the keys that it takes.
 * @param {Model} model
 * @param {string} conv
 * @param {string} text
 * @param {(text: string) => void} setText
 * @param {{ current: HTMLTextAreaElement | null }} field
 */
function useSuggestions(model, conv, text, setText, field) {
    const [completion, setCompletion] = useState(/** @type {Completion | null} */ (null));
    const [chosen, setChosen] = useState(0);
    const caret = useRef(-1);
    useLayoutEffect(() => {
        if (caret.current >= 0) {
            field.current?.setSelectionRange(caret.current, caret.current);
            caret.current = -1;
        }
    });
    const close = () => setCompletion(null);
    const look = (/** @type {string} */ value, /** @type {number} */ at) => {
        setCompletion(suggest(model, conv, value, at));
        setChosen(0);
    };
    const choose = (/** @type {Suggestion} */ suggestion, current = completion) => {
        if (current) {
            const next = completed(text, current, suggestion);
            caret.current = next.caret;
            setText(next.text);
            close();
        }
    };
    /** Whether the key is one of the list's. @param {KeyboardEvent} event */
    const pressed = (event) => {
        const whole = completion?.suggestions[chosen]?.text.trimEnd() === text.trimEnd();
        const taken = completion && !(whole && event.key === "Enter")
            ? listKey(event, completion, chosen, { setChosen, choose, close }) : tabKey(event);
        if (taken) {
            event.preventDefault();
        }
        return taken;
    };
    /** TAB completes a name, or shows several; where there is nothing to complete it moves the focus as always. */
    const tabKey = (/** @type {KeyboardEvent} */ event) => {
        const at = field.current?.selectionEnd ?? 0;
        const found = event.key === "Tab" && !event.shiftKey ? completeAt(model, conv, text, at) : null;
        if (found?.suggestions.length === 1) {
            choose(found.suggestions[0], found);
        } else if (found) {
            setCompletion(found);
            setChosen(0);
        }
        return found !== null;
    };
    const id = "composer-suggestions";
    const list = completion && html`<${Suggestions} id=${id} completion=${completion} chosen=${chosen} onChoose=${choose} />`;
    return { id: completion ? id : null, active: completion ? `${id}-${chosen}` : null, list, look, close, pressed };
}

/**
 * What a key does while suggestions are shown.
 * @param {KeyboardEvent} event
 * @param {Completion} completion
 * @param {number} chosen
 * @param {{ setChosen: (n: number) => void, choose: (suggestion: Suggestion) => void, close: () => void }} does
 * @returns {boolean} whether it does something
 */
function listKey(event, { suggestions }, chosen, { setChosen, choose, close }) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
        setChosen((chosen + step + suggestions.length) % suggestions.length);
    } else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) {
        choose(suggestions[chosen]);
    } else if (event.key === "Escape") {
        event.stopPropagation();
        close();
    } else {
        return false;
    }
    return true;
}

/**
 * How many bytes a text is too long; negative while there are some left.
 * @param {string} text
 * @returns {number}
 */
function surplusBytes(text) {
    // A UTF-16 unit is at most 3 bytes of UTF-8: short texts need not be counted.
    return text.length * 3 < WARN_BYTES ? -MOST_BYTES : byteLength(text.trimEnd()) - MOST_BYTES;
}

/**
 * @param {number} surplus
 * @returns {string}
 */
function bytesInWords(surplus) {
    if (surplus > 0) {
        return t("composer.tooLong", { n: surplus });
    }
    return surplus > WARN_BYTES - MOST_BYTES ? t("composer.bytesLeft", { n: -surplus }) : "";
}

/**
 * Says what is written, if it is a reply or an edit, and ends it.
 * @param {{ mode: Mode, onCancel: () => void }} props
 */
function ModeBar({ mode, onCancel }) {
    if (mode.kind === "message") {
        return null;
    }
    const { message } = mode;
    const words = mode.kind === "edit" ? t("composer.editing") : t("composer.replying", { name: isolated(message.from) });
    const excerpt = mode.kind === "reply" && html`<bdi class="excerpt">${message.text.slice(0, 200)}</bdi>`;
    return html`<div class="mode-bar">
        <${Icon} name="reply" /><span>${words}</span> ${excerpt}
        <button type="button" onClick=${onCancel}>${t("composer.cancel")}</button>
    </div>`;
}
