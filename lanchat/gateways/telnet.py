"""The plain-text gateway, for people with `telnet` or `nc`: each line is a command or a message."""

from __future__ import annotations

import re

from lanchat.core.replies import Quoting
from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.input import NO_PACKETS, Split
from lanchat.gateways.nvt import Answer, Terminal, Token, edited
from lanchat.gateways.other_protocols import BEGINNING, TLS_HELLO
from lanchat.model.room import MARK
from lanchat.protocol.destination import Destination
from lanchat.protocol.entry import ACTION, EDIT, NO_TEXT, NOTICE, REACT
from lanchat.protocol.errors import BadName, BadPacket, ChatError, RateLimited
from lanchat.protocol.events import NAME, RENAMED
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.files import format_size
from lanchat.protocol.packet import EVERYONE, MAX_MSG, SERVER, Packet, PacketRun, Sender, ServerPacket, visible
from lanchat.protocol.typed_lines import BEGINNERS_HELP, TYPING_HELP, TypedLine
from lanchat.state.file_links import MAX_SHOWN
from lanchat.system.columns import fold

ASK = "Your name: "
#: The number of wrong names at which the connection is closed.
MAX_NAMES = 3
#: The answer to a program that sends packets to this port.
WRONG_PORT = (
    "This is the telnet port, where people type lines. Programs that send packets need the JSON port: 5000, unless "
    "the operator chose another. Nobody received what you sent."
)
#: The width that is assumed of terminals, and the indentation of the rows after the first of a line.
COLUMNS, INDENT = 79, 4
#: How many lines a text is shown as, at most, as each has the sender's name in front.
MAX_LINES = 100

#: Telnet commands that are answered before there is a name; afterwards they are charged as packets.
MAX_ASKED = 64
_NOBODY = Sender("", "")

#: The first line of a packet that is written over several lines: a bracket, or what comes first in a packet.
_BEGUN = re.compile(rb"""(?:\s|\xef\xbb\xbf)*(?:\[\s*)*(?:\[|\{(?:\s*["']from["'].*)?)\s*""")
#: A member that every packet has, quoted as in JSON, in Python, or in JSON within JSON; and how many such members there are.
_MEMBER, MEMBERS = re.compile(rb"""["'](from|to|msg)\\?["']"""), 3
#: How many bytes may come before a packet, as a length does, besides invisible ones and a bracket.
MAX_LENGTH = 4
_UNSEEN = bytes({*range(256)} - {*range(0x21, 0x7F)} | {*b"["})
#: How a line begins that is a message although there is a packet in it.
_SAID = (b"//", b"/say")


class TelnetProtocol(Connection):
    """The connection of a person at a terminal."""

    gateway = "telnet"
    opening_factor = 6  # (a person has to type the name)

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._terminal = Terminal(MAX_MSG)
        self._names = self._asked = 0
        self._destination = Destination(EVERYONE)

    def connectionMade(self) -> None:
        """Ask the person who has connected for a name, unless the connection was refused."""
        super().connectionMade()
        if not self.closed:
            self.outbox.send(ASK.encode())

    def split(self, data: bytes) -> Split:
        """Split bytes into lines, and telnet commands in their places among them."""
        if self.session is None and data.startswith(TLS_HELLO):
            return NO_PACKETS, iter((TLS_HELLO,)), b""
        return NO_PACKETS, self._terminal.feed(data), b""

    def frameReceived(self, frame: Token) -> None:
        """Serve the name, which comes first, or a line."""
        if not isinstance(frame, bytes) or not frame:
            self._other_received(frame)
        elif self.session is None:
            self._name_received(frame)
        elif is_packet(frame):
            self.router.chat.close(self.session, BadPacket.code, WRONG_PORT, why="sent packets to the telnet door")
        elif (packet := self._packet(frame)) is not None:
            self.router.receive(self.session, packet)

    def _other_received(self, frame: Token) -> None:
        """Serve what is no line: the end of input, an error, or a telnet command.

        Telnet commands are charged as packets once there is a session; before that they are counted.
        """
        if frame is None:
            self._unserved = b""
            self.end_input()
        elif isinstance(frame, ChatError):
            self._error_received(frame)
        else:
            self._asked += self.session is None
            if self._asked > MAX_ASKED:
                self.refuse(RateLimited("Your telnet program sent too many requests before the name."))
            elif isinstance(frame, Answer):
                self.outbox.send(frame.data)

    def _error_received(self, error: ChatError) -> None:
        """Answer an error in place of a line."""
        if self.session is None:
            self._refuse_name(BadName("That is too long for a name."))
        else:
            self.router.receive(self.session, error)

    def _packet(self, frame: bytes) -> Packet | ChatError | None:
        """A line as a packet, or what is wrong with it; None if the gateway has dealt with it."""
        try:
            line = edited(frame)
            if not line:
                return None
            typed = self._destination.read(line)
            if typed is None:
                self.outbox.send(f"* Your messages now go to {visible(str(self._destination.to), 40)}.\r\n".encode())
                return None
            packet = Packet(_NOBODY, typed.to, typed.text)
            packet.check_size()
        except ChatError as error:
            return error
        self._explain(typed)
        return packet

    def _explain(self, typed: TypedLine) -> None:
        """Note how the packet is to be answered, and show what can be typed here before the server's own help."""
        if self.session is not None:
            self.session.confirms = typed.to.startswith("/") and typed.to != "/me"
        if typed.to == "/help" and typed.text == BEGINNERS_HELP:
            self.outbox.send(f"* {TYPING_HELP}.\r\n".encode())

    def inputEnded(self) -> None:
        """Serve a last line that has no end (`printf hello | nc -N`)."""
        self.dataReceived(b"\n")

    def deliver(self, packet: ServerPacket) -> None:
        """Send a packet as lines of text."""
        if self.outbox.paused and self.omits(packet):
            return
        if packet.x is not None and packet.x.ev in (RENAMED, NAME):
            self._destination.follow(packet.x)
        self.outbox.send(packet.encoded(_as_lines))

    def deliver_events(self, run: PacketRun) -> None:
        """Send events that many others are sent, too."""
        self.outbox.send(run.encoded(_as_lines), len(run.packets))

    def _name_received(self, line: bytes) -> None:
        if begins := BEGINNING.match(line):
            self.refuse_protocol(begins)
        elif is_packet(line[max(line.find(b"{"), 0) :]):  # (the first clients send no newline after their name)
            self.refuse(BadPacket(WRONG_PORT))
        else:
            try:
                name = edited(line)
                if not name:
                    return
                if name.lstrip().startswith("/"):
                    raise BadName("Send your name first, alone on a line. Commands such as /login come after it.")
                self.router.chat.greet(self.open(name))
            except ChatError as error:
                self._refuse_name(error)

    def _refuse_name(self, error: ChatError) -> None:
        """Answer a wrong name. The third time the connection is closed."""
        self._names += 1
        if self._names == MAX_NAMES:
            self.refuse(error)
        else:
            self.deliver((Quoting if error.quotes else ServerPacket)(SERVER, "Guest", str(error)))
            self.outbox.send(ASK.encode())


def _as_lines(packet: ServerPacket) -> bytes:
    """A packet as lines for a terminal. Each row shows whose it is, so that no part of a text looks like somebody else's."""
    told = packet.from_ == SERVER
    who, text = ("*", packet.msg) if told else _said(packet)
    if quotes := told and packet.x is not None and packet.x.op == "event":
        text = visible(text.removeprefix(f"[{packet.to}] "))  # a sentence, which has the name of the room
    lines = text.splitlines() or [""]
    if (more := lines[MAX_LINES:]) and not told:
        lines[MAX_LINES:] = [f"({len(more)} more lines)"]
    link = _add_file(lines, packet) if packet.x is not None and packet.x.file is not None else ""
    text = "".join(f"{who} {visible(line)}\r\n" for line in lines)
    if text[COLUMNS:] and (not told or quotes or isinstance(packet, Quoting)):
        text = "".join(f"{row}\r\n" for line in text.splitlines() for row in fold(line, COLUMNS, INDENT))
    return f"{text}{link}".encode()


def _add_file(lines: list[str], packet: ServerPacket) -> str:
    """Add to the lines of a message which file goes with it; returns a row with the link, which is never folded.

    A link is written by the server, without blanks: where a terminal breaks it, it looks like nothing that somebody said.
    """
    file = (packet.x and packet.x.file) or {}
    link = file.get("url", "")
    shown = f"{visible(file['name'], MAX_SHOWN)} ({format_size(file['size'])}){':' if link else ''}"
    place = f"[{packet.to}] "
    if lines in ([file["name"]], [place + file["name"]]):
        lines[0] = lines[0].removesuffix(file["name"]) + shown
    else:
        lines.append(shown)
    return f"{' ' * INDENT}{link}\r\n" if link else ""


def _said(packet: ServerPacket) -> tuple[str, str]:
    """What stands before each line of what somebody said or changed, and the text: `bob (private, edited):`.

    No name has a bracket, and an action begins with where it is, so it looks like nothing that the server or another user says.
    """
    x, name, text = packet.x or ServerX(), packet.from_.name, packet.msg
    in_room = packet.to.startswith(MARK)
    to_many, place = in_room or packet.to == EVERYONE, f"[{packet.to}] "
    if x.kind == ACTION and x.op is None:
        return f"{place if to_many else '[private] '}* {name}", text.removeprefix(place)
    if x.op in NO_TEXT and text in ("", place):
        return f"{name}:" if to_many else f"{name} (private):", text + NO_TEXT[x.op]
    marks = {
        "private": not to_many,
        "bot": x.bot,
        "notice": x.kind == NOTICE and not x.bot,
        "edited": x.op == EDIT,
        "reacted": x.op == REACT,
        "reply": x.re,
    }
    shown = ", ".join(mark for mark, is_so in marks.items() if is_so)
    return f"{name} ({shown}):" if shown else f"{name}:", text


def is_packet(line: bytes) -> bool:
    """Whether a line is a packet, in JSON or nearly so, or the first line of one, so that a program uses the wrong port.

    A byte order mark or a length before it, or a second packet behind it, makes no difference.
    """
    if b"{" not in line and b"[" not in line:
        return False
    if _BEGUN.fullmatch(line):
        return True
    before = line.partition(b"{")[0].translate(None, _UNSEEN)
    return len(before) <= MAX_LENGTH and not before.startswith(_SAID) and len(set(_MEMBER.findall(line))) == MEMBERS
