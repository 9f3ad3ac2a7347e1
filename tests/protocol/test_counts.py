"""What the server counts: each thing that happens, once, and in the right place."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lanchat.core.router import Router
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.net.admission import Admission, parse_networks
from lanchat.protocol.counts import Counts, Histogram
from tests.fakes import ALL, User, Wire, log_in, make_router, store_of
from tests.live import line
from tests.stores import Desk, entry


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


def named(router_and_clock: tuple[Router, Clock], name: str) -> Wire:
    """A client that has been welcomed."""
    wire = Wire(*router_and_clock)
    wire.send(name.encode() + b"\n")
    wire.bytes()
    return wire


def test_a_time_counts_up_to_the_bound_that_it_does_not_exceed() -> None:
    taken = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 1.0, 3.0):
        taken.add(seconds)
    assert taken.counts == [2, 2, 1]
    assert taken.sum == pytest.approx(4.65)


def test_sessions_are_counted_by_the_door_they_came_through(router_and_clock: tuple[Router, Clock]) -> None:
    named(router_and_clock, "ann")
    named(router_and_clock, "bob")
    typed = Wire(*router_and_clock, TelnetProtocol)
    typed.send(b"cat\r\n")
    assert router_and_clock[0].chat.counts.sessions == {"json": 2, "telnet": 1}


def test_sessions_are_counted_by_how_they_end(router_and_clock: tuple[Router, Clock]) -> None:
    router = router_and_clock[0]
    for name in ("quits", "hangs up", "falls silent", "is lost"):
        named(router_and_clock, name.replace(" ", "-"))
    wires = {name: named(router_and_clock, name) for name in ("ann", "bob", "cat", "dan")}
    wires["ann"].send(line("/quit"))
    wires["bob"].connection.connectionLost()
    wires["cat"].lose()
    wires["dan"].connection.goodbye()
    assert router.chat.counts.closed == {("json", how): 1 for how in ("GONE", "HUNG_UP", "LOST", "RELOAD")}
    for wire in wires.values():
        wire.connection.connectionLost()
    assert router.chat.counts.sessions["json"] == 4, "and each only once"


def test_packets_are_counted_as_they_come_and_as_they_go(router_and_clock: tuple[Router, Clock]) -> None:
    counts = router_and_clock[0].chat.counts
    ann, bob = named(router_and_clock, "ann"), named(router_and_clock, "bob")
    before = counts.received, counts.sent
    ann.send(b"".join(line("bob", f"{n}") for n in range(30)) + line("bob", "x" * 1000))
    assert len(bob.packets()) == 31
    assert (counts.received, counts.sent) == (before[0] + 31, before[1] + 31)
    assert counts.relayed == 31


def test_a_shout_counts_for_each_who_gets_it(router_and_clock: tuple[Router, Clock]) -> None:
    wires = [named(router_and_clock, name) for name in ("ann", "bob", "cat")]
    wires[0].send(line("/shout", "to all"))
    assert router_and_clock[0].chat.counts.relayed == 2


def test_what_is_refused_is_counted_by_its_code(router_and_clock: tuple[Router, Clock]) -> None:
    router = router_and_clock[0]
    ann = named(router_and_clock, "ann")
    ann.send(line("nobody", "hello") + b"{]\n" + b"{]\n")
    Wire(*router_and_clock).send(b"ann\n")
    assert router.chat.counts.refused == {"NO_SUCH_TARGET": 1, "BAD_JSON": 2, "NAME_TAKEN": 1}


def test_deliveries_from_the_log_are_counted_one_for_each_reader_and_what_was_lost(
    router_and_clock: tuple[Router, Clock],
) -> None:
    router = router_and_clock[0]
    ann, bob = User(router, "ann").register(), User(router, "bob")
    bob.send("ann", "kept")
    assert (router.chat.counts.delivered, router.chat.counts.relayed) == (1, 0)
    store_of(router.chat).broken = True
    ann.send("bob", "not kept")
    assert (router.chat.counts.delivered, router.chat.counts.not_stored) == (1, 1)


def test_readers_that_must_fetch_what_they_missed_are_counted(router_and_clock: tuple[Router, Clock]) -> None:
    router = router_and_clock[0]
    User(router, "ann").register().leave()
    ann, bob = log_in(router, "ann", *ALL), User(router, "bob")
    ann.client.is_behind = True
    bob.send("ann", "one")
    assert router.chat.counts.gaps == 0
    ann.client.drained.callback(None)
    assert router.chat.counts.gaps == 1


def test_who_does_not_read_is_held_up_until_it_reads_or_is_gone(router_and_clock: tuple[Router, Clock]) -> None:
    counts = router_and_clock[0].chat.counts
    ann, bob = named(router_and_clock, "ann"), named(router_and_clock, "bob")
    bob.connection.outbox.pauseProducing()
    ann.send(line("bob", "x" * 1000))
    router_and_clock[1].advance(0)
    assert [outbox.waiting for outbox in counts.slow_readers] == [bob.connection.outbox.waiting]
    assert bob.connection.outbox.waiting > 1000
    bob.connection.outbox.resumeProducing()
    assert not counts.slow_readers
    bob.connection.outbox.pauseProducing()
    bob.connection.connectionLost()
    assert not counts.slow_readers


def test_who_may_not_connect_is_counted(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    door = ChatFactory(ChatProtocol, router, Admission(router.chat.limits, clock, parse_networks([]), router.chat.counts))
    assert door.buildProtocol(IPv4Address("TCP", "8.8.8.8", 1)) is None
    assert router.chat.counts.denied == 1


def test_connections_are_counted_before_they_have_a_name(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    admission = Admission(router.chat.limits, clock, None, router.chat.counts)
    door = ChatFactory(ChatProtocol, router, admission)
    connection = door.buildProtocol(IPv4Address("TCP", "10.0.0.1", 1))
    assert connection is not None
    connection.makeConnection(StringTransport())
    assert (admission.total, router.chat.counts.sessions.total()) == (1, 0)
    connection.connectionLost()
    assert admission.total == 0


def test_each_commit_is_timed_and_a_failed_one_is_not(tmp_path: Path) -> None:
    counts = Counts()
    with Desk(tmp_path, counts=counts) as desk:
        desk.say(entry("one"))
        assert sum(counts.commits.counts) == 1
        assert 0 < counts.commits.sum < 10
        desk.write(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
        timed = sum(counts.commits.counts)
        assert desk.say(entry("x" * 100_000))[0].state == ""
        assert (sum(counts.commits.counts), counts.failed_commits) == (timed, 1)
        assert "full" in desk.store.last_error
        desk.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())
        assert (desk.store.last_error, counts.failed_commits) == ("", 1)


def test_the_store_knows_for_how_long_nothing_came_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with Desk(tmp_path) as desk:
        monkeypatch.setattr("lanchat.store.store.time", SimpleNamespace(monotonic=clock.seconds))
        clock.advance(100)
        assert desk.store.stalled == 0
        desk.store.append(entry())
        clock.advance(7)
        desk.store.append(entry())
        assert (desk.store.stalled, desk.store.waiting) == (7, 2)
        desk.write(lambda connection: None)
        assert (desk.store.stalled, desk.store.waiting) == (0, 0)
