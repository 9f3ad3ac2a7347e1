"""Pacing: an unframed client is never closed for what it can't be sent in time, and no sender takes all of its time."""

from __future__ import annotations

import json

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.protocol.limits import LIMITS
from lanchat.protocol.packet import EVERYONE
from tests.fakes import PASSWORD, User, Wire, make_router
from tests.live import line

LONG = "x" * 16_000
MOST = LIMITS["outbox"].default


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    router, clock = make_router()
    router.chat.limits.set("packets", "off")
    return router, clock


@pytest.fixture
def eve(router_and_clock: tuple[Router, Clock]) -> User:
    return User(router_and_clock[0], "eve")


@pytest.fixture
def bob(router_and_clock: tuple[Router, Clock]) -> User:
    return User(router_and_clock[0], "bob")


def unframed(router_and_clock: tuple[Router, Clock], name: str = "ann") -> Wire:
    wire = Wire(*router_and_clock)
    wire.send(name.encode())
    wire.wait(0.2)
    wire.bytes()
    return wire


def shown(wire: Wire, seconds: float = 10) -> list[tuple[str, str]]:
    """Who said what, as the client shows it within so many seconds, which reads a packet at a time."""
    told = []
    for _ in range(round(seconds / 0.01)):
        wire.wait(0.01)
        if data := wire.bytes():
            packet = json.loads(data)
            told.append((packet["from"]["name"], packet["msg"]))
    return told


@pytest.mark.parametrize("to", ["ann", EVERYONE])
def test_a_flood_closes_no_client_that_is_sent_a_packet_at_a_time(
    router_and_clock: tuple[Router, Clock], eve: User, to: str
) -> None:
    ann = unframed(router_and_clock)
    for _ in range(60):
        eve.send(to, LONG)
        assert ann.connection.queued() <= MOST
    assert router_and_clock[0].chat.online.find("ann") is not None
    told = shown(ann)
    whole = sum(text.startswith("(1/") for _, text in told)
    name, last = told[-1]
    assert name == "SERVER"
    assert last.startswith(f"{60 - whole} messages were left out here")
    assert 5 < whole < 60
    assert router_and_clock[0].chat.limits.met["outbox"] == 60 - whole
    eve.send("ann", "still there?")
    assert shown(ann, 0.1) == [("eve", "still there?")]


def test_what_others_say_is_shown_beside_a_flood(router_and_clock: tuple[Router, Clock], eve: User, bob: User) -> None:
    ann = unframed(router_and_clock)
    for _ in range(30):
        eve.send("ann", LONG)
    bob.send("ann", "the first")
    ann.send(line("/time").strip())
    for _ in range(30):
        eve.send("ann", LONG)
    told = shown(ann)
    assert ("bob", "the first") in told
    assert any(text.startswith("Server time") for _, text in told)


def test_the_line_about_what_is_missing_is_where_it_is_missing(router_and_clock: tuple[Router, Clock], eve: User) -> None:
    ann = unframed(router_and_clock)
    for n in range(40):
        eve.send("ann", f"{n} {LONG}")
    told = shown(ann, 0.5)
    eve.send("ann", "too early")
    told += shown(ann, 0.7)
    eve.send("ann", "again")
    told += shown(ann, 5)
    after = [text for _, text in told[-2:]]
    assert after[0].endswith("left out here, because more arrived than can be sent to you. /history shows the stored ones.")
    assert after[1] == "again"
    assert ("eve", "too early") not in told


def test_who_does_not_read_is_closed_as_any_other(router_and_clock: tuple[Router, Clock], eve: User) -> None:
    ann = unframed(router_and_clock)
    ann.connection.outbox.pauseProducing()
    for _ in range(30):
        eve.send("ann", LONG)
    assert router_and_clock[0].chat.online.find("ann") is None


def test_what_was_left_out_was_not_written(router_and_clock: tuple[Router, Clock], eve: User) -> None:
    ann = User(router_and_clock[0], "ann").register()
    ann.leave()
    wire = unframed(router_and_clock)
    wire.send(line("/login", PASSWORD).strip())
    shown(wire, 0.3)
    for n in range(30):
        eve.send("ann", f"number {n} {LONG}")
    told = shown(wire)
    seen = [n for n in range(30) if any(f"number {n} " in text for _, text in told)]
    eve.send("ann", "the last")
    shown(wire, 1)
    wire.lose()
    again = unframed(router_and_clock)
    again.send(line("/login", PASSWORD).strip())
    told = shown(again, 30)
    assert seen
    assert [n for n in range(30) if any(f"number {n} " in text for _, text in told)] == list(range(len(seen), 30))
    assert told[-1] == ("eve", "the last"), "what is read back waits for the client, and nothing of it is left out"


def test_with_a_limit_that_nothing_fits_in_nobody_is_closed_either(router_and_clock: tuple[Router, Clock], eve: User) -> None:
    ann = unframed(router_and_clock)
    router_and_clock[0].chat.limits.set("outbox", 1000)
    eve.send("ann", "hi")
    ann.wait(1)
    assert ann.connection.queued() == 0
    assert router_and_clock[0].chat.online.find("ann") is not None
