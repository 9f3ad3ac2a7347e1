"""Fakes for pure tests: a clock that stands still, and clients that remember what they were shown."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat import commands
from lanchat.edge import Edge
from lanchat.gateways.connection import ChatFactory, Connection
from lanchat.gateways.line import ChatProtocol
from lanchat.interfaces import IClient
from lanchat.packet import Packet, Sender, ServerPacket, X
from lanchat.router import Router
from lanchat.session import Session


@implementer(IClient)
class FakeClient:
    """A client's far end that remembers."""

    def __init__(self) -> None:
        self.packets: list[ServerPacket] = []
        self.disconnected = False

    def deliver(self, packet: ServerPacket) -> None:
        """Remember the packet."""
        self.packets.append(packet)

    def disconnect(self) -> None:
        """Remember that the server hung up."""
        self.disconnected = True


class User:
    """Somebody in a pure test: a session with a fake client."""

    def __init__(self, router: Router, name: str, ip: str = "10.0.0.1") -> None:
        self.router = router
        self.client = FakeClient()
        self.session: Session = router.open(name, self.client, ip, "json")
        router.greet(self.session)
        self.client.packets.clear()

    def send(self, to: str, msg: str = "", claim: str = "", **x: object) -> None:
        """Send a packet, as a gateway would hand it in."""
        packet = Packet(Sender(claim, ""), to, msg, X(**x) if x else None)  # type: ignore[arg-type]  # each test knows its members
        self.router.receive(self.session, packet)

    def hello(self, *caps: str) -> User:
        """Become capable."""
        self.send("/hello", "lanchat", v=1, caps=list(caps))
        self.client.packets.clear()
        return self

    def shown(self) -> list[ServerPacket]:
        """What came since the last look."""
        packets, self.client.packets = self.client.packets, []
        return packets

    def told(self) -> ServerPacket:
        """The one packet that came since the last look."""
        (packet,) = self.shown()
        return packet


def make_router() -> tuple[Router, Clock]:
    """A router with a clock that only tests move; it is 2026-11-20 14:03:22.5 UTC."""
    clock = Clock()
    clock.advance(1795183402.5)
    return Router(clock, commands.run, "test", clock.seconds), clock


def dump(x: msgspec.Struct | None) -> dict[str, object]:
    """The members of `x` that are there."""
    return {} if x is None else {name: value for name in x.__struct_fields__ if (value := getattr(x, name)) is not None}


class Wire:
    """A connection of a real gateway on a transport in memory: bytes in, bytes out, and a clock that tests move."""

    transport_type = StringTransport

    def __init__(self, router: Router, clock: Clock, protocol: type[Connection] = ChatProtocol) -> None:
        self.clock = clock
        self.factory = ChatFactory(protocol, router, Edge(router.limits, clock, None))
        self.transport = self.transport_type(peerAddress=IPv4Address("TCP", "10.0.0.7", 40000))
        protocol_ = self.factory.buildProtocol(None)
        assert isinstance(protocol_, Connection)
        self.connection = protocol_
        self.connection.makeConnection(self.transport)

    def send(self, *pieces: bytes) -> None:
        """Let these bytes arrive, one piece after the other."""
        for piece in pieces:
            self.connection.dataReceived(piece)

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps as a reactor would."""
        for _ in range(max(1, round(seconds / 0.01))):
            self.clock.advance(0.01)

    def bytes(self) -> bytes:
        """What was written since the last look."""
        self.clock.advance(0)
        written: bytes = self.transport.value()
        self.transport.clear()
        return written

    def packets(self) -> list[dict[str, Any]]:
        """The packets that were written since the last look."""
        return [json.loads(line) for line in self.bytes().splitlines()]

    def msgs(self) -> list[str]:
        """Only their texts."""
        return [packet["msg"] for packet in self.packets()]

    def lose(self) -> None:
        """The connection is gone."""
        self.connection.connectionLost(Failure(ConnectionLost()))
