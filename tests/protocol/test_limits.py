"""Limits: one name, one default, one consequence, one counter; and the neighbours of who is over them."""

from __future__ import annotations

import contextlib
import math

import pytest
from twisted.internet.task import Clock

from lanchat import commands
from lanchat.core.chat import Chat
from lanchat.core.replies import TEXT_A_DELIVERY
from lanchat.core.router import Router
from lanchat.gateways.input import FAIR_SHARE
from lanchat.model.session import Role
from lanchat.protocol.errors import RateLimited
from lanchat.protocol.limits import BURST_SECONDS, LIMITS, MAX_REMEMBERED, READ_OVERHEAD, Bucket, Limits, Quota
from lanchat.protocol.packet import EVERYONE
from tests.fakes import User, Wire, dump, make_router
from tests.live import line
from tests.people import person

TIME = line("/time")


class TurnClock(Clock):
    """As a reactor does, this leaves a call that is made in a turn for the next one."""

    def callLater(self, delay: float, callable: object, *args: object, **kw: object) -> object:  # type: ignore[override]
        """Call it later, and not now."""
        return super().callLater(max(delay, 0.001), callable, *args, **kw)  # type: ignore[arg-type]


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("speed", "1", "the limits are users, per-address"),
        ("users", "many", "above 0"),
        ("users", "-1", "above 0"),
        ("users", "1.5", "a whole number above 0"),
        ("outbox", "0.5", "a whole number above 0"),
        ("packets", "nan", "write a number above 0"),
        ("bad", "", "off"),
    ],
)
def test_a_wrong_limit_is_answered_with_the_right_ones(name: str, value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Limits().set(name, value)


def test_a_limit_can_be_changed_and_lifted() -> None:
    limits = Limits()
    limits.set("packets", "5")
    assert limits["packets"] == 5
    limits.set("packets", "off")
    assert limits["packets"] == math.inf


def test_a_quota_is_so_many_in_an_hour_for_each_and_no_more_are_remembered_than_are_needed() -> None:
    limits, clock = Limits(), Clock()
    limits.set("creations", 2)
    quota = Quota(limits, "creations", clock.seconds)

    def take(*whose: object) -> int:
        """How many of these get something."""
        got = 0
        for who in whose:
            with contextlib.suppress(RateLimited), quota.take(who, "rooms"):
                got += 1
        return got

    assert take(1, 1, 1, 2, None, None, None) == 6
    clock.advance(1800)
    assert take(1, 1, 2) == 2
    with pytest.raises(ZeroDivisionError), quota.take(2, "rooms"):
        1 / 0  # noqa: B018 (it was not made)
    assert take(2, 2) == 1
    limits.set("creations", "off")
    assert take(*[1] * 9) == 9
    limits.set("creations", 1)
    assert take(*range(3, MAX_REMEMBERED + 100)) == MAX_REMEMBERED + 97
    assert len(quota._whole_at) == MAX_REMEMBERED
    clock.advance(4 * 3600)
    assert take("last") == 1
    assert len(quota._whole_at) == 1


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    limits = Limits()
    rate = LIMITS["packets"].default
    bucket = Bucket(limits, "packets")
    assert bucket.available(10**6, now=5) == rate * BURST_SECONDS
    bucket.take(3000, now=5)
    assert bucket.available(10, now=5) == 0
    assert bucket.wait(now=5) == pytest.approx(1000 / rate)
    now = 5 + 1000 / rate + 1
    assert bucket.available(10**6, now) == rate
    assert bucket.try_take(rate, now) == 0
    assert bucket.try_take(1, now) == pytest.approx(1 / rate)
    assert bucket.try_take(1, now) == pytest.approx(1 / rate), "what could not be afforded was not taken"
    assert bucket.available(10**6, now + 1000) == rate * BURST_SECONDS, "it is never more than full"
    assert limits.met["packets"] > 0


def test_a_lifted_rate_owes_nothing() -> None:
    limits = Limits()
    bucket = Bucket(limits, "packets")
    bucket.take(10**6, now=5)
    limits.set("packets", "off")
    assert bucket.wait(now=5) == 0
    assert bucket.available(7, now=5) == 7
    bucket.take(10**6, now=5000)
    limits.set("packets", 10)
    assert bucket.available(10**6, now=10_000) == 100


def test_a_rate_below_one_in_a_burst_is_slow_and_not_never() -> None:
    limits = Limits()
    limits.set("packets", 0.05)
    bucket = Bucket(limits, "packets")
    assert bucket.available(100, now=5) == 1
    bucket.take(1, now=5)
    assert bucket.available(100, now=5) == 0
    assert bucket.wait(now=5, cost=1) == pytest.approx(20)


def test_what_is_owed_comes_at_the_rate_of_today() -> None:
    limits = Limits()
    limits.set("bytes", 10)
    bucket = Bucket(limits, "bytes")
    bucket.take(65536, now=5)
    assert bucket.wait(now=5) == pytest.approx(6553.6 - BURST_SECONDS)
    limits.set("bytes", 262_144)
    assert bucket.wait(now=5) == 0


def test_what_is_taken_right_after_a_change_is_taken_at_the_new_rate() -> None:
    limits = Limits()
    limits.set("bytes", 1000)
    bucket = Bucket(limits, "bytes")
    limits.set("bytes", 10)
    bucket.take(150, 0)
    assert bucket.wait(0) == 5


@pytest.mark.parametrize("used", [0.5, 3, 10])
def test_who_owed_nothing_owes_next_to_nothing_when_a_rate_is_lowered(used: float) -> None:
    limits = Limits()
    bucket = Bucket(limits, "bytes")
    bucket.take(used * limits["bytes"], 0)
    limits.set("bytes", 1000)
    assert bucket.take(64, 0) is False
    assert bucket.wait(0) == pytest.approx(0.064)


def test_a_rate_that_is_lowered_and_lifted_keeps_nobody(router_and_clock: tuple[Router, Clock]) -> None:
    alice, bob = Wire(*router_and_clock), Wire(*router_and_clock)
    for wire, name in ((alice, b"alice\n"), (bob, b"bob\n")):
        wire.send(name)
        wire.packets()
    alice.send(*[line("bob", "hi") * 90] * 10)
    router_and_clock[0].chat.limits.set("packets", 5)
    alice.send(line("bob", "hi") * 90, line("bob", "hi") * 90)
    router_and_clock[0].chat.limits.set("packets", "off")
    alice.wait(2)
    alice.send(line("bob", "last"))
    assert bob.msgs() == ["hi"] * 12 * 90 + ["last"]


def test_to_send_in_many_pieces_is_no_way_round_a_rate(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n")
    pieces, most = 0, LIMITS["bytes"].default * (BURST_SECONDS + 1) / READ_OVERHEAD
    while wire.transport.producerState == "producing" and pieces < most:
        wire.send(b" ")
        pieces += 1
    assert pieces < most


def test_those_who_have_sent_much_share_a_turn() -> None:
    clock = TurnClock()
    router = Router(Chat(clock, "test"), commands.run)  # type: ignore[arg-type]  # it is a clock all the same
    storms = [Wire(router, clock) for _ in range(10)]
    for n, storm in enumerate(storms):
        storm.factory = storm.connection.factory = storms[0].factory
        storm.send(f"storm{n}\n".encode())
    turns = [router.chat.counts.received]
    for storm in storms:
        storm.send(TIME * 200)
    while storms[0].factory.backlog:
        turns.append(router.chat.counts.received)
        clock.advance(0.001)
    served = [after - before for before, after in zip(turns, turns[1:])]  # noqa: B905, RUF007 (Python 3.10's pairwise is the same)
    assert served[0] <= FAIR_SHARE * 3, "those who came first had more"
    assert sorted(served)[len(served) // 2] <= FAIR_SHARE
    assert router.chat.counts.received - turns[0] == 2000


def test_silence_is_no_way_round_a_rate(router_and_clock: tuple[Router, Clock]) -> None:
    bob, wire = User(router_and_clock[0], "bob"), Wire(*router_and_clock)
    wire.send(b"ann\n")
    wire.wait(0.1)
    for _ in range(10):
        wire.send(line("bob", "x").rstrip() * 500)  # no newline: each time it is silence that ends them
        wire.wait(0.2)
    assert len(bob.shown()) <= LIMITS["packets"].default * (BURST_SECONDS + 3)


def test_an_object_that_is_cut_while_its_sender_rests_is_not_given_up(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("packets", 1)
    users = [User(router_and_clock[0], f"user{n}") for n in range(140)]
    wire = Wire(*router_and_clock)
    wire.send(b"ann")
    wire.wait(0.3)
    shout, ask, word = (packet.rstrip() for packet in (line(EVERYONE, "a"), TIME, line("user0", "important")))
    wire.send(shout + ask * 4 + word[:20])
    wire.wait(0.5)
    users[0].shown()
    wire.send(word[20:])
    wire.wait(12)
    assert [packet.msg for packet in users[0].shown()] == ["important"]


def test_a_session_over_its_rate_waits_and_loses_nothing(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("packets", 10)
    flood, calm = Wire(*router_and_clock), Wire(*router_and_clock)
    flood.send(b"flood\n" + TIME * 150)
    calm.send(b"calm\n" + TIME)
    assert len(flood.msgs()) <= 103
    assert len(calm.msgs()) == 2
    assert flood.transport.producerState == "paused"
    answers = 0
    for _ in range(6):
        flood.wait(1.01)
        answers += len(flood.msgs())
    assert 45 <= answers <= 51
    assert flood.transport.producerState == "producing"
    flood.send(TIME)
    flood.wait(0.2)
    assert len(flood.msgs()) == 1


def test_reading_pauses_for_a_second_at_the_most(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("packets", 0.1)
    wire = Wire(*router_and_clock)
    wire.send(b"slow\n" + TIME * 5)
    resumed = []
    resume = wire.transport.resumeProducing
    wire.transport.resumeProducing = lambda: resumed.append(wire.clock.seconds()) or resume()  # type: ignore[method-assign, func-returns-value]
    wire.wait(5)
    assert len(resumed) >= 4


def test_bytes_have_a_rate_too(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("bytes", 1000)
    wire = Wire(*router_and_clock)
    wire.send(b"\n" * (10_500 - READ_OVERHEAD))
    assert wire.transport.producerState == "paused"
    wire.wait(0.6)
    assert wire.transport.producerState == "producing"


def test_a_storm_has_its_share_of_a_turn_and_no_more() -> None:
    served = []

    clock = TurnClock()
    router = Router(Chat(clock, "test"), commands.run)  # type: ignore[arg-type]  # it is a clock all the same
    wire = Wire(router, clock)
    receive = router.receive
    router.receive = lambda *args: served.append(clock.seconds()) or receive(*args)  # type: ignore[func-returns-value, method-assign]
    wire.send(b"storm\n" + TIME * 350)
    for _ in range(10):
        clock.advance(0.001)
    turns = [served.count(at) for at in sorted(set(served))]
    assert sum(turns) == 350
    assert max(turns) <= FAIR_SHARE
    assert len(turns) >= 4


def test_a_session_that_ends_while_it_rests_is_served_no_more(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("packets", 1)
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n" + TIME * 20)
    assert wire.connection.session is not None
    router_and_clock[0].chat.close(wire.connection.session, "FORBIDDEN", "out", why="kicked")
    wire.wait(30)
    assert wire.msgs()[-1] == "out"
    assert wire.transport.disconnecting


@pytest.mark.parametrize("frames", [FAIR_SHARE - 1, FAIR_SHARE])
def test_a_session_that_ends_with_its_share_of_a_turn_does_not_rest(
    router_and_clock: tuple[Router, Clock], frames: int
) -> None:
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n" + TIME * (frames - 2) + line("/quit"))
    assert wire.msgs()[-1] == "Goodbye"
    assert wire.transport.producerState == "producing"


def test_a_lost_connection_leaves_no_rest(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("packets", 1)
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n" + TIME * 20)
    wire.lose()
    assert not [call for call in wire.clock.getDelayedCalls() if "_go_on" in str(call)]


def test_shouts_cost_what_they_cause_and_over_that_are_refused(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    loud = User(router, "loud").hello("ack")
    for n in range(1000):
        User(router, f"user{n}")
    codes = []
    for n in range(60):
        loud.send(EVERYONE, "hey", cid=str(n))
        codes.append(dump(loud.told().x))
    acked = [answer for answer in codes if answer["op"] == "ack"]
    assert 30 <= len(acked) <= 45
    refused = codes[-1]
    assert refused["code"] == "RATE_LIMITED"
    assert isinstance(refused["retry_ms"], int)
    clock.advance(refused["retry_ms"] / 1000)
    loud.send(EVERYONE, "again", cid="x")
    assert dump(loud.told().x)["op"] == "ack"
    other = User(router, "other").hello("ack")
    other.send(EVERYONE, "me too", cid="y")
    assert dump(other.told().x)["op"] == "ack"


@pytest.mark.parametrize("room", [False, True])
def test_a_long_text_to_many_costs_what_is_written_to_each(router_and_clock: tuple[Router, Clock], room: bool) -> None:
    router, clock = router_and_clock
    router.chat.limits.set("packets", 200.2)
    loud = person(router, "loud", Role.USER).hello("ack")
    crowd = [User(router, f"user{n}") for n in range(99)]
    if room:
        loud.send("/create", "#ops")
        for user in crowd:
            user.send("/join", "#ops")
        loud.shown()
    to = "#ops" if room else EVERYONE
    packets = router.chat.limits["packets"] * BURST_SECONDS
    size = TEXT_A_DELIVERY
    for text, cost in (("x" * (size - 1), 5), ("x" * 10 * size, 55), ("\x80" * (10 * size // 4), 55)):
        clock.advance(BURST_SECONDS)
        sent = 0
        while sent <= packets and (not sent or dump(loud.told().x)["op"] == "ack"):
            loud.send(to, text, cid=f"{cost} {sent}")
            sent += 1
        assert sent - 1 == int(packets / cost)


def test_a_refused_shout_is_told_to_classic_clients_in_words(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("packets", 0.01)
    ann = User(router_and_clock[0], "ann")
    for n in range(5):
        User(router_and_clock[0], f"user{n}")
    for _ in range(5):
        ann.send(EVERYONE, "a")
    assert "too much at once" in ann.shown()[-1].msg


def test_the_limit_on_bad_packets_can_be_changed(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("bad", 3)
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n" + b"junk\n" * 3)
    wire.clock.advance(0)
    assert wire.transport.disconnecting
    assert router_and_clock[0].chat.limits.met["bad"] == 1


def test_the_time_for_the_name_can_be_changed(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("opening", 2)
    wire = Wire(*router_and_clock)
    wire.wait(2.1)
    assert "within 2 seconds" in wire.msgs()[0]
    assert router_and_clock[0].chat.limits.met["opening"] == 1


def test_a_lifted_time_for_the_name_is_very_long(router_and_clock: tuple[Router, Clock]) -> None:
    router_and_clock[0].chat.limits.set("opening", "off")
    wire = Wire(*router_and_clock)
    wire.clock.advance(86400)
    assert not wire.transport.disconnecting


# Those who fell silent.


def test_a_silent_capable_client_is_asked_and_given_up(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n" + line("/hello", "lanchat", v=1, caps=["ping"]))
    wire.bytes()
    wire.clock.advance(15)
    assert wire.bytes() == b""
    wire.clock.advance(15)
    (ping,) = wire.packets()
    assert ping["x"]["op"] == "ping"
    wire.send(line("/pong", t=ping["x"]["t"]))
    assert wire.bytes() == b""
    for _ in range(4):
        wire.clock.advance(15)
    bye = wire.packets()[-1]
    assert (bye["x"]["op"], bye["x"]["code"]) == ("bye", "IDLE")
    assert router_and_clock[0].chat.online.find("ann") is None


def test_who_did_not_ask_for_pings_gets_none(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n" + line("/hello", "lanchat", v=1, caps=["ack"]))
    wire.bytes()
    wire.clock.advance(300)
    assert wire.bytes() == b""
    assert router_and_clock[0].chat.online.find("ann") is not None


def test_pings_end_with_the_last_who_wanted_them(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock)
    wire.send(b"ann\n" + line("/hello", "lanchat", v=1, caps=["ping"]))
    wire.lose()
    wire.clock.advance(15)
    wire.clock.advance(15)
    assert not [call for call in wire.clock.getDelayedCalls() if "Keepalive" in str(call)]


@pytest.mark.parametrize("rate", ["off", 0.05, 1, 10])
def test_one_is_taken_the_short_way_only_while_another_is_there(rate: str | float) -> None:
    limits = Limits()
    limits.set("packets", rate)
    short, full = Bucket(limits, "packets"), Bucket(limits, "packets")
    for now in [5.0] * 300 + [6.5, 7.0, 7.0, 500.0]:
        there = full.available(2, now)
        taken = short.take_one(now)
        assert not taken or there == 2
        if taken:
            full.take(1, now)
        assert short.available(1000, now) == full.available(1000, now)


def test_one_is_not_taken_the_short_way_at_a_rate_that_has_changed() -> None:
    limits = Limits()
    bucket = Bucket(limits, "packets")
    assert bucket.take_one(now=5)
    limits.set("packets", 10)
    assert not bucket.take_one(now=5)
    bucket.take(1, now=5)
    assert bucket.take_one(now=5), "the rate has been adopted"
