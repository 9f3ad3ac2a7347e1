"""The outbox: one write a turn, a bound on what waits, and one way to close."""

from __future__ import annotations

import json
from functools import partial

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lanchat.gateways.flush import Flusher
from lanchat.gateways.outbox import CLOSE_SECONDS, MAX_PACKETS, PACE_SECONDS, Outbox
from lanchat.protocol.counts import Counts
from lanchat.protocol.limits import LIMITS, Limits
from lanchat.protocol.packet import SERVER, ServerPacket

MAX_WAITING = int(LIMITS["outbox"].default)


class Transport(StringTransport):
    """A transport in memory that counts writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Count."""
        self.writes.append(data)
        super().write(data)


class Rig:
    """An outbox with all it needs."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.transport = Transport()
        self.overflows = 0
        self.turn, pace = Flusher(partial(self.clock.callLater, 0)), Flusher(partial(self.clock.callLater, PACE_SECONDS))
        self.outbox = Outbox(self.transport, self.clock, Limits(), Counts(), self.turn, pace, self._overflowed)  # type: ignore[arg-type]  # enough of one

    def _overflowed(self) -> None:
        self.overflows += 1


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_what_comes_in_one_turn_is_one_write(rig: Rig) -> None:
    for n in range(10):
        rig.outbox.send(b"%d\n" % n)
    assert rig.transport.writes == []
    rig.clock.advance(0)
    assert rig.transport.writes == [b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"]
    assert rig.outbox.waiting == 0


def test_nothing_is_written_while_the_transport_has_enough(rig: Rig) -> None:
    rig.outbox.pauseProducing()
    rig.outbox.send(b"a")
    rig.clock.advance(1)
    assert rig.transport.writes == []
    rig.outbox.resumeProducing()
    rig.clock.advance(0)
    assert rig.transport.writes == [b"a"]


def test_what_waits_for_who_does_not_read_is_dropped_at_the_limit(rig: Rig) -> None:
    rig.outbox.pauseProducing()
    for _ in range(MAX_WAITING // 1024):
        rig.outbox.send(b"x" * 1024)
    assert rig.overflows == 0
    assert rig.outbox.waiting == MAX_WAITING
    rig.outbox.send(b"x")
    assert rig.overflows == 1
    assert rig.outbox.waiting == 0
    assert rig.transport.writes == []


def test_a_burst_to_a_client_that_reads_is_no_fault_of_its(rig: Rig) -> None:
    for _ in range(MAX_WAITING // 1024 * 3):
        rig.outbox.send(b"x" * 1024)
        assert rig.outbox.waiting <= MAX_WAITING
    rig.clock.advance(0)
    assert rig.overflows == 0
    assert sum(map(len, rig.transport.writes)) == MAX_WAITING * 3


def test_a_paced_outbox_writes_one_at_a_time(rig: Rig) -> None:
    rig.outbox.pace(True)
    rig.outbox.send(b"a")
    rig.outbox.send(b"b")
    rig.outbox.send(b"c")
    for expected in ([b"a"], [b"a", b"b"], [b"a", b"b", b"c"]):
        rig.clock.advance(PACE_SECONDS)
        assert rig.transport.writes == expected


def test_closing_writes_what_waits_first(rig: Rig) -> None:
    rig.outbox.send(b"bye")
    rig.outbox.close()
    assert rig.transport.writes == [b"bye"]
    assert rig.transport.disconnecting
    assert rig.transport.producer is None


def test_closing_a_paced_outbox_keeps_the_pace(rig: Rig) -> None:
    rig.outbox.pace(True)
    rig.outbox.send(b"a")
    rig.outbox.send(b"b")
    rig.outbox.close()
    assert not rig.transport.disconnecting
    rig.clock.advance(PACE_SECONDS)
    rig.clock.advance(PACE_SECONDS)
    assert rig.transport.writes == [b"a", b"b"]
    assert rig.transport.disconnecting


def test_who_does_not_read_the_end_is_cut_off_after_five_seconds(rig: Rig) -> None:
    rig.outbox.pauseProducing()
    rig.outbox.send(b"bye")
    rig.outbox.close()
    rig.clock.advance(CLOSE_SECONDS - 0.1)
    assert not rig.transport.disconnected
    rig.clock.advance(0.2)
    assert rig.transport.disconnected


def test_a_paced_outbox_that_is_no_longer_read_has_its_deadline_too(rig: Rig) -> None:
    rig.outbox.pace(True)
    for _ in range(100):
        rig.outbox.send(b"x")
    rig.outbox.close()
    rig.clock.advance(PACE_SECONDS)
    rig.outbox.pauseProducing()
    rig.clock.advance(CLOSE_SECONDS)
    assert not rig.transport.disconnected
    rig.clock.advance(100 * PACE_SECONDS)
    assert rig.transport.disconnected


def test_a_connection_that_is_gone_leaves_no_timer(rig: Rig) -> None:
    rig.outbox.send(b"bye")
    rig.outbox.close()
    rig.outbox.stopProducing()
    assert [call for call in rig.clock.getDelayedCalls() if call.getTime() > 0] == []


def test_many_outboxes_share_one_timer() -> None:
    clock = Clock()
    tick = Flusher(partial(clock.callLater, 0))
    transports = [Transport() for _ in range(50)]
    for transport in transports:
        Outbox(transport, clock, Limits(), Counts(), tick, tick, list).send(b"x")  # type: ignore[arg-type]  # enough of a transport
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0)
    assert all(transport.writes == [b"x"] for transport in transports)


def test_packets_of_one_turn_are_one_write_in_their_order(rig: Rig) -> None:
    texts = [str(n) for n in range(3 * MAX_PACKETS)]
    for text in texts:
        rig.outbox.send_lines([ServerPacket(SERVER, "bob", text)])
        rig.outbox.send(b'{"msg":"between"}\n')
    assert rig.transport.value() == b""
    rig.clock.advance(0)
    told = [json.loads(line)["msg"] for line in rig.transport.value().splitlines()]
    assert told == [word for text in texts for word in (text, "between")]


def test_a_packet_that_is_not_encoded_yet_is_written_before_the_end(rig: Rig) -> None:
    rig.outbox.send_lines([ServerPacket(SERVER, "bob", "last words")])
    rig.outbox.close()
    assert b"last words" in rig.transport.value()


def test_packets_for_a_client_that_does_not_read_are_bounded_too(rig: Rig) -> None:
    rig.outbox.pauseProducing()
    packet = ServerPacket(SERVER, "bob", "x" * 100)
    most = MAX_WAITING // len(packet.line) + MAX_PACKETS
    for _ in range(most):
        rig.outbox.send_lines([packet])
    assert rig.overflows == 1
    assert rig.outbox.waiting == 0


def test_what_cannot_be_written_costs_one_connection(rig: Rig, logged: list[str]) -> None:
    transport = Transport()
    other = Outbox(transport, rig.clock, Limits(), Counts(), rig.turn, rig.turn, list)  # type: ignore[arg-type]  # enough of a transport
    rig.outbox.send_lines([ServerPacket(SERVER, "bob", "\ud800")])  # only an operator can make one
    other.send(b"all is well")
    rig.clock.advance(0)
    assert transport.value() == b"all is well"
    assert rig.transport.disconnected
    assert "output could not be written" in logged
