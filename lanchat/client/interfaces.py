"""The seams of the client: what a conversation is made of, and what it asks of those above and below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol

from lanchat.protocol.packet import EVERYONE, MAX_MSG, MAX_PACKET, Packet, Sender, ServerPacket, X, visible
from lanchat.protocol.typed_lines import SAYING_COMMANDS, SECRET_COMMANDS

#: How the client ends, and so its exit codes.
DONE, NOT_DELIVERED, UNREACHABLE = 0, 1, 3

#: Commands that are answered by a batch.
BATCHED = frozenset({"/history", "/search"})


class NotSent(Exception):
    """This can't be sent; `str()` of it says why, to a person."""


class Link(Enum):
    """How things stand with the server."""

    OFFLINE = "no connection"
    OPENING = "connected, not yet welcomed"
    CLASSIC = "welcomed by a server that acknowledges nothing"
    CAPABLE = "welcomed, and messages are acknowledged"
    ENDED = "it is over"


class Ending(NamedTuple):
    """How the conversation ended: an exit code, and why, where there is something to tell."""

    status: int
    why: str = ""


@dataclass(eq=False)
class Said:
    """Something that was said to a person, a room or (a command) the server."""

    to: str
    msg: str
    #: The order in which things were said.
    number: int
    cid: str
    #: Asked by the client for itself; nobody is told when it fails.
    quiet: bool = False
    #: Members of `x` besides the id.
    args: Mapping[str, Any] = field(default_factory=dict)
    #: When it must have been acknowledged, once it is written.
    due: float = 0.0
    #: How often it was taken back to be sent again, and whether it may have arrived before.
    tries: int = 0
    uncertain: bool = False

    @property
    def command(self) -> str:
        """The command that this is, in lower case; "" for a message."""
        return self.to.lower() if self.to.startswith("/") else ""

    @property
    def is_quit(self) -> bool:
        """Whether this takes leave: what answers it is the end of the connection."""
        return self.command == "/quit"

    @property
    def is_message(self) -> bool:
        """Whether this is for other people."""
        return not self.command or self.command in SAYING_COMMANDS

    @property
    def is_kept(self) -> bool:
        """Whether the server can keep it in its log, where the same `cid` is not taken twice."""
        return self.is_message and self.command != "/shout" and self.to.lower() != EVERYONE.lower()

    @property
    def new_password(self) -> str:
        """The password that is good once this command has succeeded; before a new one stands the old."""
        text: str = self.args.get("text") or self.msg.strip()
        return text.split(maxsplit=1)[-1] if self.command == "/password" and text == self.msg.strip() else text

    def check_size(self, name: str) -> None:
        """Raise `NotSent` if a packet of this user can't hold it."""
        size = len(self.msg.encode())
        if size > MAX_MSG:
            raise NotSent(f"A message is at most {MAX_MSG} bytes; this one has {size}. Send it in parts.")
        if len(self.encode(name, capable=True)) > MAX_PACKET:
            raise NotSent(f"With its control characters written out this is more than {MAX_PACKET} bytes. Send it in parts.")

    def encode(self, name: str, capable: bool) -> bytes:
        """The packet as it goes over the wire, with its newline."""
        return Packet(Sender(name, ""), self.to, self.msg, X(cid=self.cid, **self.args) if capable else None).line


class Face(Protocol):
    """Whoever shows the conversation to a person or to a program."""

    @property
    def caught_up(self) -> bool:
        """Whether all messages that came have been shown, so that the server need not keep them for us.

        Shown is what a file, a pipe or a terminal has taken. What can't be written is not shown, whatever was tried.
        """

    def came(self, packet: ServerPacket, answers: Said | None, line: bytes) -> None:
        """A packet came; `answers` is what was said that it answers, `line` is how it came."""

    def unanswered(self, said: Said, why: str) -> None:
        """This was not acknowledged, and will not be sent again."""

    def incomplete(self, why: str) -> None:
        """Something that was said to us can't be had, now or at all."""

    def notice(self, text: str) -> None:
        """The client itself has something to tell."""

    def changed(self) -> None:
        """The link is another, or less waits than did."""

    def ask(self, question: str, answered: Callable[[str | None], None], hidden: bool = True) -> None:
        """Ask a person, who types the answer unseen if it is to be `hidden`; `answered` gets None where there is nobody."""


class Wire(Protocol):
    """A connection, as the conversation uses it."""

    #: Whether it would rather be given no more just now.
    full: bool

    @property
    def proof(self) -> str:
        """How the far end is known, which a token is kept with; "" where others may read what is written."""

    def write(self, data: bytes) -> None:
        """Write these bytes."""

    def abort(self) -> None:
        """Close at once."""


def shown(said: Said) -> str:
    """What was said, on one line, as it may be shown on a terminal; passwords may not."""
    if said.command in SECRET_COMMANDS:
        return said.command
    return f"{visible(said.to, 64)}: {visible(said.msg, 2000)}" if said.msg else visible(said.to, 64)
