"""Command: what can be asked of the server, as a row of a table. `/help`, the checks and the documents come from such rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from lanchat.core.chat import Chat
from lanchat.model.session import Role, Session
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import Packet, X

#: What is written behind the arguments of a list for those after so many.
_AFTER = re.compile(r"(?:^|\s)after:([0-9]{1,9})\s*$", re.IGNORECASE)
#: The gateways at which clients send packets, and nobody types.
JSON = ("json", "tls")

#: What a command is called with: the chat, who asks, the packet, and the arguments (the named ones, "" where not given).
#: What may take a while is returned, to be waited for.
Run: TypeAlias = Callable[[Chat, Session, Packet, list[str]], Work | None]


class Command(NamedTuple):
    """What can be asked of the server at `/name`.

    A function begins at its real work: who asks may, arguments have been counted, and what is wrong it raises.
    """

    run: Run
    #: The arguments, which may be given as members of `x` with these names; the last takes the rest of the text.
    args: tuple[str, ...]
    #: How many of them can't be left out.
    min_args: int
    help: str
    #: Who may ask it.
    role: Role = Role.GUEST
    #: Whether the first server took no text with it. Its clients ask for one all the same, so what they send is no argument.
    textless: bool = False
    #: What the arguments are called where people read of them, if that is not what the members of `x` are called.
    called: tuple[str, ...] = ()

    def usage(self, name: str) -> str:
        """How the command is written: capitals stand for something, brackets for what may be left out."""
        called = self.called or self.args
        shown = [arg.upper() if n < self.min_args else f"[{arg.upper()}]" for n, arg in enumerate(called)]
        return " ".join([name, *shown])

    def arguments(self, packet: Packet, session: Session) -> list[str]:
        """What the packet says: one text for each of `args`."""
        if self.textless and not session.framed:
            return [""] * len(self.args)
        named = [_text(packet, arg) for arg in self.args] if session.caps is not None else []
        if any(value is not None for value in named):
            *first, last = named
            return [*(value or "" for value in first), packet.msg if last is None else last]
        if len(self.args) < 2:
            return [packet.msg]
        given = re.split(r"\s", packet.msg.lstrip(), maxsplit=len(self.args) - 1)
        return given + [""] * (len(self.args) - len(given))


def named(session: Session, packet: Packet) -> X:
    """The arguments that a program gave as members of `x`. A classic client's `x` is none, whatever it has."""
    return (packet.x if session.caps is not None else None) or X()


def part(session: Session, packet: Packet, text: str) -> tuple[str, int]:
    """What is to be listed, and after how many of it, which may be written behind it as `after:N`, or be `x.after`."""
    after = packet.x.after if session.caps is not None and packet.x is not None else None
    if not text and after is None:
        return text, 0
    typed = _AFTER.search(text)
    return text[: typed.start() if typed else None].strip(), max(int(typed[1]) if typed else after or 0, 0)


def sends_any_text(session: Session) -> bool:
    """Whether an argument that fits nothing is none: clients like the first ones ask for a text with each command."""
    return session.caps is None and session.gateway in JSON


def is_emptied(session: Session, packet: Packet, arg: str) -> bool:
    """Whether a capable client gave an empty text for this argument, which is not the same as none."""
    given = getattr(named(session, packet), arg)
    return given is not None and not given.strip()


def _text(packet: Packet, arg: str) -> str | None:
    value = getattr(packet.x, arg, None)
    return value if value is None or isinstance(value, str) else str(value)
