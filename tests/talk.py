"""A client's session over a transport and a clock of the test's own: no socket, no terminal, no waiting."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from lanchat.client.connection import ChatFactory
from lanchat.client.credentials import PLAIN, Credentials
from lanchat.client.interfaces import OutgoingMessage, SessionEnd
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import ReceivedPacket

CAPS = ["ack", "history", "id", "order", "presence", "resume", "room", "token"]


class Screen:
    """A user interface that remembers, and answers questions as it was told to."""

    def __init__(self) -> None:
        self.packets: list[tuple[ReceivedPacket, OutgoingMessage | None]] = []
        self.lines: list[bytes] = []
        self.marked: list[tuple[str, str]] = []
        self.notices: list[str] = []
        self.missing: list[str] = []
        self.changes = 0
        self.caught_up = True
        self.questions: list[str] = []
        self.answered: list[Callable[[str | None], None]] = []

    def packet_received(self, packet: ReceivedPacket, request: OutgoingMessage | None, line: bytes) -> None:
        """Remember a packet."""
        self.packets.append((packet, request))
        self.lines.append(line)

    def not_acknowledged(self, said: OutgoingMessage, why: str) -> None:
        """Remember what was marked."""
        self.marked.append((said.msg, why))

    def messages_missing(self, why: str) -> None:
        """Remember what will not come."""
        self.missing.append(why)

    def notice(self, text: str) -> None:
        """Remember what was told."""
        self.notices.append(text)

    def state_changed(self) -> None:
        """Count."""
        self.changes += 1

    def ask(self, question: str, answered: Callable[[str | None], None], hidden: bool = True) -> None:
        """Remember a question."""
        self.questions.append(question)
        self.answered.append(answered)

    @property
    def heard(self) -> list[str]:
        """The texts of messages that were shown."""
        return [packet.msg for packet, _ in self.packets if packet.x is None or packet.x.op is None]


class Wire(StringTransport):
    """A transport that counts."""

    writes = 0

    def write(self, data: bytes) -> None:
        """Count, and write."""
        self.writes += 1
        super().write(data)


class Talk:
    """A session with everything around it."""

    def __init__(
        self, credentials: Credentials | None = None, identity: str = PLAIN, wait_for_server: bool = False, name: str = "alice"
    ) -> None:
        self.clock = Clock()
        self.screen = Screen()
        self.session = ClientSession(
            name, self.clock, self.screen, float, credentials=credentials, device="desk", wait_for_server=wait_for_server
        )
        self.factory = ChatFactory(self.session, lambda address: identity)
        self.endings: list[SessionEnd] = []
        self.session.ended.addCallback(self.endings.append)
        self.connect()

    def connect(self) -> dict[str, Any]:
        """A connection is made; `x` of the hello."""
        address: IAddress = IPv4Address("TCP", "127.0.0.1", 5000)
        self.transport = Wire(peerAddress=address)
        self.connection = self.factory.buildProtocol(None)
        self.connection.makeConnection(self.transport)
        return self.hello()

    def hello(self) -> dict[str, Any]:
        """`x` of the last hello; {} if there is none."""
        lines = [line for line in self.transport.value().splitlines() if b'"/hello"' in line]
        x: dict[str, Any] = json.loads(lines[-1])["x"] if lines else {}
        return x

    def lose(self) -> None:
        """The connection breaks."""
        self.connection.connectionLost(Failure(ConnectionLost()))

    def hear(self, msg: str = "", /, to: str = "alice", name: str = "SERVER", **x: Any) -> None:
        """The server sends a packet."""
        packet = {"from": {"name": name, "ip": "0.0.0.0"}, "to": to, "msg": msg} | ({"x": x} if x else {})  # noqa: S104 (the contract's)
        self.connection.dataReceived(json.dumps(packet).encode() + b"\n")

    def said(self, seq: int, /, to: str = "alice", name: str = "bob", **x: Any) -> None:
        """A message out of the log comes; its text is its number."""
        self.hear(str(seq), to, name, id=f"e.{seq}", seq=seq, conv=f"@{name}", ts="2026-11-20T12:00:00.000Z", **x)

    def welcome(self, **x: Any) -> Talk:
        """The server grants the hello."""
        granted: dict[str, Any] = {"v": 1, "caps": CAPS} | x
        self.hear("Welcome alice!", op="welcome", **granted)
        self.transport.clear()
        return self

    def challenge(self) -> dict[str, Any]:
        """The server says that the name is an account's; `x` of the hello that answers."""
        self.hear("The name alice is an account's.", op="fail", code="AUTH_REQUIRED")
        return self.hello()

    def account(self, **x: Any) -> Talk:
        """The server grants the hello of an account; no batch of what was missed follows unless it is `resumed`."""
        return self.welcome(**{"account": True, "epoch": "e", "seq": 0} | x)

    def reconnect(self, **x: Any) -> bytes:
        """The next connection, and all that is written on it up to the welcome and at it."""
        self.connect()
        self.hear("Welcome alice!", op="welcome", v=1, caps=CAPS, **x)
        return bytes(self.transport.value())

    def written(self) -> list[dict[str, Any]]:
        """The packets that were written since this was asked last."""
        lines = self.transport.value().splitlines()
        self.transport.clear()
        return [json.loads(line) for line in lines]

    def acknowledged(self) -> list[int]:
        """The places in the log that were acknowledged since this was asked last."""
        return [packet["x"]["seq"] for packet in self.written() if packet["to"] == "/ack"]
