/** Does what typed lines say. Most commands go to the server as they are; the page does some of them itself. */

import { ServerError, offline } from "../common/errors.js";
import { loadLaterTexts, t } from "../common/i18n.js";
import { EVERYONE, kindOf, roomName } from "../common/names.js";
import { readLine } from "./typed_lines.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {{ text: string }|null} Answer What to show, if anything. */

/** How much text of an answer in several packets is shown, in characters. */
const MOST_TEXT = 20_000;

/**
 * Do what a typed line says.
 * @param {Model} model
 * @param {string} line
 * @param {string} conv The conversation in which it was typed.
 * @returns {Promise<Answer>} Rejected with a `ServerError`.
 */
export async function runLine(model, line, conv) {
    const typed = readLine(line);
    await loadLaterTexts().catch(() => Promise.reject(offline()));
    if (typed.kind === "unclear") {
        throw new ServerError("USAGE", typed.why === "secret" ? t("core.secret") : t("core.lines"));
    }
    if (typed.kind === "text") {
        await model.send(conv, typed.text);
        return null;
    }
    const own = OWN[typed.name];
    return own !== undefined ? own(model, typed.args.trim(), conv)
        : ask(model, typed.name, withConversation(typed.name, typed.args, conv));
}

/** @type {{ [name: string]: (model: Model, args: string, conv: string) => Promise<Answer> }} */
const OWN = {
    "/me": (model, args, conv) => say(model, conv, args, { kind: "action" }, "/me TEXT"),
    "/notice": (model, args, conv) => say(model, conv, args, { kind: "notice" }, "/notice TEXT"),
    "/shout": (model, args) => say(model, EVERYONE, args, {}, "/shout TEXT"),
    "/reply": async (model, args, conv) => {
        const [re, text] = split(args), message = model.timeline(conv).get(re);
        return message === undefined ? ask(model, "/reply", args) : say(model, message.conv, text, { re }, "/reply ID TEXT");
    },
    "/pm": async (model, args) => {
        const [name, text] = split(args);
        needed(text, "/pm USER TEXT");
        model.open(`@${name.replace(/^@/u, "")}`);
        return say(model, model.current, text, {}, "/pm USER TEXT");
    },
    "/to": async (model, args) => {
        model.open(args === "" ? EVERYONE : /^[#@]/u.test(args) ? args : `@${args}`);
        return null;
    },
    "/join": async (model, args) => {
        const [room, key] = split(args);
        model.open(await model.join(roomName(needed(room, "/join ROOM")), key.trim()));
        return null;
    },
    "/create": async (model, args) => {
        const [room, rest] = split(args);
        model.open(await model.create(needed(room, "/create ROOM [private]"), rest.trim().toLowerCase() === "private"));
        return null;
    },
    "/leave": async (model, args, conv) => {
        const [room, reason] = split(args);
        await model.leave(room || conv, reason.trim());
        return null;
    },
    "/away": async (model, args) => {
        await model.setAway(args);
        return null;
    },
    "/back": async (model) => {
        await model.setAway(null);
        return null;
    },
    "/name": async (model, args) => {
        await model.session.rename(needed(args, "/name NAME"));
        return null;
    },
    "/register": async (model, args) => {
        await model.session.register(needed(args, "/register PASSWORD"));
        return null;
    },
    "/password": async (model, args) => {
        const [old, password] = split(args);
        await model.session.changePassword(old, needed(password.trim(), "/password OLD NEW"));
        return null;
    },
    "/quit": async (model) => {
        model.session.quit();
        return null;
    },
};

/**
 * @param {Model} model
 * @param {string} conv
 * @param {string} text
 * @param {{ re?: string, kind?: ""|"action"|"notice" }} options
 * @param {string} usage
 */
async function say(model, conv, text, options, usage) {
    await model.send(conv, needed(text, usage), options);
    return null;
}

/**
 * Let the server do it.
 * @param {Model} model
 * @param {string} name
 * @param {string} args
 * @returns {Promise<Answer>}
 */
async function ask(model, name, args) {
    const answer = await model.session.request(name, args);
    const lines = (answer.batch ?? []).filter((packet) => packet.msg !== "").map((packet) => `${packet.from}: ${packet.msg}`);
    const text = [...lines, answer.msg].filter(Boolean).join("\n").slice(0, MOST_TEXT);
    return text === "" ? null : { text };
}

/**
 * The arguments of a command about a conversation; if they do not say which, the one in which it was typed.
 * @param {string} name
 * @param {string} args
 * @param {string} conv
 */
function withConversation(name, args, conv) {
    const given = args.trim();
    if (kindOf(conv) === "room" && name === "/topic" && !given.startsWith("#")) {
        return `${conv} ${given}`.trim();
    }
    if (kindOf(conv) === "room" && /^\/(?:un)?invite$/u.test(name) && /^\S+$/u.test(given)) {
        return `${given} ${conv}`;
    }
    const isMissing = (name === "/notify" && /^(?:on|off)$/iu.test(given)) || (name === "/read" && given === "")
        || (/^\/(?:topic|rules|members|people|history)$/u.test(name) && given === "");
    return isMissing && kindOf(conv) !== "everyone" ? `${conv} ${given}`.trim() : args;
}

/**
 * The first word, and what follows it.
 * @param {string} text
 * @returns {[string, string]}
 */
function split(text) {
    const [word] = text.split(/\s/u, 1);
    return [word, text.slice(word.length + 1)];
}

/**
 * An argument that has to be there.
 * @param {string} argument
 * @param {string} usage
 */
function needed(argument, usage) {
    if (argument.trim() === "") {
        throw new ServerError("USAGE", t("core.usage", { usage }));
    }
    return argument;
}
