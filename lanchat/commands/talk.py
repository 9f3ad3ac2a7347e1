"""Talk: who is online, messages to a user and to everyone, leaving; and two commands for programs."""

from __future__ import annotations

from datetime import datetime

import msgspec

from lanchat.commands.command import Command, list_argument, sends_any_text
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.model.session import Role, Session
from lanchat.protocol import packet as wire
from lanchat.protocol.interfaces import Work
from lanchat.protocol.name_lists import online_users
from lanchat.protocol.packet import EVERYONE, Packet, visible

#: How many names a list is charged for, at most, as no more fit into a packet.
MAX_LISTED = 8000
#: Characters of the goodbye message that others are shown, at most.
MAX_GOODBYE_MESSAGE = 200

STANDARD = (
    'A packet is one JSON object, alone on a line: {"from":{"name":"YOU","ip":""},"to":"TARGET","msg":"TEXT"}. '
    "TARGET is a user, Everyone, or a command such as /help; the server fills in the sender."
)


def _standard(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    chat.reply(session, packet, STANDARD)


def _time(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    now = datetime.fromtimestamp(chat.now()).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    chat.reply(session, packet, f"Server time: {now}", time=now)


def _list(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    prefix, after = list_argument(session, packet, args[0])
    chat.charge(session, min(len(chat.online), MAX_LISTED + after) / NAMES_A_PACKET)
    room = wire.MAX_MSG - 200  # (the rest is for the words around the names)
    names, total, prefix = chat.online.others(session, prefix, room, after)
    if not total and sends_any_text(session):
        names, total, prefix = chat.online.others(session, "", room)
    more = after + len(names) < total
    ask = " ".join(["/list", visible(prefix, 64)][: 1 + bool(prefix)]) if more else ""
    chat.reply(session, packet, online_users(names, total, prefix, after, ask), names=names, n=total, more=more or None)


def _shout(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work | None:
    return chat.messages.say(session, msgspec.structs.replace(packet, to=EVERYONE, msg=args[0]))


def _pm(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work | None:
    return chat.messages.say(session, msgspec.structs.replace(packet, to=args[0], msg=args[1]))


def _pong(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    """Do nothing: the connection has noted already that something came from this client."""


async def _quit(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    goodbye_message = visible(args[0].strip(), MAX_GOODBYE_MESSAGE)
    if session.pending:
        await chat.stored.settled()  # the answers to earlier packets come before the goodbye
    chat.close(session, "GONE", "Goodbye", why="quit", packet=packet, goodbye_message=goodbye_message)


COMMANDS = {
    "/list": Command(_list, ("prefix",), 0, "list who is online; with PREFIX, only names that start with it", textless=True),
    "/pm": Command(_pm, ("user", "text"), 2, "say something to one user"),
    "/quit": Command(_quit, ("text",), 0, "disconnect, with an optional goodbye message", Role.PENDING, textless=True),
    "/shout": Command(_shout, ("text",), 1, "say something to everyone"),
    "/time": Command(_time, (), 0, "show the server's time", textless=True),
}
#: Commands for programs, which come last in the help.
PROGRAMS = {
    "/standard": Command(_standard, (), 0, "for programs: show what a packet looks like", textless=True),
    "/pong": Command(_pong, (), 0, "for programs: the answer to a ping"),
}
