/** The dialog that finds messages, rooms and people. */
import { html, useRef, useState } from "../vendor/preact.js";
import { Dialog } from "../elements/dialog.js";
import { ErrorText, Form, useTask } from "../elements/form.js";
import { moveFocus } from "../elements/move_focus.js";
import { nameKey } from "../common/names.js";
import { hrefOf } from "../elements/routes.js";
import { withValue } from "../elements/fields.js";
import { dateAndTime } from "../elements/dates.js";
import { t } from "../common/i18n.js";
import { markWords } from "./marks.js";

/** How many rooms and people are proposed. */
const PROPOSED = 8;

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../common/types.js").Message} Message
 * @typedef {import("../common/types.js").Found} Found
 */

/** @param {{ model: Model, onClose: () => void }} props */
export function Search({ model, onClose }) {
    const [typed, setTyped] = useState("");
    const [query, setQuery] = useState("");
    const [found, setFound] = useState(/** @type {Found | null} */ (null));
    const older = useTask();
    const list = useRef(/** @type {HTMLElement | null} */ (null));
    const search = async () => {
        if (typed.trim()) {
            setFound(await model.search(typed.trim()));
            setQuery(typed.trim());
        }
    };
    const more = async () => {
        const page = await model.search(query, found?.before);
        setFound({ ...page, messages: [...(found?.messages ?? []), ...page.messages] });
    };
    const enterList = (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "ArrowDown") {
            list.current?.querySelector("a")?.focus();
            event.preventDefault();
        }
    };
    const result = (/** @type {Message} */ message) =>
        html`<${Result} key=${message.id} message=${message} query=${query} onClose=${onClose} />`;
    return html`<${Dialog} title=${t("search.title")} onClose=${onClose} wide>
        <${Form} class="search" onSubmit=${search}>
            <input enterkeyhint="search" aria-label=${t("search.placeholder")} placeholder=${t("search.placeholder")}
                dir="auto" autofocus autocomplete="off" maxlength="500" value=${typed} onKeyDown=${enterList}
                onInput=${withValue(setTyped)} />
            <button class="primary">${t("search.title")}</button>
        <//>
        <div class="results" ref=${list} onKeyDown=${moveFocus}>
            <${Places} model=${model} typed=${typed} onClose=${onClose} />
            ${found && html`<h3>${t("search.messages")}</h3>
                ${found.messages.length === 0 && html`<p class="hint" role="status">${t("search.none")}</p>`}
                <ul>${found.messages.map(result)}</ul>
                ${found.more && html`<button type="button" disabled=${older.busy} onClick=${() => older.run(more)}>
                    ${t("search.before")}
                </button>`}
                <${ErrorText} text=${older.error} />`}
            ${!found && html`<p class="hint">${t("search.hint")}</p>`}
        </div>
    <//>`;
}

/**
 * Rooms and people whose names contain what was typed.
 * @param {{ model: Model, typed: string, onClose: () => void }} props
 */
function Places({ model, typed, onClose }) {
    const wanted = typed.trim().toLowerCase();
    const known = model.conversations.map((item) => item.conv);
    const people = [...model.people.values()].map((person) => "@" + person.name);
    const typedPerson = /^@[^\s/]+$/.test(wanted) ? [typed.trim()] : [];
    const found = [...known, ...people].filter((conv) => conv.toLowerCase().includes(wanted));
    const places = [...new Map([...typedPerson, ...found].map((conv) => [nameKey(conv), conv])).values()];
    return wanted && places.length > 0 && html`<h3>${t("search.goto")}</h3>
        <ul class="places">${places.slice(0, PROPOSED).map((conv) => html`<li key=${conv}>
            <a href=${hrefOf(conv)} onClick=${onClose} dir="auto">${conv === "Everyone" ? t("list.everyone") : conv}</a>
        </li>`)}</ul>`;
}

/** @param {{ message: Message, query: string, onClose: () => void }} props */
function Result({ message, query, onClose }) {
    const { conv, file, from, id, snippet, text, time } = message;
    return html`<li><a class="result" href=${hrefOf(conv, id)} onClick=${onClose}>
        <span class="about">
            <b dir="auto">${from}</b> <span dir="auto">${conv === "Everyone" ? t("list.everyone") : conv}</span>${" "}
            <time datetime=${new Date(time).toISOString()}>${dateAndTime(time)}</time>
        </span>
        ${file && file.name !== text && html`<small dir="auto">${file.name}</small>`}
        <span class="snippet" dir="auto">${markWords(snippet || text.slice(0, 120), query)}</span>
    </a></li>`;
}
