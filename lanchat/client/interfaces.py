"""What the parts of the client share: a message on its way, and what a session asks of user interface and connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeAlias

from lanchat.protocol.extensions import X
from lanchat.protocol.packet import EVERYONE, MAX_MSG, MAX_PACKET, Packet, ReceivedPacket, Sender, visible
from lanchat.protocol.typed_lines import SAYING_COMMANDS, SECRET_COMMANDS

#: How a session ends; these are the exit codes of the command.
DONE, NOT_DELIVERED, UNREACHABLE = 0, 1, 3

#: Commands that are answered by a batch of messages.
BATCHED = frozenset({"/history", "/search"})

#: Commands that change a message, which the server stores as it does messages.
CHANGING_COMMANDS = frozenset({"/edit", "/withdraw", "/react"})

#: Members of `x` that a client sends with a command, besides its `cid` (docs/protocol.md).
Args: TypeAlias = Mapping[str, Any]
#: Called with what a person typed; None where there is nobody to ask, or nothing was typed.
Answered: TypeAlias = Callable[[str | None], None]


class NotSent(Exception):
    """A message or command can't be sent; `str()` of it is the reason, for a person."""


class ConnectionState(Enum):
    """The state of a session's connection to the server."""

    OFFLINE = "no connection"
    HANDSHAKE = "connected, not welcomed yet"
    CLASSIC = "welcomed by a server without acknowledgements"
    CAPABLE = "welcomed by a server that acknowledges messages"
    ENDED = "the session has ended"


class SessionEnd(NamedTuple):
    """How a session ended: an exit code, and the reason, "" if there is nothing to report."""

    status: int
    why: str = ""


@dataclass(eq=False)
class OutgoingMessage:
    """A message to a person or room, or a command for the server."""

    to: str
    msg: str
    #: Its number in the order in which the user sent them.
    number: int
    cid: str
    #: Whether the client sent it for its own purposes; nobody is told when it fails.
    internal: bool = False
    #: Members of `x` besides the `cid`.
    args: Args = field(default_factory=dict)
    #: When it must have been acknowledged, in the seconds of the session's clock; set when it is written.
    deadline: float = 0.0
    #: How often it was sent again, and whether an earlier copy may have arrived.
    retries: int = 0
    may_have_arrived: bool = False

    @property
    def command(self) -> str:
        """The command in lower case; "" for a message."""
        return self.to.lower() if self.to.startswith("/") else ""

    @property
    def is_quit(self) -> bool:
        """Whether this is /quit, which the server answers by closing the connection."""
        return self.command == "/quit"

    @property
    def is_message(self) -> bool:
        """Whether this is for other people."""
        return not self.command or self.command in SAYING_COMMANDS

    @property
    def is_storable(self) -> bool:
        """Whether the server may store it in its log, where it takes the same `cid` only once."""
        if self.command in CHANGING_COMMANDS:
            return True
        return self.is_message and self.recipient.lower() != EVERYONE.lower()

    @property
    def recipient(self) -> str:
        """Whom a message is for, as it was written; "" for a `/reply`, as the server knows whose message it answers."""
        if self.command in ("/pm", "/me", "/notice"):
            return "".join(self.msg.split(maxsplit=1)[:1]).removeprefix("@")
        return {"/shout": EVERYONE, "/reply": ""}.get(self.command, self.to)

    @property
    def text(self) -> str:
        """The text of a message, without what names its recipient."""
        worded = self.command in ("/pm", "/me", "/notice", "/reply")
        return "".join(self.msg.split(maxsplit=1)[1:]) if worded else self.msg

    @property
    def new_password(self) -> str:
        """The password that is valid once this command succeeds. /password takes the old one, then the new."""
        text: str = self.args.get("text") or self.msg.strip()
        return text.split(maxsplit=1)[-1] if self.command == "/password" and text == self.msg.strip() else text

    def check_size(self, name: str) -> None:
        """Raise `NotSent` if the packet would be longer than the protocol allows."""
        size = len(self.msg.encode())
        if size > MAX_MSG:
            raise NotSent(f"A message has at most {MAX_MSG} bytes; this one has {size}. Send it in parts.")
        if len(self.encode(name, capable=True)) > MAX_PACKET:
            raise NotSent(f"With its control characters escaped, this is over {MAX_PACKET} bytes. Send it in parts.")

    def encode(self, name: str, capable: bool) -> bytes:
        """The packet as a line with its newline; without `x` for a server that is not `capable`."""
        return Packet(Sender(name, ""), self.to, self.msg, X(cid=self.cid, **self.args) if capable else None).line


class UserInterface(Protocol):
    """What a session needs of the program that shows it to a person, or prints it for a script."""

    @property
    def caught_up(self) -> bool:
        """Whether all messages that came were displayed, so that the server need not keep them for us.

        Displayed means taken by a file, a pipe or a terminal. A message that can't be written does not count.
        """

    def packet_received(self, packet: ReceivedPacket, request: OutgoingMessage | None, line: bytes) -> None:
        """Show a packet. `request` is the message or command that it answers, `line` is the packet as it came."""

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> None:
        """Report a message that was not acknowledged, and will not be sent again."""

    def messages_missing(self, why: str) -> None:
        """Report that messages to this user can't be had, now or at all."""

    def notice(self, text: str) -> None:
        """Show a text of the client itself."""

    def state_changed(self) -> None:
        """Note that the connection's state, or the number of waiting messages, has changed."""

    def ask(self, question: str, answered: Answered, hidden: bool = True) -> None:
        """Ask the user a question; what is typed is not shown if `hidden`."""


class ServerConnection(Protocol):
    """What a session needs of its connection."""

    #: Whether its buffer is full, so that nothing should be written for now.
    full: bool

    @property
    def identity(self) -> str:
        """How the server is known, by which its tokens are filed; "" where others may read passwords."""

    def write(self, data: bytes) -> None:
        """Write bytes; what the network does not take at once is buffered."""

    def abort(self) -> None:
        """Close the connection at once and drop what was not written."""


def describe(message: OutgoingMessage) -> str:
    """A message or command on one line, as a terminal may show it; without passwords."""
    if message.command in SECRET_COMMANDS:
        return message.command
    return f"{visible(message.to, 64)}: {visible(message.msg, 2000)}" if message.msg else visible(message.to, 64)
