"""A bot: one user of a server under load. It sends what it is told to send, and measures when answers come."""

from __future__ import annotations

import re
import time
from typing import Any, NamedTuple, Protocol

import msgspec
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from lanchat.protocol.packet import EVERYONE, MAX_PACKET, ReceivedPacket, visible
from lanchat.stress.tally import Tally, count_text

#: The beginning of the answer to each command.
ANSWERS = {
    "/time": ("Server time: ",),
    "/list": ("Online users (", "You are the only active user!"),
    "/help": ("Commands:",),
    "/shout": ("Message sent to ",),
}
#: Asks for errors with their codes, and for no other capability: messages come as they do to a classic client.
HELLO = b'{"from":{"name":"","ip":""},"to":"/hello","msg":"lanchat","x":{"v":1,"caps":[]}}\n'
#: The name of a bot: `stress-3fa9-17`. Each run has its own part, so that two runs can't collide.
NAME = "stress-{run}-{number}"

_MARK = re.compile(r"([0-9a-f]+)\.(\d+)\.(\d+) ")
_PART = re.compile(r"\((\d+)/\d+\) ")
_decode = msgspec.json.Decoder(ReceivedPacket).decode


class SentCommand(NamedTuple):
    """A command that was sent, and when it should be sent, in nanoseconds of `time.monotonic_ns`."""

    command: str
    due: int


class Reply(NamedTuple):
    """What a packet of the server means: `op`, `code` and `cid` of docs/protocol.md, or what they would be."""

    op: str | None
    code: str = ""
    cid: str | None = None


class BotHost(Protocol):
    """What a bot needs of the worker that runs it."""

    run: str
    tally: Tally

    def bot_welcomed(self, bot: Bot) -> None:
        """The server has welcomed a bot."""

    def bot_disconnected(self, bot: Bot) -> None:
        """The connection of a bot has ended, in whatever way."""


class Bot(LineOnlyReceiver):
    """A user whose packets end with newlines. It sends a hello, so that errors come with their codes."""

    delimiter = b"\n"
    MAX_LENGTH = 2 * MAX_PACKET
    transport: Any

    def __init__(self, host: BotHost, number: int, due: int) -> None:
        """`due` is when it should connect, in nanoseconds of `time.monotonic_ns` (which all processes share)."""
        self.number = number
        self.name = NAME.format(run=host.run, number=number)
        #: Its index in the worker's list of bots that are online; -1 when it is not in it.
        self.index = -1
        self._host = host
        self._due = due
        self._welcomed = False
        self._left = False
        self._reason = ""
        #: Commands that are not answered yet, by `cid`.
        self._waiting: dict[str, SentCommand] = {}
        self._commands = 0

    # Actions.

    def say(self, number: int, text: str, due: int) -> None:
        """Send a message to the bot of that number; `due` is when it should be sent, in nanoseconds of `time.monotonic_ns`."""
        self._host.tally.counts["sent"] += 1
        self._write_packet(NAME.format(run=self._host.run, number=number), self._with_mark(text, due))

    def shout(self, text: str, due: int) -> None:
        """Send a message to everyone; `due` is as for `say`."""
        self._host.tally.counts["shouts"] += 1
        self.ask("/shout", due, self._with_mark(text, due))

    def ask(self, command: str, due: int, msg: str = "") -> None:
        """Send a command and wait for its answer; `due` is as for `say`."""
        self._host.tally.counts["asked"] += 1
        self._commands += 1
        cid = str(self._commands)
        self._waiting[cid] = SentCommand(command, due)
        self._write_packet(command, msg, cid)

    def leave(self) -> None:
        """Send /quit; the server closes the connection once it has handled everything before."""
        self._write_packet("/quit", "")

    # Events.

    def connectionMade(self) -> None:
        """Introduce the user to the server: name and hello."""
        tcp = getattr(self.transport, "transport", self.transport)  # a TLS transport has a TCP transport below it
        tcp.setTcpNoDelay(True)
        self._introduce()

    def lineReceived(self, line: bytes) -> None:
        """Count and time one packet of the server."""
        try:
            packet = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._count_wrong()
        else:
            (self._server_packet if packet.from_.name == "SERVER" else self._user_packet)(packet)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Count a wrong packet and disconnect: no lanchat server sends such a line."""
        self._count_wrong()
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count how the connection ended."""
        tally = self._host.tally
        if self._left:
            tally.counts["left"] += 1
        elif self._welcomed:
            count_text(tally.closed, self._reason or reason.getErrorMessage().rstrip("."))
        else:
            count_text(tally.refused, self._reason or "closed without a word before the welcome")
        self._host.bot_disconnected(self)

    def _server_packet(self, packet: ReceivedPacket) -> None:
        """Handle a packet of the server."""
        reply, counts = self._reply(packet), self._host.tally.counts
        if packet.to == "Guest" or (reply.op == "bye" and reply.code != "GONE"):
            self._reason = visible(packet.msg.replace(self.name, "NAME"), 100)
        elif reply.op == "welcome":
            self._welcomed = True
            counts["welcomed"] += 1
            self._record("welcome", self._due)
            self._host.bot_welcomed(self)
        elif reply.op == "fail":
            counts["undelivered" if self._waiting.pop(reply.cid or "", None) is None else "failed"] += 1
            count_text(self._host.tally.errors, reply.code)
        elif reply.op == "bye":
            self._left = True
        elif reply.op is not None:
            self._answered(packet.msg, reply.cid)

    def _answered(self, msg: str, cid: str | None) -> None:
        command, due = self._waiting.pop(cid or "", SentCommand("", 0))
        if not command:
            self._count_wrong()
            return
        self._host.tally.counts["answered"] += 1
        self._record("command", due)
        if not _PART.sub("", msg, count=1).startswith(ANSWERS[command]):
            self._count_wrong()
        elif command == "/shout":
            self._host.tally.counts["to hear"] += int(msg.split()[3])

    def _user_packet(self, packet: ReceivedPacket) -> None:
        """Handle a message of a user; messages that are not from this run are ignored."""
        mark = _MARK.match(packet.msg)
        if mark is None or mark[1] != self._host.run:
            return
        everyone = packet.to == EVERYONE
        if packet.from_.name != NAME.format(run=mark[1], number=mark[2]) or not (everyone or packet.to == self.name):
            self._count_wrong()
        self._host.tally.counts["heard" if everyone else "delivered"] += 1
        self._record("shout" if everyone else "message", int(mark[3]))

    def _record(self, what: str, due: int) -> None:
        self._host.tally.times[what].record(time.monotonic_ns() - due)

    def _count_wrong(self) -> None:
        self._host.tally.counts["wrong"] += 1

    def _with_mark(self, text: str, due: int) -> str:
        return f"{self._host.run}.{self.number}.{due} {text}"

    # The dialect.

    def _introduce(self) -> None:
        self.transport.write(self.name.encode() + b"\n" + HELLO)

    def _write_packet(self, to: str, msg: str, cid: str = "") -> None:
        """Write a packet. Names and texts of the load tool need no JSON escapes."""
        x = f',"x":{{"cid":"{cid}"}}' if cid else ""
        self.transport.write(f'{{"from":{{"name":"","ip":""}},"to":"{to}","msg":"{msg}"{x}}}\n'.encode())

    def _reply(self, packet: ReceivedPacket) -> Reply:
        """What a packet of the server means, as its `x` says."""
        x = packet.x
        return Reply(None) if x is None else Reply(x.op, x.code or "", x.cid)


class UnframedBot(Bot):
    """A user like the first clients: packets without newlines, and the meaning of the server's is read from its texts."""

    def _introduce(self) -> None:
        self.transport.write(self.name.encode())

    def _write_packet(self, to: str, msg: str, cid: str = "") -> None:
        self.transport.write(f'{{"from":{{"name":"","ip":""}},"to":"{to}","msg":"{msg}"}}'.encode())

    def _reply(self, packet: ReceivedPacket) -> Reply:
        """What a packet means by its text. Answers come in the order of the commands; of one in parts the first counts."""
        part = _PART.match(packet.msg)
        oldest = next(iter(self._waiting), None)
        for text, reply in _REPLIES.items():
            if packet.msg.startswith(text):
                return reply._replace(cid=oldest if reply.code == "RATE_LIMITED" else None)
        return Reply(None) if part is not None and part[1] != "1" else Reply("ok", cid=oldest)


#: What the server's texts mean, by how they begin, for clients that get no codes.
_REPLIES = {
    "Welcome ": Reply("welcome"),
    "The user ": Reply("fail", "NO_SUCH_TARGET"),
    "That is too much ": Reply("fail", "RATE_LIMITED"),
    "Goodbye": Reply("bye", "GONE"),
    "Connection closed: ": Reply("bye", "SLOW"),
    "The server is shutting down": Reply("bye", "RELOAD"),
}
