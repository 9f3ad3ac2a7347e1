/**
 * What people wrote, as nodes: links, `code`, ```blocks```, their own name. Nothing in it is ever taken for markup: all of it
 * becomes text nodes and attributes. Line breaks are kept by the style sheet (`white-space: pre-wrap`).
 *
 * Every step takes time in proportion to the text, whatever it is, and a text gets at most `MOST_PIECES` nodes.
 */

import { html } from "../vendor/preact.js";

/** The most nodes of one text; what follows is plain. */
const MOST_PIECES = 1000;

/** Characters that turn the direction of writing or can't be seen; no link contains them. */
const UNSEEN = "\\u0000-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff";

/** What ends a link: blanks, and what mostly surrounds one. */
const NO_LINK = `\\s<>"\`${UNSEEN}`;

const INLINE = new RegExp(
    "`(?=[^\\S\\n]*[^`\\s])(?<code>[^`\\n]+)`"
    + `|(?<![\\p{L}\\p{N}_])(?<link>(?:https?://|mailto:)[^${NO_LINK}]+)`
    + `|(?<![^\\s(])(?<own>#/(?:everyone(?![\\p{L}\\p{N}/])|(?:room|person)/[^${NO_LINK}]+))`,
    "giu",
);

/** Punctuation after a link that belongs to the sentence. */
const TRAILING = ".,;:!?'’”»…*_~]}|";

/**
 * The nodes of a text.
 * @param {string} text
 * @param {string} [me]  the reader's name: where it occurs it is marked as a mention
 * @returns {any[]}
 */
export function richText(text, me = "") {
    const mentions = mentionsOf(me);
    /** @type {any[]} */
    const nodes = [];
    for (const [kind, part] of blocks(text)) {
        if (kind === "block") {
            nodes.push(html`<pre dir="auto"><code>${part}</code></pre>`);
        } else {
            inline(part, mentions, nodes);
        }
    }
    return nodes;
}

/**
 * Splits a text at its ```blocks```. A fence that is not closed is text.
 * @param {string} text
 * @returns {Array<["block" | "text", string]>}
 */
function blocks(text) {
    /** @type {Array<["block" | "text", string]>} */
    const parts = [];
    let at = 0;
    while (parts.length < MOST_PIECES) {
        const open = text.indexOf("```", at);
        const close = open < 0 ? -1 : text.indexOf("```", open + 3);
        if (close < 0) {
            break;
        }
        const inside = text.slice(open + 3, close).replace(/^[\w+-]*\n/, "").replace(/\n$/, "");
        if (open > at) {
            parts.push(["text", text.slice(at, open).replace(/\n$/, "")]);
        }
        parts.push(inside.trim() === "" ? ["text", text.slice(open, close + 3)] : ["block", inside]);
        at = close + 3;
        at += text[at] === "\n" ? 1 : 0;
    }
    if (at < text.length) {
        parts.push(["text", text.slice(at)]);
    }
    return parts;
}

/**
 * Adds the nodes of a text without blocks.
 * @param {string} text
 * @param {RegExp | null} mentions
 * @param {any[]} nodes
 */
function inline(text, mentions, nodes) {
    let at = 0;
    for (const match of text.matchAll(INLINE)) {
        if (nodes.length >= MOST_PIECES) {
            break;
        }
        const { code, link, own } = /** @type {Record<string, string | undefined>} */ (match.groups);
        const shown = code === undefined ? trimmed(link ?? own ?? "") : match[0];
        const node = code === undefined ? linkNode(shown) : html`<code>${code}</code>`;
        if (node) {
            plain(text.slice(at, match.index), mentions, nodes);
            nodes.push(node);
            at = match.index + shown.length;
        }
    }
    plain(text.slice(at), mentions, nodes);
}

/**
 * A link without what belongs to the sentence around it: a full stop, or a parenthesis that was opened before it.
 * @param {string} link
 * @returns {string}
 */
function trimmed(link) {
    let surplus = link.split(")").length - link.split("(").length;
    let end = link.length;
    for (; end > 0; end--) {
        const last = link[end - 1];
        if (last === ")" && surplus > 0) {
            surplus--;
        } else if (!TRAILING.includes(last)) {
            break;
        }
    }
    return link.slice(0, end);
}

/**
 * The node of a link; null if it leads nowhere. Links to this page stay in this window.
 * @param {string} shown
 * @returns {any}
 */
function linkNode(shown) {
    if (shown.startsWith("#/")) {
        return html`<a href=${shown} dir="auto">${shown}</a>`;
    }
    const url = parsed(shown);
    if (!url) {
        return null;
    }
    if (url.origin === location.origin && url.pathname === location.pathname && url.hash.startsWith("#/")) {
        return html`<a href=${url.hash} dir="auto">${shown}</a>`;
    }
    return html`<a href=${url.href} title=${url.href.slice(0, 300)} dir="auto" target="_blank"
        rel="noopener noreferrer">${shown}</a>`;
}

/**
 * The address in a link; null if it is none, or not of a kind that is safe to follow.
 * @param {string} shown
 * @returns {URL | null}
 */
function parsed(shown) {
    try {
        const url = new URL(shown);
        const web = (url.protocol === "https:" || url.protocol === "http:") && url.hostname !== "";
        return web || (url.protocol === "mailto:" && url.pathname.includes("@")) ? url : null;
    } catch {
        return null;
    }
}

/**
 * Adds a text in which only mentions of the reader are marked.
 * @param {string} text
 * @param {RegExp | null} mentions
 * @param {any[]} nodes
 */
function plain(text, mentions, nodes) {
    let at = 0;
    for (const match of mentions ? text.matchAll(mentions) : []) {
        if (nodes.length >= MOST_PIECES) {
            break;
        }
        nodes.push(text.slice(at, match.index), html`<strong class="mention">${match[0]}</strong>`);
        at = match.index + match[0].length;
    }
    if (at < text.length) {
        nodes.push(text.slice(at));
    }
}

let patternFor = "";
/** @type {RegExp | null} */
let pattern = null;

/**
 * Where a name occurs as a word of its own; null without a name. The last pattern is kept, as all messages have the same.
 * @param {string} name
 * @returns {RegExp | null}
 */
function mentionsOf(name) {
    if (name !== patternFor) {
        patternFor = name;
        pattern = new RegExp(`(?<![\\p{L}\\p{N}_])@?${escaped(name)}(?![\\p{L}\\p{N}_])`, "giu");
    }
    return name ? pattern : null;
}

/**
 * A text as part of a pattern in which it stands for itself.
 * @param {string} text
 * @returns {string}
 */
function escaped(text) {
    return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
