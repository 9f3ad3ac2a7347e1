"""More than text: what somebody does (`/me`), notices, replies, edits, withdrawals and reactions."""

from __future__ import annotations

from msgspec.structs import replace

from lanchat.commands.command import Command, Run
from lanchat.commands.moderation import MAX_REASON
from lanchat.core.chat import Chat
from lanchat.model.session import Role, Session
from lanchat.protocol.entry import ACTION, EDIT, NOTICE, REACT, WITHDRAW
from lanchat.protocol.errors import Usage
from lanchat.protocol.extensions import X
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import Packet, is_visible

#: Characters of a reaction, at most.
MAX_REACTION = 32


def _saying(kind: str) -> Run:
    """The function of a command that says a text of this kind, as if the packet were addressed to its target."""

    def say(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work | None:
        x = None if packet.x is None else replace(packet.x, kind=None)
        return chat.messages.say(session, replace(packet, to=args[0], msg=args[1], x=x), kind)

    return say


async def _reply(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    name, text = args
    original, to = await chat.changes.find(session, name.strip())
    said = replace(packet, to=to, msg=text, x=replace(packet.x or X(), re=chat.delivery.id_of(original)))
    if (work := chat.messages.say(session, said)) is not None:
        await work


def _edit(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work:
    return chat.changes.change(session, packet, EDIT, args[0].strip(), args[1])


def _withdraw(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work:
    why = args[1].strip()
    if len(why) > MAX_REASON or not is_visible(why):
        raise Usage(f"A reason has at most {MAX_REASON} characters, all of them visible.")
    return chat.changes.change(session, packet, WITHDRAW, args[0].strip(), why=why)


def _react(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work:
    text = args[1].strip()
    if len(text) > MAX_REACTION or not is_visible(text):
        raise Usage(f"A reaction has at most {MAX_REACTION} characters, all of them visible.")
    return chat.changes.change(session, packet, REACT, args[0].strip(), text)


COMMANDS = {
    "/me": Command(_saying(ACTION), ("target", "text"), 2, "say what you do, as in: /me #ops waves"),
    "/notice": Command(_saying(NOTICE), ("target", "text"), 2, "say something that needs no answer"),
    "/reply": Command(_reply, ("id", "text"), 2, "reply to a message: its id, its number, or last"),
    "/edit": Command(
        _edit, ("id", "text"), 2, "replace the text of a message of yours: its id, its number, or last", Role.USER
    ),
    "/withdraw": Command(_withdraw, ("id", "text"), 1, "take back a message of yours, for everybody; TEXT says why"),
    "/react": Command(_react, ("id", "text"), 1, "react to a message; without TEXT, take the reaction back", Role.USER),
}
