/** The list of conversations: rooms, everyone and people, with what is unread in each. */
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "../elements/icons.js";
import { IconButton } from "../elements/button.js";
import { moveFocus } from "../elements/move_focus.js";
import { hrefOf } from "../elements/routes.js";
import { t } from "../common/i18n.js";
import { concerns, whoAndWhere } from "./notify.js";
import { useObservable } from "../common/observable_hook.js";

/** How many people are listed who are online and with whom there is no conversation yet. */
const LISTED = 50;
const collator = new Intl.Collator();

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../common/types.js").Conversation} Conversation
 */

/**
 * All conversations. `shown` is the one in the main pane; `onOpen` opens a dialog by its name.
 * @param {{ model: Model, shown: string, onOpen: (dialog: string) => void }} props
 */
export function Sidebar({ model, shown, onOpen }) {
    useObservable(model);
    const [places, people] = sorted(model);
    const row = (/** @type {Conversation} */ item) =>
        html`<${Row} key=${item.conv} item=${item} model=${model} shown=${shown} />`;
    return html`<nav class="sidebar" aria-label=${t("nav.conversations")} onKeyDown=${moveFocus}>
        <${Announcer} model=${model} shown=${shown} />
        <header class="sidebar-head">
            <${Me} model=${model} onClick=${() => onOpen("account")} />
            <${IconButton} icon="search" label=${t("nav.search")} aria-keyshortcuts="Control+/"
                onClick=${() => onOpen("search")} />
            <${IconButton} icon="settings" label=${t("nav.settings")} onClick=${() => onOpen("settings")} />
        </header>
        <div class="sidebar-lists">
            <div class="section">
                <h2 id="nav-rooms">${t("nav.rooms")}</h2>
                <${IconButton} icon="plus" label=${t("nav.roomsAdd")} onClick=${() => onOpen("rooms")} />
            </div>
            <ul aria-labelledby="nav-rooms">${places.map(row)}</ul>
            <div class="section"><h2 id="nav-people">${t("nav.people")}</h2></div>
            <ul aria-labelledby="nav-people">
                ${people.map(row)}
                <${Others} model=${model} shown=${shown} known=${people} onOpen=${onOpen} />
            </ul>
        </div>
    </nav>`;
}

/**
 * The conversations in the order of the sidebar: the lobby, everyone and other rooms by name; and people, the latest first.
 * @param {Model} model
 * @returns {[Conversation[], Conversation[]]}
 */
export function sorted(model) {
    const rank = (/** @type {Conversation} */ item) => (item.conv === model.lobby ? 0 : item.kind === "everyone" ? 1 : 2);
    const places = model.conversations.filter((item) => item.kind !== "person" && (item.joined || item.kind === "everyone"));
    places.sort((a, b) => rank(a) - rank(b) || collator.compare(a.name, b.name));
    return [places, model.conversations.filter((item) => item.kind === "person")];
}

/**
 * Words for screen readers about private messages and mentions in conversations that are not shown.
 * @param {{ model: Model, shown: string }} props
 */
function Announcer({ model, shown }) {
    const [words, setWords] = useState("");
    useEffect(() => model.onMessage((message, conversation) => {
        if (message.conv !== shown && concerns(message, conversation, { scope: "mine" })) {
            setWords(t("nav.newFrom", { who: whoAndWhere(message) }));
        }
    }), [model, shown]);
    return html`<div class="visually-hidden" role="status">${words}</div>`;
}

/** @param {{ model: Model, onClick: () => void }} props */
function Me({ model, onClick }) {
    const { name, away, account } = model.me;
    const more = away || (!account && t("role.guest"));
    return html`<button type="button" class="me" onClick=${onClick}>
        <span class=${away ? "dot away" : "dot online"}></span>
        <span class="visually-hidden">${t("nav.you")}</span>
        <span class="name"><b dir="auto">${name}</b>${more && html`<small dir="auto">${more}</small>`}</span>
    </button>`;
}

/** @param {{ item: Conversation, model: Model, shown: string }} props */
function Row({ item, model, shown }) {
    const { conv, kind, name } = item;
    const label = kind === "room" ? conv : kind === "everyone" ? t("list.everyone") : name;
    const classes = `conv ${item.unread ? "unread" : ""} ${item.muted ? "muted" : ""}`;
    return html`<li><a class=${classes} href=${hrefOf(conv)} aria-current=${shown === conv ? "page" : undefined}>
        ${kind === "person" && html`<${Presence} model=${model} name=${name} />`}
        <span class="name" dir="auto">${label}</span>
        ${kind === "everyone" && html`<small>${t("nav.everyoneHint")}</small>`}
        ${item.private && html`<${Icon} name="lock" /><${Said} text=${t("nav.private")} />`}
        ${item.muted && html`<${Icon} name="muted" /><${Said} text=${t("nav.muted")} />`}
        ${item.unread > 0 && html`<${Unread} item=${item} />`}
    </a></li>`;
}

/** @param {{ item: Conversation }} props */
function Unread({ item: { unread, unreadMore, mentions, kind } }) {
    const words = [unreadMore ? t("nav.unreadMore", { n: unread }) : t("nav.unread", { n: unread })];
    if (mentions) {
        words.push(t("nav.mentions", { n: mentions }));
    }
    const shown = unread > 99 ? "99+" : String(unread);
    return html`<span class=${mentions || kind === "person" ? "badge strong" : "badge"} aria-hidden="true">
            ${mentions && kind !== "person" ? "@" : ""}${shown}
        </span><${Said} text=${words.join(", ")} />`;
}

/**
 * Words for screen readers only, set apart from what stands before them.
 * @param {{ text: string }} props
 */
export function Said({ text }) {
    return html`<span class="visually-hidden">, ${text}</span>`;
}

/**
 * Whether somebody is online, away or offline: a dot, and words for screen readers.
 * @param {{ model: Model, name: string, online?: boolean, away?: boolean | string }} props
 */
export function Presence({ model, name, online, away }) {
    const person = model.people.get(name);
    const here = online ?? person?.online ?? name === model.me.name;
    const absent = here && (away ?? person?.away);
    const state = absent ? "away" : here ? "online" : "offline";
    const words = state !== "online" && html`<span class="visually-hidden">${t(`nav.${state}`)} </span>`;
    return html`<span class=${`dot ${state}`}>${words}</span>`;
}

/**
 * People who are online, and with whom there is no conversation yet.
 * @param {{ model: Model, shown: string, known: Conversation[], onOpen: (dialog: string) => void }} props
 */
function Others({ model, shown, known, onOpen }) {
    const listed = new Set(known.map((item) => item.name));
    const others = useSorted([...model.people.keys()]).filter((name) => !listed.has(name) && name !== model.me.name);
    const more = others.length - LISTED;
    return html`
        ${others.slice(0, LISTED).map((name) => html`<li key=${name}>
            <a class="conv" href=${hrefOf("@" + name)} aria-current=${shown === "@" + name ? "page" : undefined}>
                <${Presence} model=${model} name=${name} /><span class="name" dir="auto">${name}</span>
            </a>
        </li>`)}
        ${more > 0 && html`<li>
            <button type="button" class="conv" onClick=${() => onOpen("search")}>${t("nav.more", { n: more })}</button>
        </li>`}
        ${known.length + others.length === 0 && html`<li class="hint">${t("nav.alone")}</li>`}`;
}

/**
 * Names in their order; sorted again only if they are others than before, as there may be thousands.
 * @param {string[]} names
 * @returns {string[]}
 */
function useSorted(names) {
    const before = useRef({ names: [""], sorted: [""] });
    if (names.length !== before.current.names.length || names.some((name, place) => name !== before.current.names[place])) {
        before.current = { names, sorted: [...names].sort(collator.compare) };
    }
    return before.current.sorted;
}
