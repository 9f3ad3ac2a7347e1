"""The port of the chat page on transports in memory, with a clock that tests move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.websocket import WebSocketProtocol
from lanchat.net.admission import Admission, Network
from lanchat.protocol.limits import Buckets
from lanchat.webchat.channel import WebchatFactory
from lanchat.webchat.site import make_site
from tests.fakes import make_router
from tests.frames import HANDSHAKE, Frame, frame, frames

HOST = b"Host: localhost\r\n"


class Transport(StringTransport):
    """A connection in memory that has a protocol, which may change, and that may be full."""

    protocol: Any
    aborted = False

    def abortConnection(self) -> None:
        """Remember."""
        self.aborted = self.disconnecting = True

    def fill(self) -> None:
        """Nobody reads, so nothing more can be taken."""
        assert self.producer is not None
        self.producer.pauseProducing()

    def read(self) -> None:
        """All was read."""
        assert self.producer is not None
        self.producer.resumeProducing()


class Answer:
    """An answer in parts."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        self.code = int(status.split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


class Visit:
    """A connection of a browser's."""

    def __init__(self, door: Door, address: str) -> None:
        self.clock = door.clock
        self.channel = door.factory.buildProtocol(IPv4Address("TCP", address, 40000))
        self.transport = Transport(peerAddress=IPv4Address("TCP", address, 40000))
        if self.channel is not None:
            self.transport.protocol = self.channel
            self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Let these bytes arrive, unless nothing is read."""
        if not self.transport.disconnecting:
            self.transport.protocol.dataReceived(data)

    def written(self) -> bytes:
        """What was written since the last look."""
        self.clock.advance(0)
        written: bytes = self.transport.value()
        self.transport.clear()
        return written

    def get(self, path: str = "/", *headers: str, method: str = "GET", host: bytes = HOST) -> Answer:
        """Ask for this, and look at the answer."""
        self.send(
            f"{method} {path} HTTP/1.1\r\n".encode() + host + "".join(f"{line}\r\n" for line in headers).encode() + b"\r\n"
        )
        return Answer(self.written())

    def upgrade(self, *headers: str, path: str = "/ws", behind: bytes = b"") -> Answer:
        """Ask for a WebSocket."""
        more = "".join(f"{line}\r\n" for line in headers).encode()
        self.send(f"GET {path} HTTP/1.1\r\n".encode() + HANDSHAKE + more + b"\r\n" + behind)
        return Answer(self.written())

    def say(self, *messages: str | bytes) -> list[Frame]:
        """Send text messages on a WebSocket, and look at what came."""
        self.send(b"".join(map(frame, messages)))
        return frames(self.written())

    def lose(self) -> None:
        """The connection is gone."""
        self.transport.protocol.connectionLost(Failure(ConnectionLost()))


class Door:
    """A port of the chat page with a server behind it."""

    def __init__(self, networks: list[Network] | None = None, authority: Path | None = None) -> None:
        self.router, self.clock = make_router()
        chat = self.router.chat
        self.admission = Admission(chat.limits, self.clock, networks, chat.counts)
        self.websockets = ChatFactory(WebSocketProtocol, self.router, self.admission)
        site = make_site(["chat.lan"], plaintext=False, https_ports=lambda: [8443], authority=authority)
        self.factory = WebchatFactory(site, self.websockets, Buckets(chat.limits, "requests"))

    def visit(self, address: str = "10.0.0.7") -> Visit:
        """A new connection."""
        return Visit(self, address)

    def counted(self) -> tuple[int, dict[str, int]]:
        """What the admission counts: all connections, and those of each address."""
        return self.admission.total, dict(self.admission.connections)
