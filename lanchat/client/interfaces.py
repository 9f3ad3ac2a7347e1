"""The seams of the client: what a conversation is made of, and what it asks of those above and below it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from lanchat.packet import Packet, Sender, ServerPacket, X, visible

#: How the client ends, and so its exit codes.
DONE, NOT_DELIVERED, UNREACHABLE = 0, 1, 3


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
    cid: str
    #: Asked by the client for itself; nobody is told when it fails.
    quiet: bool = False
    #: When it must have been acknowledged, once it is written.
    due: float = 0.0

    @property
    def is_quit(self) -> bool:
        """Whether this takes leave: what answers it is the end of the connection."""
        return self.to.lower() == "/quit"

    def encode(self, name: str, capable: bool) -> bytes:
        """The packet as it goes over the wire, with its newline."""
        return Packet(Sender(name, ""), self.to, self.msg, X(cid=self.cid) if capable else None).line


class Face(Protocol):
    """Whoever shows the conversation to a person or to a program."""

    def came(self, packet: ServerPacket, answers: Said | None, line: bytes) -> None:
        """A packet came; `answers` is what was said that it answers, `line` is how it came."""

    def unanswered(self, said: Said, why: str) -> None:
        """This was not acknowledged, and will not be sent again."""

    def notice(self, text: str) -> None:
        """The client itself has something to tell."""

    def changed(self) -> None:
        """The link is another, or less waits than did."""


class Wire(Protocol):
    """A connection, as the conversation uses it."""

    #: Whether it would rather be given no more just now.
    full: bool

    def write(self, data: bytes) -> None:
        """Write these bytes."""

    def abort(self) -> None:
        """Close at once."""


def shown(said: Said) -> str:
    """What was said, on one line, as it may be shown on a terminal."""
    return f"{visible(said.to, 64)}: {visible(said.msg, 2000)}" if said.msg else visible(said.to, 64)
