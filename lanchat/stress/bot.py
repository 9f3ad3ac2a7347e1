"""Bot: one user of a server under load. It says what it is told to, and times what comes back."""

from __future__ import annotations

import re
import time
from typing import Any, NamedTuple, Protocol

import msgspec
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from lanchat.protocol.packet import EVERYONE, MAX_PACKET, ServerPacket, visible
from lanchat.stress.tally import Tally, note

#: What the answer to each command begins with.
ANSWERS = {
    "/time": ("Server time: ",),
    "/list": ("Online users (", "You are the only active user!"),
    "/help": ("Commands:",),
    "/shout": ("Message sent to ",),
}
#: Asks for errors with their codes, and for nothing else: what others say comes as it does to a classic client.
HELLO = b'{"from":{"name":"","ip":""},"to":"/hello","msg":"lanchat","x":{"v":1,"caps":[]}}\n'
#: What becomes of bot number so and so of a run: `stress-3fa9-17`. A run has a name of its own, so that two can't meet.
NAME = "stress-{run}-{number}"

_MARK = re.compile(r"([0-9a-f]+)\.(\d+)\.(\d+) ")
_PART = re.compile(r"\((\d+)/\d+\) ")
_decode = msgspec.json.Decoder(ServerPacket).decode


class Meaning(NamedTuple):
    """What the server's word is, whichever way this client can tell: `op`, `code` and `cid` of docs/protocol.md."""

    op: str | None
    code: str = ""
    cid: str | None = None


class Home(Protocol):
    """Where a bot lives."""

    run: str
    tally: Tally

    def came(self, bot: Bot) -> None:
        """It was welcomed."""

    def gone(self, bot: Bot) -> None:
        """Its connection has ended, in whatever way."""


class Bot(LineOnlyReceiver):
    """A user whose packets are ended by newlines. It says hello, so that errors come with their codes."""

    delimiter = b"\n"
    MAX_LENGTH = 2 * MAX_PACKET
    transport: Any

    def __init__(self, home: Home, number: int, due: int) -> None:
        """`due` is when it was to connect (nanoseconds of `time.monotonic_ns`, which all processes share)."""
        self.number = number
        self.name = NAME.format(run=home.run, number=number)
        #: Where it stands among those who are here; -1 when it is not.
        self.place = -1
        self._home = home
        self._due = due
        self._welcomed = False
        self._left = False
        self._words = ""
        self._asked: dict[str, tuple[str, int]] = {}
        self._questions = 0

    # What it does.

    def say(self, number: int, text: str, due: int) -> None:
        """Say something to the bot of that number; it was to be said at `due`."""
        self._home.tally.counts["sent"] += 1
        self._write(NAME.format(run=self._home.run, number=number), self._marked(text, due))

    def shout(self, text: str, due: int) -> None:
        """Say something to everyone."""
        self._home.tally.counts["shouts"] += 1
        self.ask("/shout", due, self._marked(text, due))

    def ask(self, command: str, due: int, msg: str = "") -> None:
        """Use a command."""
        self._home.tally.counts["asked"] += 1
        self._questions += 1
        cid = str(self._questions)
        self._asked[cid] = command, due
        self._write(command, msg, cid)

    def leave(self) -> None:
        """Say goodbye; the server closes when all before it is done."""
        self._write("/quit", "")

    # What comes.

    def connectionMade(self) -> None:
        """Say who this is."""
        tcp = getattr(self.transport, "transport", self.transport)  # TLS is on top of one
        tcp.setTcpNoDelay(True)
        self._open()

    def lineReceived(self, line: bytes) -> None:
        """One packet."""
        try:
            packet = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._wrong()
        else:
            (self._told if packet.from_.name == "SERVER" else self._heard)(packet)

    def lineLengthExceeded(self, line: bytes) -> None:
        """No server of ours does that."""
        self._wrong()
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        tally = self._home.tally
        if self._left:
            tally.counts["left"] += 1
        elif self._welcomed:
            note(tally.closed, self._words or reason.getErrorMessage().rstrip("."))
        else:
            note(tally.refused, self._words or "closed without a word before the welcome")
        self._home.gone(self)

    def _told(self, packet: ServerPacket) -> None:
        """The server said something."""
        meaning, counts = self._meaning(packet), self._home.tally.counts
        if packet.to == "Guest" or (meaning.op == "bye" and meaning.code != "GONE"):
            self._words = visible(packet.msg.replace(self.name, "NAME"), 100)
        elif meaning.op == "welcome":
            self._welcomed = True
            counts["welcomed"] += 1
            self._time("welcome", self._due)
            self._home.came(self)
        elif meaning.op == "fail":
            counts["undelivered" if self._asked.pop(meaning.cid or "", None) is None else "failed"] += 1
            note(self._home.tally.errors, meaning.code)
        elif meaning.op == "bye":
            self._left = True
        elif meaning.op is not None:
            self._answered(packet.msg, meaning.cid)

    def _answered(self, msg: str, cid: str | None) -> None:
        command, due = self._asked.pop(cid or "", ("", 0))
        if not command:
            self._wrong()
            return
        self._home.tally.counts["answered"] += 1
        self._time("command", due)
        if not _PART.sub("", msg, count=1).startswith(ANSWERS[command]):
            self._wrong()
        elif command == "/shout":
            self._home.tally.counts["to hear"] += int(msg.split()[3])

    def _heard(self, packet: ServerPacket) -> None:
        """Somebody said something; what is not from this run is not for us to judge."""
        mark = _MARK.match(packet.msg)
        if mark is None or mark[1] != self._home.run:
            return
        everyone = packet.to == EVERYONE
        if packet.from_.name != NAME.format(run=mark[1], number=mark[2]) or not (everyone or packet.to == self.name):
            self._wrong()
        self._home.tally.counts["heard" if everyone else "delivered"] += 1
        self._time("shout" if everyone else "message", int(mark[3]))

    def _time(self, what: str, due: int) -> None:
        self._home.tally.times[what].record(time.monotonic_ns() - due)

    def _wrong(self) -> None:
        self._home.tally.counts["wrong"] += 1

    def _marked(self, text: str, due: int) -> str:
        return f"{self._home.run}.{self.number}.{due} {text}"

    # How it speaks.

    def _open(self) -> None:
        self.transport.write(self.name.encode() + b"\n" + HELLO)

    def _write(self, to: str, msg: str, cid: str = "") -> None:
        """Names and texts of ours need no escapes."""
        x = f',"x":{{"cid":"{cid}"}}' if cid else ""
        self.transport.write(f'{{"from":{{"name":"","ip":""}},"to":"{to}","msg":"{msg}"{x}}}\n'.encode())

    def _meaning(self, packet: ServerPacket) -> Meaning:
        """The server says itself what it means."""
        x = packet.x
        return Meaning(None) if x is None else Meaning(x.op, x.code or "", x.cid)


class UnframedBot(Bot):
    """A user like the first clients: nothing ends its packets, and what the server means is read from its texts."""

    def _open(self) -> None:
        self.transport.write(self.name.encode())

    def _write(self, to: str, msg: str, cid: str = "") -> None:
        self.transport.write(f'{{"from":{{"name":"","ip":""}},"to":"{to}","msg":"{msg}"}}'.encode())

    def _meaning(self, packet: ServerPacket) -> Meaning:
        """Answers come in the order of the questions; of one in parts the first counts."""
        part = _PART.match(packet.msg)
        oldest = next(iter(self._asked), None)
        for text, meaning in _TEXTS.items():
            if packet.msg.startswith(text):
                return meaning._replace(cid=oldest if meaning.code == "RATE_LIMITED" else None)
        return Meaning(None) if part is not None and part[1] != "1" else Meaning("ok", cid=oldest)


#: What the server's texts mean, by their beginning, to who gets no codes.
_TEXTS = {
    "Welcome ": Meaning("welcome"),
    "The user ": Meaning("fail", "NO_SUCH_TARGET"),
    "That is too much ": Meaning("fail", "RATE_LIMITED"),
    "Goodbye": Meaning("bye", "GONE"),
    "You are closed: ": Meaning("bye", "SLOW"),
    "The server is shutting down": Meaning("bye", "RELOAD"),
}
