"""The commands: one table, from which `/help`, the checks and the documents come, and the functions under it.

A function begins at its real work: arguments have been counted, and what is wrong it raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from lanchat import packet as wire
from lanchat.errors import UnknownCommand, Usage
from lanchat.names import MAX_NAME
from lanchat.packet import EVERYONE, Packet, visible
from lanchat.router import NAMES_A_PACKET, Router
from lanchat.session import Session

#: What a hello can be granted.
CAPS = frozenset({"id", "ack", "ping", "presence"})
#: What a welcome tells of the limits.
LIMITS = {"packet": wire.MAX_PACKET, "msg": wire.MAX_MSG, "name": MAX_NAME, "cid": wire.MAX_CID}
#: Names that a list has at the most, for what it costs: there is no room for more.
MAX_LISTED = 8000
#: Characters of the last words that others are shown.
MAX_LAST_WORDS = 200

STANDARD = (
    'A packet is one JSON object on a line of its own: {"from":{"name":"YOU","ip":""},"to":"WHOM","msg":"TEXT"}. '
    "WHOM is a user, Everyone, or a command such as /help; the server fills in who it is from."
)

#: What a command is called with: the router, who asks, the packet, and the arguments (the named ones, "" where not given).
Run = Callable[[Router, Session, Packet, list[str]], None]


class Command(NamedTuple):
    """What can be asked of the server at `/name`."""

    run: Run
    #: The arguments, which may be given as members of `x` with these names; the last takes the rest of the text.
    args: tuple[str, ...]
    #: How many of them can't be left out.
    min_args: int
    help: str

    def usage(self, name: str) -> str:
        """How the command is written: capitals stand for something, brackets for what may be left out."""
        shown = [arg.upper() if n < self.min_args else f"[{arg.upper()}]" for n, arg in enumerate(self.args)]
        return " ".join([name, *shown])


def run(router: Router, session: Session, packet: Packet) -> None:
    """Run the command that a packet is addressed to; raises `UnknownCommand`, or what the command raises."""
    name, command = _find(packet.to)
    args = _arguments(command, packet, session.caps is not None)
    if not all(arg.strip() for arg in args[: command.min_args]):
        raise Usage(f"Usage: {command.usage(name)} ({command.help})")
    command.run(router, session, packet, args)


def _find(text: str) -> tuple[str, Command]:
    name = text.lower()
    if name not in COMMANDS:
        raise UnknownCommand(f"There is no command {visible(text, 40)}. Send /help to see those there are.")
    return name, COMMANDS[name]


def _arguments(command: Command, packet: Packet, capable: bool) -> list[str]:
    named = [getattr(packet.x, arg, None) for arg in command.args] if capable else []
    if any(value is not None for value in named):
        *first, last = named
        return [*(value or "" for value in first), packet.msg if last is None else last]
    if len(command.args) < 2:
        return [packet.msg]
    given = re.split(r"\s", packet.msg.lstrip(), maxsplit=len(command.args) - 1)
    return given + [""] * (len(command.args) - len(given))


def _hello(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    if not packet.is_hello:
        hello = '{"from":{"name":"YOU","ip":""},"to":"/hello","msg":"lanchat","x":{"v":1,"caps":[]}}'
        raise Usage(f"A hello is for programs: {hello}.")
    if session.caps is not None:
        raise Usage("You have said hello already; once is enough.")
    asked = (packet.x and packet.x.caps) or ()
    caps = CAPS.intersection(cap for cap in asked if isinstance(cap, str))
    session.caps, session.greeted = caps, True
    if "ping" in caps:
        router.pulse.watch(session)
    if "presence" in caps:
        router.presence.watch(session)
    granted = {"v": 1, "caps": sorted(caps), "limits": LIMITS, "ts": router.timestamp()}
    router.reply(session, packet, router.welcome_text(session), op="welcome", **granted)


def _help(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    if args[0].strip():
        name, command = _find("/" + args[0].strip().removeprefix("/"))
        about, told = f"Usage: {command.usage(name)} ({command.help})", {name: command}
    else:
        lines = [f"{command.usage(name)} - {command.help}" for name, command in COMMANDS.items()]
        about, told = "\n".join(["Commands:", *lines]), COMMANDS
    data = [{"name": name, "usage": command.usage(name), "help": command.help} for name, command in told.items()]
    router.reply(session, packet, about, commands=data)


def _standard(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    router.reply(session, packet, STANDARD)


def _time(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    now = datetime.fromtimestamp(router.now()).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    router.reply(session, packet, f"Server time: {now}", time=now)


def _list(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    router.charge(session, min(len(router.registry), MAX_LISTED) / NAMES_A_PACKET)
    # Room for the words round the names.
    text, names, total = router.online(session, args[0].strip(), wire.MAX_MSG - 100)
    router.reply(session, packet, text, names=names, n=total)


def _shout(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    router.say(session, msgspec.structs.replace(packet, to=EVERYONE, msg=args[0]))


def _pm(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    router.say(session, msgspec.structs.replace(packet, to=args[0], msg=args[1]))


def _pong(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    """That it came is all there is to know, and the connection has noticed."""


def _quit(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    last_words = visible(args[0].strip(), MAX_LAST_WORDS)
    router.close(session, "GONE", "Goodbye", why="quit", packet=packet, last_words=last_words)


COMMANDS: dict[str, Command] = {
    "/help": Command(_help, ("command",), 0, "the commands, or how one of them is used"),
    "/list": Command(_list, ("prefix",), 0, "who is online, or whose name begins so"),
    "/pm": Command(_pm, ("user", "text"), 2, "say something to one user"),
    "/quit": Command(_quit, ("text",), 0, "leave, with last words for those who watch"),
    "/shout": Command(_shout, ("text",), 1, "say something to everyone"),
    "/standard": Command(_standard, (), 0, "what a packet looks like"),
    "/time": Command(_time, (), 0, "the server's time"),
    "/pong": Command(_pong, (), 0, "for programs: the answer to a ping"),
    "/hello": Command(_hello, (), 0, "for programs: ask for more than the classic protocol"),
}
