/** What a line means that a user typed in a conversation: a text for it, or a command. */

/** Commands whose arguments are passwords, and commands whose text others read. */
const SECRET = new Set(["/login", "/register", "/password"]);
const SAYING = new Set(["/say", "/me", "/pm", "/shout", "/notice", "/reply", "/edit", "/react", "/away"]);
/** Of these, commands whose text may have several lines. */
const SEVERAL_LINES = new Set(["/say", "/me", "/pm", "/shout", "/notice", "/reply", "/edit"]);
/** A line that looks like a command with a password, also under the names that other chats give it. */
const SECRETS = "login|register|password|auth|identify|pass|passwd|signin|signup";
const LOOKS_SECRET = new RegExp(`^[\\s\\p{Cf}]*[/／⁄∕\\\\＼]\\s*(?:${SECRETS})(?![\\p{L}\\p{N}])`, "iu");
const INVISIBLE_START = /^[\s\p{Cf}\p{Cc}]*/u;
/** What keyboards put in place of a slash. */
const SLASH = /^[/／⁄∕]/u;

/**
 * @typedef {{ kind: "text", text: string } | { kind: "command", name: string, args: string }
 *     | { kind: "unclear", why: "secret"|"lines" }} TypedLine A line that was read. "secret": it looks like a command with a
 *     password, which others would read; "lines": a command is a single line.
 */

/**
 * Read a line, or a text of several lines. `/WORD ARGUMENTS` is a command; `//TEXT` and `/say TEXT` are the text as it is.
 * @param {string} line
 * @returns {TypedLine}
 */
export function readLine(line) {
    const start = line.replace(INVISIBLE_START, "");
    if (!SLASH.test(start)) {
        return textWithoutSecret(line);
    }
    const rest = start.slice(1);
    if (SLASH.test(rest)) {
        const further = rest.split("\n").slice(1).join("\n");
        return looksSecret(further) ? { kind: "unclear", why: "secret" } : { kind: "text", text: `/${rest.slice(1)}` };
    }
    const [word] = rest.split(/\s/u, 1);
    const name = `/${word.normalize("NFKC").toLowerCase()}`, args = rest.slice(word.length + 1);
    if (name === "/say") {
        return { kind: "text", text: args };
    }
    if ((!SECRET.has(name) && looksSecret(start)) || (SAYING.has(name) && looksSecret(afterWord(args)))) {
        return { kind: "unclear", why: "secret" };
    }
    if (!SEVERAL_LINES.has(name) && start.trim().includes("\n")) {
        return { kind: "unclear", why: "lines" };
    }
    return { kind: "command", name, args };
}

/**
 * Whether a line may have a password in it, so that it is not to be kept as a draft or in a history.
 * @param {string} line
 */
export function mayHaveSecret(line) {
    return looksSecret(line);
}

/**
 * @param {string} text
 * @returns {TypedLine}
 */
function textWithoutSecret(text) {
    return looksSecret(text) ? { kind: "unclear", why: "secret" } : { kind: "text", text };
}

/** @param {string} text */
function looksSecret(text) {
    return text.split("\n").some((line) => LOOKS_SECRET.test(line.slice(0, 64)));
}

/** @param {string} args What follows a command: all of it, and what follows its first word on a line of its own. */
function afterWord(args) {
    return `${args}\n${args.trimStart().replace(/^\S+\s?/u, "")}`;
}
