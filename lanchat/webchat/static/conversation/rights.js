/** What somebody may do with a message. */

/** @import { Message, Me, Conversation } from "../common/types.js" */

/** @typedef {ReturnType<typeof rightsOf>} Rights */

/**
 * What somebody may do with a message. The server decides; this only leaves out what it would refuse.
 * @param {Message} message
 * @param {Me} me
 * @param {Conversation | undefined} conversation
 */
export function rightsOf(message, me, conversation) {
    const there = message.state === "sent" && !message.withdrawn && !message.event;
    const stored = there && message.seq > 0;
    const decides = ["moderator", "operator"].includes(me.role) || ["operator", "owner"].includes(conversation?.rank ?? "");
    return {
        reply: there && message.id !== "",
        react: stored && me.account,
        edit: stored && me.account && message.mine && !message.bot,
        withdraw: stored && me.account && (message.mine || (decides && conversation?.kind === "room")),
        link: stored,
    };
}
