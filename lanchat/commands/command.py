"""Command: a row of the table of commands, from which `/help` and the checks of arguments are made."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from lanchat.core.chat import Chat
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.errors import Usage
from lanchat.protocol.extensions import X
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import Packet

#: How the next part of a long list is asked for: `/rooms after:300`.
_AFTER = re.compile(r"(?:^|\s)after:([0-9]{1,9})\s*$", re.IGNORECASE)
#: The gateways at which programs send packets, and nobody types.
JSON = ("json", "tls")

#: The function of a command. It is called with the chat, the session that asks, the packet, and the values of `Command.args`
#: ("" for those that were not given). What has to wait is returned.
Run: TypeAlias = Callable[[Chat, Session, Packet, list[str]], Work | None]


class Command(NamedTuple):
    """A command, whose name is its key in the table.

    Before `run` is called, the role of the user and the number of arguments have been checked. It raises a `ChatError` for what
    else is wrong.
    """

    run: Run
    #: The names of the arguments. Programs may send them as members of `x`; in a text the last one takes the rest.
    args: tuple[str, ...]
    #: How many of the arguments are required.
    min_args: int
    #: What the command does, in one line.
    help: str
    #: The role that is needed.
    role: Role = Role.GUEST
    #: Whether the first server ignored the text of this command. Its clients send one all the same, so it is no argument.
    textless: bool = False
    #: The names of the arguments in the help, if they differ from those of the members of `x`.
    called: tuple[str, ...] = ()

    def usage(self, name: str) -> str:
        """How the command is written: `/join ROOM`; optional arguments are in brackets."""
        called = self.called or self.args
        shown = [arg.upper() if n < self.min_args else f"[{arg.upper()}]" for n, arg in enumerate(called)]
        return " ".join([name, *shown])

    def arguments(self, packet: Packet, session: Session) -> list[str]:
        """The arguments in a packet, a text for each of `args`; "" for one that was not given."""
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
    """The arguments that a capable client sent as members of `x`. The `x` of a classic client is ignored."""
    return (packet.x if session.caps is not None else None) or X()


def account_of(session: Session) -> Account:
    """The account of a session that asks for a command for which the table wants one (`Role.USER`)."""
    assert session.account is not None  # noqa: S101 (the table lets nobody else ask)
    return session.account


def list_argument(session: Session, packet: Packet, text: str) -> tuple[str, int]:
    """Split the argument of a list: what is to be listed, and how many are left out (`after:N` in the text, or `x.after`)."""
    after = packet.x.after if session.caps is not None and packet.x is not None else None
    if not text and after is None:
        return text, 0
    if isinstance(after, str):
        raise Usage("x.after of a list is a number: how many of its entries are left out.")
    typed = _AFTER.search(text)
    return text[: typed.start() if typed else None].strip(), max(int(typed[1]) if typed else after or 0, 0)


def sends_any_text(session: Session) -> bool:
    """Whether a client sends some text with every command, as the first ones do, so that it need not be an argument."""
    return session.caps is None and session.gateway in JSON


def is_emptied(session: Session, packet: Packet, arg: str) -> bool:
    """Whether a capable client sent an empty text for this argument, which is not the same as leaving it out."""
    given = getattr(named(session, packet), arg)
    return given is not None and not given.strip()


def _text(packet: Packet, arg: str) -> str | None:
    value = getattr(packet.x, arg, None)
    return value if value is None or isinstance(value, str) else str(value)
