"""The plain-text gateway, for `telnet`, `nc` and people: what is typed goes to everyone else, a line at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lanchat.errors import BadName, ChatError
from lanchat.gateways.connection import Connection
from lanchat.gateways.framing import Frame, Lines
from lanchat.packet import EVERYONE, MAX_MSG, SERVER, Packet, Sender, ServerPacket, visible
from lanchat.room import MARK
from lanchat.router import Router

ASK = "Your name: "
#: So many wrong names, and the connection is closed.
MAX_NAMES = 3
#: Lines that one packet is shown as: each takes a sender's name besides what it says.
MAX_LINES = 100

# Telnet's own bytes (RFC 854): what begins a command, a subnegotiation and its end, and WILL, WONT, DO, DONT.
_IAC, _SB = b"\xff", b"\xff\xfa"
_SUBNEGOTIATION = re.compile(rb"\xff\xfa(?:[^\xff]|\xff[^\xf0])*")
_OPTIONS = (b"\xff\xfb", b"\xff\xfc", b"\xff\xfd", b"\xff\xfe")
_NOBODY = Sender("", "")


class TelnetProtocol(Connection):
    """One person at a terminal."""

    gateway = "telnet"
    opening_factor = 6  # a person has to type

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._command = b""
        self._lines = Lines(MAX_MSG)
        self._names = 0

    def connectionMade(self) -> None:
        """Ask for a name."""
        super().connectionMade()
        if not self.closed:
            self.outbox.send(ASK.encode())

    def frames(self, data: bytes) -> Iterator[Frame]:
        """Lines; telnet's own bytes are swallowed."""
        return self._lines.feed(self._text(data))

    def frameReceived(self, frame: Frame) -> None:
        """The name first, then what is said."""
        if self.session is None:
            self._named(frame)
        else:
            self.session.confirms = isinstance(frame, bytes) and frame.startswith(b"/")
            self.router.receive(self.session, self._packet(frame))

    def _packet(self, frame: Frame) -> Packet | ChatError:
        """What a person typed, as a packet: a command with its arguments, or a word to everyone; or what is wrong with it.

        A word to a room that is here begins with its name, as in `#ops hello`.
        """
        if not isinstance(frame, bytes):
            return frame
        line = frame.decode(errors="replace")
        first, _, rest = line.partition(" ")
        to, text = EVERYONE, line
        if line.startswith("/"):
            to, text = (*re.split(r"\s", line, maxsplit=1), "")[:2]
        elif first.startswith(MARK) and rest.strip() and self.router.rooms.find(first) is not None:
            to, text = first, rest
        packet = Packet(_NOBODY, to, text)
        try:
            packet.check_size()
        except ChatError as error:
            return error
        return packet

    def inputEnded(self) -> None:
        """The last line may have no end (`printf hello | nc -N`)."""
        self.dataReceived(b"\n")

    def deliver(self, packet: ServerPacket) -> None:
        """Show a packet as lines: no line of anybody's text can be taken for another's."""
        if packet.from_ == SERVER:
            who = "*"
        elif packet.to == EVERYONE or packet.to.startswith(MARK):
            who = f"{packet.from_.name}:"
        else:
            who = f"{packet.from_.name} (private):"
        lines = packet.msg.splitlines() or [""]
        if len(lines) > MAX_LINES:
            lines[MAX_LINES:] = [f"({len(lines) - MAX_LINES} more lines)"]
        self.outbox.send("".join(f"{who} {visible(line)}\r\n" for line in lines).encode())

    def _named(self, frame: Frame) -> None:
        try:
            if not isinstance(frame, bytes):
                raise BadName("That is too long for a name.")
            self.router.greet(self.open(frame.decode(errors="replace")))
        except ChatError as error:
            self._names += 1
            if self._names == MAX_NAMES:
                self.refuse(error)
            else:
                self.outbox.send(f"* {error}\r\n{ASK}".encode())

    def _text(self, data: bytes) -> bytes:
        """What is left without telnet's own bytes; a command that is cut waits for its end, which takes a few bytes only."""
        if self._command or _IAC in data:
            data, self._command = _without_commands(self._command + data)
        return data.replace(b"\r", b"\n").replace(b"\0", b"")  # RFC 854 ends a line with CR LF or CR NUL


def _without_commands(data: bytes) -> tuple[bytes, bytes]:
    """The text in these bytes, and the command at their end that is not whole yet. Nothing is answered: nothing is offered."""
    text, at = [], 0
    while (start := data.find(_IAC, at)) >= 0:
        text.append(data[at:start])
        command = data[start : start + 2]
        if command == _SB:
            inside = _SUBNEGOTIATION.match(data, start)
            end = inside.end() + 2 if inside else len(data) + 1
            if inside and end > len(data):  # what it says is of no use, so only its last byte matters
                return b"".join(text), _SB + data[inside.end() :]
        else:
            end = start + (3 if command in _OPTIONS else 2)
        if end > len(data):
            return b"".join(text), data[start:]
        at = end
    return b"".join([*text, data[at:]]), b""
