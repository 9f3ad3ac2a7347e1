"""The plain-text gateway, for `telnet`, `nc` and people: what is typed is a command or is said, a line at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lanchat.core.replies import Quoting
from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.nvt import Answer, Terminal, Token, edited
from lanchat.gateways.other_protocols import BEGINNING, TLS_HELLO
from lanchat.model.room import MARK
from lanchat.protocol.destination import Destination
from lanchat.protocol.errors import BadName, BadPacket, ChatError, RateLimited
from lanchat.protocol.packet import EVERYONE, MAX_MSG, SERVER, Packet, Sender, ServerPacket, visible
from lanchat.protocol.typed_lines import BEGINNERS_HELP, TYPING_HELP, TypedLine
from lanchat.system.columns import fold

ASK = "Your name: "
#: So many wrong names, and the connection is closed.
MAX_NAMES = 3
#: What a program is told that came to this door with packets.
WRONG_DOOR = (
    "This is the door for telnet, where people type lines. Programs that send packets want the JSON port: 5000, unless the "
    "operator chose another. What you sent was said to nobody."
)
#: How wide terminals are taken to be, and how far the second row of a line is indented: nobody asks them.
COLUMNS, INDENT = 79, 4
#: Lines that a text of somebody's is shown as: each takes their name besides what it says.
MAX_LINES = 100

#: Requests of telnet's own that are answered before there is a name; afterwards they count as packets.
MAX_ASKED = 64
_NOBODY = Sender("", "")

#: The first line of a packet that is written over several: a bracket alone, or what comes first in a packet.
_BEGUN = re.compile(rb"""(?:\s|\xef\xbb\xbf)*(?:\[\s*)*(?:\[|\{(?:\s*["']from["'].*)?)\s*""")
#: A member that each packet has, in the quotes of JSON, of Python, or of JSON within JSON; and how many of these there are.
_MEMBER, MEMBERS = re.compile(rb"""["'](from|to|msg)\\?["']"""), 3
#: Bytes before a packet that say how long it is, besides those that are no visible ASCII character, and a bracket.
MAX_LENGTH = 4
_UNSEEN = bytes({*range(256)} - {*range(0x21, 0x7F)} | {*b"["})
#: How a line begins that may be said though there is a packet in it.
_SAID = (b"//", b"/say")


class TelnetProtocol(Connection):
    """One person at a terminal."""

    gateway = "telnet"
    opening_factor = 6  # a person has to type

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._terminal = Terminal(MAX_MSG)
        self._names = self._asked = 0
        self._destination = Destination(EVERYONE)

    def connectionMade(self) -> None:
        """Ask for a name."""
        super().connectionMade()
        if not self.closed:
            self.outbox.send(ASK.encode())

    def frames(self, data: bytes) -> Iterator[Token]:
        """Lines, and telnet's own requests in their places among them."""
        if self.session is None and data.startswith(TLS_HELLO):
            return iter((TLS_HELLO,))
        return self._terminal.feed(data)

    def frameReceived(self, frame: Token) -> None:
        """The name first, then what is said."""
        if not isinstance(frame, bytes) or not frame:
            self._no_line(frame)
        elif self.session is None:
            self._named(frame)
        elif is_packet(frame):
            self.router.chat.close(self.session, BadPacket.code, WRONG_DOOR, why="sent packets to the telnet door")
        elif (packet := self._packet(frame)) is not None:
            self.router.receive(self.session, packet)

    def _no_line(self, frame: Token) -> None:
        """Serve what is no line: the end, an error, or something that telnet asks.

        The last counts as a packet once there is a session; before that there is another bound.
        """
        if frame is None:
            self._unserved = b""
            self.hear_no_more()
        elif isinstance(frame, ChatError):
            self._failed(frame)
        else:
            self._asked += self.session is None
            if self._asked > MAX_ASKED:
                self.refuse(RateLimited("Your telnet asks too much before there is a name."))
            elif isinstance(frame, Answer):
                self.outbox.send(frame.data)

    def _failed(self, error: ChatError) -> None:
        """What was typed is no line."""
        if self.session is None:
            self._misnamed(BadName("That is too long for a name."))
        else:
            self.router.receive(self.session, error)

    def _packet(self, frame: bytes) -> Packet | ChatError | None:
        """What a person typed, as a packet, or what is wrong with it; None if it was for this door alone."""
        try:
            line = edited(frame)
            if not line:
                return None
            typed = self._destination.read(line)
            if typed is None:
                self.outbox.send(f"* What you say goes to {visible(str(self._destination.to), 40)} now.\r\n".encode())
                return None
            packet = Packet(_NOBODY, typed.to, typed.text)
            packet.check_size()
        except ChatError as error:
            return error
        self._explain(typed)
        return packet

    def _explain(self, typed: TypedLine) -> None:
        """Note how a line is to be answered: what is understood here comes before the server's own help."""
        if self.session is not None:
            self.session.confirms = typed.to.startswith("/")
        if typed.to == "/help" and typed.text == BEGINNERS_HELP:
            self.outbox.send(f"* {TYPING_HELP}.\r\n".encode())

    def inputEnded(self) -> None:
        """The last line may have no end (`printf hello | nc -N`)."""
        self.dataReceived(b"\n")

    def deliver(self, packet: ServerPacket) -> None:
        """Show a packet as lines."""
        if self.outbox.paused and self.omits(packet):
            return
        self.outbox.send(packet.encoded(_as_lines))

    def _named(self, line: bytes) -> None:
        if begins := BEGINNING.match(line):
            self.misdirect(begins)
        elif is_packet(line[max(line.find(b"{"), 0) :]):  # the first clients send no newline behind their name
            self.refuse(BadPacket(WRONG_DOOR))
        else:
            try:
                name = edited(line)
                if not name:
                    return
                if name.lstrip().startswith("/"):
                    raise BadName("The first line is your name alone. Commands such as /login come after it.")
                self.router.chat.greet(self.open(name))
            except ChatError as error:
                self._misnamed(error)

    def _misnamed(self, error: ChatError) -> None:
        """That was no name, or not theirs; they may try again."""
        self._names += 1
        if self._names == MAX_NAMES:
            self.refuse(error)
        else:
            self.deliver((Quoting if error.quotes else ServerPacket)(SERVER, "Guest", str(error)))
            self.outbox.send(ASK.encode())


def _as_lines(packet: ServerPacket) -> bytes:
    """A packet for people's terminals: no row of anybody's text, as it is or repeated, can be taken for another's."""
    if packet.from_ == SERVER:
        who = "*"
    elif packet.to == EVERYONE or packet.to.startswith(MARK):
        who = f"{packet.from_.name}:"
    else:
        who = f"{packet.from_.name} (private):"
    lines = packet.msg.splitlines() or [""]
    if (more := lines[MAX_LINES:]) and packet.from_ != SERVER:
        lines[MAX_LINES:] = [f"({len(more)} more lines)"]
    text = "".join(f"{who} {visible(line)}\r\n" for line in lines)
    if text[COLUMNS:] and (packet.from_ != SERVER or isinstance(packet, Quoting)):
        text = "".join(f"{row}\r\n" for line in text.splitlines() for row in fold(line, COLUMNS, INDENT))
    return text.encode()


def is_packet(line: bytes) -> bool:
    """Whether a line is of a program that took this door for another: packets, as JSON or nearly so, or how one begins.

    What comes before or behind them, such as a byte order mark, a length or a second packet, makes no difference. Packets
    written over several lines are known by the first of these.
    """
    if b"{" not in line and b"[" not in line:
        return False
    if _BEGUN.fullmatch(line):
        return True
    before = line.partition(b"{")[0].translate(None, _UNSEEN)
    return len(before) <= MAX_LENGTH and not before.startswith(_SAID) and len(set(_MEMBER.findall(line))) == MEMBERS
