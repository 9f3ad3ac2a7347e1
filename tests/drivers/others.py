"""Other clients of the server driver: one that sends many messages at a time, a classic one, and one that only visits."""

from __future__ import annotations

import json
from typing import Any

from tests.drivers.books import Message
from tests.drivers.clients import Client
from tests.drivers.line import Line
from tests.drivers.wrong import Wrong, check
from tests.fakes import PASSWORD
from tests.live import line as encoded

#: Messages that may be on their way at a time.
WINDOW = 8


class Windowed(Client):
    """A program with several messages on their way. It sends again what was refused or not answered, in order, before new ones.

    It has no interest in what others say.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._welcomed = False
        self._rest = b""
        #: What is on its way, and what was refused and is to be sent again, by cid; in the order in which it was said.
        self._waiting: dict[str, Message] = {}
        self._again: dict[str, Message] = {}
        self._rests = 0.0

    @property
    def up(self) -> bool:
        """Whether it was welcomed."""
        return self.connected and self._welcomed

    @property
    def settled(self) -> bool:
        """Whether all that it said was answered."""
        return self.up and not self._waiting and not self._again

    def begin(self, line: Line) -> None:
        """Log in."""
        self._welcomed, self._rest = False, b""
        auth = {"mech": "PLAIN", "password": PASSWORD}
        hello = encoded("/hello", "lanchat", v=1, caps=["id", "ack"], dev="window", auth=auth)
        line.up += f"{self.name}\n".encode() + hello

    def say(self, target: str) -> None:
        """Say something new, if nothing is to be sent again first."""
        if self.up and not self._again and len(self._waiting) < WINDOW:
            message = self.books.say(f"{self.name} window", self.name, target, self.late)
            self._waiting[message.token] = message
            self._send(message)

    def tick(self) -> None:
        """Send again what was refused, when the time has come."""
        if self.up and self._again and not self._waiting and self.time.seconds >= self._rests:
            self._send_again()

    def lost(self) -> None:
        """Of what is on its way nobody knows what becomes of it."""
        super().lost()
        self._welcomed = False

    def came(self, data: bytes) -> None:
        """Answers, and what others say."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for one in lines:
            self._packet(json.loads(one))

    def _packet(self, packet: dict[str, Any]) -> None:
        x = packet.get("x", {})
        match x.get("op"):
            case "welcome":
                self._welcomed = True
                self._send_again()
            case "ack" if (message := self._waiting.pop(x.get("cid", ""), None)) is not None:
                self.books.stored(message, x.get("seq", 0))
            case "fail" if (message := self._waiting.pop(x.get("cid", ""), None)) is not None:
                if x["code"] == "NOT_STORED":
                    self._again[message.token] = message
                    self._rests = self.time.seconds + x["retry_ms"] / 1000
                else:
                    self.books.refused(message, x["code"])
            case "fail" if x["code"] == "AUTH_FAILED":
                raise Wrong("a password is refused", f"{self.name} is told: {packet}")

    def _send_again(self) -> None:
        left = sorted([*self._waiting.values(), *self._again.values()], key=lambda message: message.number)
        self._waiting, self._again = {message.token: message for message in left}, {}
        for message in left:
            self._send(message)

    def _send(self, message: Message) -> None:
        assert self.line is not None
        self.line.up += encoded(message.target, message.text, cid=message.token)


class Classic(Client):
    """A classic client of an account. What the server wrote to it counts as read, and the rest comes when it logs in again."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: What was written to it at any time; and what it need not be shown any more though it was not.
        self.ever: set[str] = set()
        self.excused: set[str] = set()
        #: What it may be shown once more.
        self.twice: set[str] = set()
        #: The first that was shown each time when only the newest of what was missed were: what is older is in the history.
        self.newest: list[str] = []
        self._only_newest = False
        self._asked, self._read = False, b""

    def begin(self, line: Line) -> None:
        """Give the name."""
        line.up += f"{self.name}\n".encode()
        self._asked, self._read, self._only_newest = False, b"", False

    def came(self, data: bytes) -> None:
        """Log in, when asked to."""
        self._read += b"" if self._asked else data
        if not self._asked and b"Send /login" in self._read and self.line is not None:
            self._asked = True
            self.line.up += encoded("/login", PASSWORD)

    def tick(self) -> None:
        """Note what was written; nothing may be so twice."""
        if self.line is None or b"\n" not in self.line.written:
            return
        whole, _, rest = self.line.written.rpartition(b"\n")
        self.line.written = bytearray(rest)
        for one in whole.split(b"\n"):
            packet = json.loads(one)
            if packet["from"]["name"] == "SERVER":
                self._only_newest = self._only_newest or "Here are the newest" in packet["msg"]
            elif token := self.books.seen(packet["msg"], "(edited)" in packet["msg"]):
                self.newest += [token] if self._only_newest else []
                self._only_newest = False
                check(token not in self.ever - self.twice, "written twice to a classic client", f"{token} to {self.name}")
                self.ever.add(token)


class Visitor(Client):
    """A device that logs in and goes."""

    def __init__(self, *args: Any, device: str) -> None:
        super().__init__(*args)
        self.device = device

    @property
    def up(self) -> bool:
        """Whether it was welcomed."""
        return self.line is not None and b'"welcome"' in self.line.written

    def begin(self, line: Line) -> None:
        """Log in."""
        auth = {"mech": "PLAIN", "password": PASSWORD}
        line.up += f"{self.name}\n".encode() + encoded("/hello", "x", v=1, caps=["id"], dev=self.device, auth=auth)
