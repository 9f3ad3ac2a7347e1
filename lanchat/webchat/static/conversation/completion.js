/** Completion of what is typed: slash commands, and names of people. */

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { nameKey } from "../common/names.js";

/** @import { Model } from "../core/model.js" */

/** The most suggestions at once; the list scrolls. */
const MOST = 60;

/**
 * @typedef {{ text: string, label: string, detail: string }} Suggestion   `text` takes the place of what was typed
 * @typedef {{ from: number, to: number, suggestions: Suggestion[] }} Completion   for the text from `from` to `to`
 */

/**
 * What is suggested while somebody types: a command at the beginning of the text, or a name after `@`.
 * @param {Model} model
 * @param {string} conv
 * @param {string} text
 * @param {number} caret
 * @returns {Completion | null}
 */
export function suggest(model, conv, text, caret) {
    const before = text.slice(0, caret);
    const command = /^\/([^\s/]*)$/.exec(before);
    if (command) {
        return completion(0, caret, commandsLike(model, command[1]));
    }
    const name = /(?:^|\s)@([^\s@]{0,32})$/.exec(before);
    return name ? completeName(model, conv, caret - name[1].length - 1, caret, name[1], "@") : null;
}

/**
 * What the TAB key completes: a command or a name, with or without `@`.
 * @param {Model} model
 * @param {string} conv
 * @param {string} text
 * @param {number} caret
 * @returns {Completion | null}
 */
export function completeAt(model, conv, text, caret) {
    const word = /(?:^|\s)([^\s@/]{1,32})$/.exec(text.slice(0, caret));
    return word ? completeName(model, conv, caret - word[1].length, caret, word[1], "") : suggest(model, conv, text, caret);
}

/**
 * A text in which a suggestion was chosen, and where its caret is then.
 * @param {string} text
 * @param {Completion} completion
 * @param {Suggestion} chosen
 * @returns {{ text: string, caret: number }}
 */
export function completed(text, { from, to }, chosen) {
    const rest = text.slice(to);
    const insert = rest.startsWith(" ") && chosen.text.endsWith(" ") ? chosen.text.slice(0, -1) : chosen.text;
    return { text: text.slice(0, from) + insert + rest, caret: from + insert.length };
}

/**
 * @param {number} from
 * @param {number} to
 * @param {Suggestion[]} suggestions
 * @returns {Completion | null}
 */
function completion(from, to, suggestions) {
    return suggestions.length > 0 ? { from, to, suggestions: suggestions.slice(0, MOST) } : null;
}

/**
 * @param {Model} model
 * @param {string} prefix
 * @returns {Suggestion[]}
 */
function commandsLike(model, prefix) {
    const wanted = prefix.toLowerCase();
    return model.commands.map(({ name, usage, help }) => ({ name: name.replace(/^\//, ""), usage, help }))
        .filter(({ name }) => name.startsWith(wanted))
        .map(({ name, usage, help }) => ({ text: `/${name} `, label: usage || `/${name}`, detail: help }));
}

/**
 * Names for a word. At the beginning of a line, the name is followed by a colon: that is whom one speaks to.
 * @param {Model} model
 * @param {string} conv
 * @param {number} from
 * @param {number} to
 * @param {string} prefix
 * @param {string} mark   `@` if it was typed
 * @returns {Completion | null}
 */
function completeName(model, conv, from, to, prefix, mark) {
    const wanted = nameKey(prefix);
    const names = namesIn(model, conv).filter((name) => nameKey(name).startsWith(wanted));
    const text = (/** @type {string} */ name) => (from === 0 ? `${name}: ` : `${mark}${name} `);
    return completion(from, to, names.map((name) => ({ text: text(name), label: name, detail: "" })));
}

/**
 * Whom one may speak of here: first those who spoke last, then whoever is online.
 * @param {Model} model
 * @param {string} conv
 * @returns {string[]}
 */
function namesIn(model, conv) {
    const spoke = model.timeline(conv).rows.filter((row) => !row.mine && !row.event).map((row) => row.from).reverse();
    const online = [...model.people.values()].filter((person) => person.online).map((person) => person.name).sort();
    return [...new Set([...spoke, ...online])].filter((name) => name !== model.me.name);
}

/**
 * The suggestions as a list above the text. The focus stays in the text, which says which of them is chosen.
 * @param {{ id: string, completion: Completion, chosen: number, onChoose: (suggestion: Suggestion) => void }} props
 */
export function Suggestions({ id, completion: { suggestions }, chosen, onChoose }) {
    const list = useRef(/** @type {HTMLElement | null} */ (null));
    useLayoutEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [chosen]);
    return html`<ul class="suggestions" role="listbox" id=${id} aria-label=${t("composer.suggestions")} ref=${list}>
        ${suggestions.map((suggestion, n) => html`<li role="option" id=${`${id}-${n}`} key=${suggestion.text}
            aria-selected=${String(n === chosen)} onPointerDown=${(/** @type {Event} */ event) => event.preventDefault()}
            onClick=${() => onChoose(suggestion)}><bdi>${suggestion.label}</bdi> <small>${suggestion.detail}</small></li>`)}
    </ul>`;
}
