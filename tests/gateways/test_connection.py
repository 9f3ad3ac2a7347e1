"""A connection's life, in every dialect: half-closes, goodbyes, and who is cut off."""

from __future__ import annotations

import re

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHalfCloseableDescriptor
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import alsoProvides

from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.input import DISCARD_SECONDS, MAX_DISCARDED
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.outbox import CLOSE_SECONDS
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.gateways.websocket import WebSocketProtocol
from lanchat.net.sockets import address_of
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.limits import LIMITS, READ_OVERHEAD
from lanchat.protocol.packet import EVERYONE, SERVER, PacketRun, SharedPacket
from lanchat.service.drain import announce
from tests.fakes import Wire, make_router
from tests.live import line

MAX_WAITING = int(LIMITS["outbox"].default)


class TcpTransport(StringTransport):
    """A transport in memory that can close its writing side, as TCP's can."""

    half_closed = False

    def __init__(self, peerAddress: IAddress) -> None:
        super().__init__(peerAddress=peerAddress)
        alsoProvides(self, IHalfCloseableDescriptor)  # as much of it as is called

    def loseWriteConnection(self) -> None:
        """Remember."""
        self.half_closed = True


class TcpWire(Wire):
    """A connection over such a transport."""

    transport_type: type[StringTransport] = TcpTransport
    transport: TcpTransport


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def wire(router_and_clock: tuple[Router, Clock]) -> TcpWire:
    wire = TcpWire(*router_and_clock)
    wire.send(b"ann\n")
    wire.bytes()
    return wire


def test_the_server_closes_its_side_first_and_waits_for_the_other(wire: TcpWire) -> None:
    wire.send(line("/quit"))
    assert wire.msgs() == ["Goodbye"]
    assert wire.transport.half_closed
    assert not wire.transport.disconnecting
    wire.connection.readConnectionLost()
    assert wire.transport.disconnecting


@pytest.mark.parametrize("resting", [False, True])
def test_who_is_closed_is_read_to_its_end_but_no_faster_than_others_can_bear(
    router_and_clock: tuple[Router, Clock], wire: TcpWire, resting: bool
) -> None:
    if resting:
        wire.send(line("/pong") * 3000)
        assert wire.transport.producerState == "paused"
        session = wire.connection.session
        assert session is not None
        router_and_clock[0].chat.close(session, "GONE", "You are closed.", why="for a test")
        assert wire.transport.producerState == "producing"
    else:
        wire.send(line("/quit"))
    for _ in range(3):
        pieces = 0
        while wire.transport.producerState == "producing" and pieces < 100:
            wire.send(b"x" * 10_000)
            pieces += 1
        assert pieces == MAX_DISCARDED // (10_000 + READ_OVERHEAD) + 1
        wire.clock.advance(2 * DISCARD_SECONDS)
    wire.send(*[b"x" * 10_000] * 40)
    wire.lose()
    wire.clock.advance(0)
    assert wire.clock.getDelayedCalls() == []


def test_a_client_that_was_sent_everything_and_stays_is_let_go(wire: TcpWire) -> None:
    wire.send(line("/quit"))
    wire.connection.writeConnectionLost()
    wire.wait(CLOSE_SECONDS + 0.1)
    assert wire.transport.disconnecting
    assert not wire.transport.disconnected


def test_a_client_that_does_not_read_the_goodbye_is_cut_off(wire: TcpWire) -> None:
    wire.send(line("/quit"))
    wire.wait(CLOSE_SECONDS - 0.1)
    assert not wire.transport.disconnecting
    wire.wait(0.2)
    assert wire.transport.disconnected


@pytest.mark.parametrize("protocol", [ChatProtocol, TelnetProtocol])
def test_nobody_is_closed_by_what_a_stranger_says_to_everyone(
    router_and_clock: tuple[Router, Clock], protocol: type[Connection]
) -> None:
    ann, eve = Wire(*router_and_clock, protocol), TcpWire(*router_and_clock)
    router_and_clock[0].chat.limits.set("packets", "off")
    for wire, name in ((ann, b"ann\n"), (eve, b"eve\n")):
        wire.send(name)
        wire.bytes()
    ann.connection.outbox.pauseProducing()
    for _ in range(30):
        eve.send(line(EVERYONE, "x" * 16_000))
    eve.send(line("ann", "for you alone"))
    announce(router_and_clock[0].chat, "The server ends soon.")
    assert router_and_clock[0].chat.online.find("ann") is not None
    ann.connection.outbox.resumeProducing()
    ann.clock.advance(0)
    shown = ann.bytes().decode()
    count = len(re.findall(r"eve: x|\"msg\":\"x", shown))
    assert count in {8, 9}, "half of what may wait"
    assert "for you alone" in shown
    assert "The server ends soon." in shown, "what the server says is not left out"
    assert f"{30 - count} messages to everyone were left out here" in shown
    eve.send(line(EVERYONE, "hello again"))
    assert "hello again" in ann.bytes().decode()


def test_a_client_that_reads_nothing_is_cut_off_and_its_name_is_free(
    router_and_clock: tuple[Router, Clock], wire: TcpWire
) -> None:
    other = TcpWire(*router_and_clock)
    other.send(b"bob\n")
    wire.connection.outbox.pauseProducing()
    for _ in range(MAX_WAITING // 16_000 + 1):
        other.send(line("ann", "x" * 16_000))
    assert router_and_clock[0].chat.online.find("ann") is None
    assert router_and_clock[0].chat.limits.met["outbox"] == 1
    other.send(line("ann", "still there?"))
    assert "not available" in other.msgs()[-1]
    assert wire.msgs() == ["Connection closed: you were reading too slowly."]
    wire.wait(CLOSE_SECONDS + 0.1)
    assert wire.transport.disconnected


def test_the_goodbye_reaches_everyone_and_waits_for_those_who_read(
    router_and_clock: tuple[Router, Clock], wire: TcpWire
) -> None:
    unnamed = TcpWire(*router_and_clock)
    unnamed.factory = unnamed.connection.factory = wire.factory
    wire.factory.connections.add(unnamed.connection)
    done = Deferred.fromCoroutine(wire.factory.drain())
    assert wire.msgs() == ["The server is shutting down. Goodbye!"]
    assert router_and_clock[0].chat.online.find("ann") is None
    unnamed.lose()
    assert not done.called
    wire.lose()
    assert done.called
    assert not [call for call in wire.clock.getDelayedCalls() if "ChatFactory" in str(call)]


def test_the_goodbye_does_not_wait_for_those_who_do_not(wire: TcpWire) -> None:
    done = Deferred.fromCoroutine(wire.factory.drain())
    wire.wait(2.9)
    assert not wire.transport.disconnected
    wire.wait(0.2)
    assert wire.transport.disconnected
    wire.lose()
    assert done.called


def test_what_is_paced_is_written_at_once_when_the_server_ends(router_and_clock: tuple[Router, Clock]) -> None:
    wire = TcpWire(*router_and_clock)
    wire.send(b"ann" + line("/time").strip() * 500)
    wire.clock.advance(0)  # a fair share in each turn
    Deferred.fromCoroutine(wire.factory.drain())
    wire.wait(1.9)
    paced = len(wire.msgs())
    assert 150 < paced < 250
    wire.wait(0.2)
    assert paced + len(wire.msgs()) == 502
    assert wire.transport.half_closed


def test_an_empty_house_ends_at_once(router_and_clock: tuple[Router, Clock]) -> None:
    wire = TcpWire(*router_and_clock)
    wire.lose()
    assert Deferred.fromCoroutine(wire.factory.drain()).called


@pytest.mark.parametrize(
    ("peer", "written"),
    [
        (IPv4Address("TCP", "192.168.1.7", 1), "192.168.1.7"),
        (IPv6Address("TCP", "::ffff:192.168.1.7", 1), "192.168.1.7"),
        (IPv6Address("TCP", "fd00::7", 1), "fd00::7"),
        (IPv6Address("TCP", "fe80::1%eth0", 1), "fe80::1%eth0"),
        (UNIXAddress(None), "127.0.0.1"),
    ],
)
def test_an_address_is_written_as_people_know_it(peer: IAddress, written: str) -> None:
    assert address_of(peer) == written


def test_who_only_says_that_nothing_more_comes_is_closed_one_way_first(router_and_clock: tuple[Router, Clock]) -> None:
    """To close both ways while more is typed all the same would take back what was written last."""
    wire = TcpWire(*router_and_clock, TelnetProtocol)
    wire.send(b"ann\r\n/time\r\n\x04more\r\n")
    assert b"Server time" in wire.bytes()
    assert wire.transport.half_closed
    assert not wire.transport.disconnecting
    wire.connection.readConnectionLost()
    assert wire.transport.disconnecting


@pytest.mark.parametrize("protocol", [ChatProtocol, WebSocketProtocol, TelnetProtocol])
@pytest.mark.parametrize("caps", [None, frozenset({"id", "event"})])
def test_events_that_many_are_sent_are_as_if_they_were_sent_one_by_one(
    protocol: type[Connection], caps: frozenset[str] | None
) -> None:
    def written(at_once: bool) -> bytes:
        wire = Wire(*make_router(), protocol)
        wire.connection.open("bob").caps = caps
        wire.connection.deliver(SharedPacket(SERVER, "bob", "", ServerX(op="ok")))  # (the answer to its hello)
        wire.bytes()
        xs = [ServerX(op="event", ev="joined", who=[name], by=name, conv="#ops") for name in ("ann", "eve")]
        run = PacketRun([SharedPacket(SERVER, "#ops", f"{x.by} joined #ops", x) for x in xs])
        if at_once:
            wire.connection.deliver_events(run)
        else:
            for packet in run.packets:
                wire.connection.deliver(packet)
        return wire.bytes()

    assert written(True) == written(False)
    assert b"eve joined #ops" in written(True)
