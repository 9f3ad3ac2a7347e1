"""Sanctions: whom they hit, how long they hold, that they last, and that nobody else pays for them."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lanchat.core.router import Router
from lanchat.model.room import Room
from lanchat.model.sanction import BAN, MUTE, Sanction
from lanchat.model.session import Account, Role, Session
from lanchat.model.targets import find_target
from lanchat.protocol.durations import format_duration, parse_duration
from lanchat.protocol.errors import Banned, ChatError, Full, Muted, NoSuchTarget, NotStored, Usage
from lanchat.state.sanctions import MOST_UNDONE
from tests.core.test_calls import Script, steps
from tests.fakes import FakeStore, User, make_router
from tests.live import Peer, Server, login
from tests.people import again, connection, person

RouterAndClock = tuple[Router, Clock]


@pytest.fixture
def router_and_clock() -> RouterAndClock:
    return make_router()


def impose(
    router: Router, kind: str, target: str, until: float | None = None, room: str | None = None, by: str = "ann"
) -> None:
    """Decide it, as a moderator would."""
    place = router.chat.rooms.find(room) if room else None
    kept = find_target(target, router.chat.online.account).kept
    sanction = Sanction(kind, place, kept, None if until is None else int(until), "spam", by, int(router.chat.now()))
    now(router.chat.sanctions.impose(sanction))


def now(work: Coroutine[Any, Any, object]) -> None:
    """Do this, which need not wait; it raises what it raises."""
    wrong: list[Exception] = []

    def note(failure: Failure) -> None:
        assert isinstance(failure.value, Exception)
        wrong.append(failure.value)

    Deferred.fromCoroutine(work).addErrback(note)
    for error in wrong:
        raise error


def rows(router: Router) -> list[tuple[object, ...]]:
    return connection(router).execute("SELECT kind, room, target, until FROM sanctions ORDER BY id").fetchall()


def refused(router: Router, name: str, ip: str) -> bool:
    """Whether somebody is turned away who comes now."""
    try:
        User(router, name, ip).send("/quit")
    except Banned:
        return True
    return False


def nobody(name: str) -> Account | None:
    return None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Bob", "bob"),
        ("@bob", "bob"),
        ("ÀÉ", "àé"),
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7/32", "10.0.0.7"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
    ],
)
def test_a_target_is_kept_in_one_form(text: str, kept: str) -> None:
    assert find_target(text, nobody).kept == kept


@pytest.mark.parametrize("text", ["", " ", "@", "10.1", "10.0.0.0/33", "b b", "x" * 33, "SERVER", "#ops", "\x1b[2J", "0x7f.1"])
def test_what_is_no_name_and_no_address_is_nobody(text: str) -> None:
    with pytest.raises(NoSuchTarget, match="not a name, a mask, an address or a network"):
        find_target(text, nobody)


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        *((text, True) for text in ("127.0.0.1", "127.1.2.3", "0.0.0.0/0", "::1", "::/0", "::ffff:127.0.0.1")),
        *((text, False) for text in ("10.0.0.0/8", "126.0.0.0/8", "2000::/3", "localhost")),
    ],
)
def test_a_target_knows_whether_it_is_the_machine_itself(text: str, machine: bool) -> None:
    assert find_target(text, nobody).is_machine is machine


@pytest.mark.parametrize(("text", "there"), [("30s", 30), ("10m", 600), ("2H", 7200), ("7d", 604800), (" ", None)])
def test_a_duration_is_a_number_with_a_unit(text: str, there: int | None) -> None:
    assert parse_duration(text) == there


@pytest.mark.parametrize("text", ["0s", "10", "m", "-1m", "1.5h", "10min", "999999d", "²m", "1h30m", "for"])
def test_a_wrong_duration_is_answered_with_right_ones(text: str) -> None:
    with pytest.raises(Usage, match="Write 30s, 10m, 2h or 7d"):
        parse_duration(text)


@given(st.integers(1, 99_999), st.sampled_from("smhd"))
def test_what_is_said_of_a_duration_is_never_more_than_it_is(number: int, unit: str) -> None:
    there = parse_duration(f"{number}{unit}")
    assert there is not None
    said = [parse_duration(part) or 0 for part in format_duration(there).split()]
    assert 0 <= there - sum(said) < said[0]
    assert format_duration(0.2) == "1s"


@pytest.mark.parametrize(
    ("target", "hit", "spared"),
    [
        ("bob", ("BOB", "10.0.0.7"), ("bobby", "10.0.0.7")),
        ("10.0.0.7", ("bob", "10.0.0.7"), ("bob", "10.0.0.8")),
        ("10.0.0.0/8", ("bob", "10.9.9.9"), ("bob", "11.0.0.1")),
        ("2001:db8::/32", ("bob", "2001:db8::5"), ("bob", "2001:db9::5")),
        ("fe80::1", ("bob", "fe80::1%eth0"), ("bob", "fe80::2%eth0")),
    ],
)
def test_a_ban_turns_away_whom_it_hits_and_nobody_else(
    router_and_clock: RouterAndClock, target: str, hit: tuple[str, str], spared: tuple[str, str]
) -> None:
    router, clock = router_and_clock
    impose(router, BAN, target)
    for server in (router, again(router, clock)):
        assert refused(server, *hit)
        assert not refused(server, *spared)


def test_who_is_turned_away_is_told_why_and_takes_no_name(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    impose(router, BAN, "bob", clock.seconds() + 7200)
    with pytest.raises(Banned, match=r"^You are banned by ann for 2h \(spam\)\.$") as told:
        User(router, "bob")
    assert told.value.retry_ms == pytest.approx(7_200_000, abs=1000)
    assert len(router.chat.online) == 0


def test_a_ban_of_an_account_turns_strangers_away_too(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    person(router, "bob", Role.USER).send("/quit")
    impose(router, BAN, "bob")
    assert rows(router) == [("ban", None, "@1", None)]
    assert refused(again(router, clock), "bob", "10.0.0.1")


def test_what_has_run_out_is_forgotten_by_whoever_comes_upon_it(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    impose(router, BAN, "bob", clock.seconds() + 60)
    impose(router, BAN, "10.0.0.9")
    clock.advance(61)
    assert not refused(router, "bob", "10.0.0.1")
    assert len(router.chat.sanctions) == 1
    assert rows(router) == [("ban", None, "10.0.0.9", None)]


def test_what_has_run_out_is_forgotten_at_the_start(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    impose(router, BAN, "bob", clock.seconds() + 60)
    impose(router, MUTE, "cat")
    clock.advance(61)
    assert len(again(router, clock).chat.sanctions) == 1
    assert rows(router) == [("mute", None, "cat", None)]


def test_what_is_about_an_account_that_is_gone_is_forgotten_at_the_start(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    person(router, "bob", Role.USER)
    person(router, "cat", Role.USER)
    impose(router, BAN, "bob")
    impose(router, BAN, "cat")
    connection(router).execute("DELETE FROM accounts WHERE key = 'bob'")
    assert len(again(router, clock).chat.sanctions) == 1
    assert rows(router) == [("ban", None, "@2", None)]


def test_another_of_its_kind_takes_its_place(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    impose(router, BAN, "bob", clock.seconds() + 60)
    impose(router, BAN, "bob")
    impose(router, MUTE, "bob")
    assert rows(router) == [("ban", None, "bob", None), ("mute", None, "bob", None)]
    clock.advance(61)
    assert refused(router, "bob", "10.0.0.1")


def test_who_is_under_none_is_never_looked_at(router_and_clock: RouterAndClock) -> None:
    router, _ = router_and_clock
    ann, bob = User(router, "ann"), User(router, "bob")
    impose(router, MUTE, "bob")
    impose(router, MUTE, "10.0.0.99")
    router.chat.sanctions.update_mute(bob.session, None)
    assert ann.session.speech_check is None
    assert bob.session.speech_check is not None


def test_a_mute_holds_from_the_first_word_on_and_ends_by_itself(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    impose(router, MUTE, "bob", clock.seconds() + 60)
    ann, bob = User(router, "ann"), User(router, "bob").hello()
    bob.send("ann", "hi", cid="1")
    told = bob.told()
    assert told.x is not None
    assert (told.x.code, told.x.cid) == ("MUTED", "1")
    assert told.msg == "Nobody got that: you are muted by ann for 1m (spam)."
    clock.advance(61)
    bob.send("ann", "hi")
    assert ann.told().msg == "hi"
    assert bob.session.speech_check is None


def test_a_muted_account_that_logs_in_is_muted(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    person(router, "bob", Role.USER).send("/quit")
    impose(router, MUTE, "bob")
    for server in (router, again(router, clock)):
        bob = person(server, "bob", Role.USER)
        bob.send("Everyone", "hi")
        assert "you are muted" in bob.told().msg


def test_a_mute_is_not_shaken_off_with_an_account(router_and_clock: RouterAndClock) -> None:
    router, _ = router_and_clock
    impose(router, MUTE, "bob")
    bob = User(router, "bob")
    bob.send("/register", "pw")
    assert "is your account now" in bob.told().msg
    bob.send("Everyone", "hi")
    assert "you are muted" in bob.told().msg


def test_a_room_that_is_gone_takes_its_sanctions_along(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    connection(router).execute("PRAGMA foreign_keys = 1")
    person(router, "olga", Role.USER).send("/create", "#ops")
    olga = person(router, "olga", Role.USER)
    impose(router, BAN, "bob", room="#ops")
    room = router.chat.rooms.find("#ops")
    olga.send("/close", "#ops")
    assert len(router.chat.sanctions) == len(again(router, clock).chat.sanctions) == 0
    assert rows(router) == []
    with pytest.raises(NoSuchTarget, match="closed"):
        now(router.chat.sanctions.impose(Sanction(BAN, room, "bob", None, "", "olga", 0)))
    assert len(router.chat.sanctions) == 0


def test_a_sanction_of_a_room_that_is_not_there_is_nobodys(router_and_clock: RouterAndClock) -> None:
    """And never one of the whole server, whatever became of the room."""
    router, clock = router_and_clock
    connection(router).execute("PRAGMA foreign_keys = 0")  # as in a file that somebody has changed
    connection(router).execute("INSERT INTO sanctions VALUES (1, 'ban', 99, 'bob', NULL, '', 'ann', 0)")
    assert not refused(again(router, clock), "bob", "10.0.0.1")


def test_a_ban_holds_while_it_is_being_written(router_and_clock: RouterAndClock) -> None:
    router, _ = router_and_clock
    store = router.chat.store
    assert isinstance(store, FakeStore)
    store.held = True
    impose(router, BAN, "bob")
    assert refused(router, "bob", "10.0.0.1")


def test_what_could_not_be_kept_was_not_decided(router_and_clock: RouterAndClock, monkeypatch: pytest.MonkeyPatch) -> None:
    router, clock = router_and_clock
    impose(router, BAN, "bob", clock.seconds() + 60)

    async def fails(job: object) -> None:
        raise NotStored("no")

    monkeypatch.setattr(router.chat.store, "write", fails)
    for target in ("bob", "cat"):
        with pytest.raises(NotStored):
            impose(router, BAN, target)
    assert not refused(router, "cat", "10.0.0.1")
    assert refused(router, "bob", "10.0.0.1")
    monkeypatch.undo()
    clock.advance(61)
    assert not refused(router, "bob", "10.0.0.1")


@pytest.mark.parametrize("kind", [BAN, MUTE])
def test_of_two_that_both_could_not_be_kept_neither_is_in_force(router_and_clock: RouterAndClock, kind: str) -> None:
    router, _ = router_and_clock
    store = router.chat.store
    assert isinstance(store, FakeStore)
    store.held = store.broken = True
    faults = [proposed(router, kind, "bob"), proposed(router, kind, "bob")]
    store.release()
    assert [fault.type for found in faults for fault in found] == [NotStored, NotStored]
    assert not router.chat.sanctions.listed(None)
    assert not refused(router, "bob", "10.0.0.1")
    assert User(router, "bob").session.speech_check is None


def test_of_two_the_one_that_was_kept_is_in_force(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    store = router.chat.store
    assert isinstance(store, FakeStore)
    impose(router, BAN, "bob", clock.seconds() + 60)
    store.held = True
    proposed(router, BAN, "bob", clock.seconds() + 120)
    store.release()
    store.held = store.broken = True
    proposed(router, BAN, "bob", clock.seconds() + 240)
    assert len(router.chat.sanctions.listed(None)) == 1
    store.release()
    clock.advance(119)
    assert refused(router, "bob", "10.0.0.1")
    clock.advance(2)
    assert not refused(router, "bob", "10.0.0.1")


def test_a_ban_that_is_undone_while_it_is_being_written_is_over(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    store = router.chat.store
    assert isinstance(store, FakeStore)
    store.held = True
    proposed(router, BAN, "bob")
    undone = Deferred.fromCoroutine(router.chat.sanctions.lift(BAN, None, find_target("bob", lambda name: None)))
    store.release()
    assert undone.result is True
    assert not router.chat.sanctions.listed(None)
    assert not refused(again(router, clock), "bob", "10.0.0.1")


def test_what_could_not_be_undone_is_still_in_force(router_and_clock: RouterAndClock) -> None:
    router, _ = router_and_clock
    store = router.chat.store
    assert isinstance(store, FakeStore)
    impose(router, BAN, "bob")
    store.broken = True
    undone = Deferred.fromCoroutine(router.chat.sanctions.lift(BAN, None, find_target("bob", lambda name: None)))
    undone.addErrback(lambda failure: failure.trap(NotStored))
    assert refused(router, "bob", "10.0.0.1")


def test_what_is_being_written_counts_as_one_of_those_that_can_be_kept(router_and_clock: RouterAndClock) -> None:
    router, _ = router_and_clock
    store = router.chat.store
    assert isinstance(store, FakeStore)
    router.chat.limits.set("sanctions", "1")
    store.held = True
    proposed(router, BAN, "bob")
    assert [fault.type for fault in proposed(router, BAN, "cat")] == [Full]
    assert not proposed(router, BAN, "bob")  # in place of the first
    router.chat.limits.set("sanctions", "off")
    router.chat.limits.set("decided", "1")
    assert [fault.type for fault in proposed(router, BAN, "cat")] == [Full]
    store.release()
    assert len(router.chat.sanctions.listed(None)) == 1


@pytest.mark.parametrize("target", ["bob", "10.0.0.0/8"])
def test_what_is_being_written_holds_though_another_about_the_same_could_not_be_kept(
    router_and_clock: RouterAndClock, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    router, _ = router_and_clock
    store = router.chat.store
    assert isinstance(store, FakeStore)
    store.held = True
    proposed(router, BAN, target)
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", lambda job: fail(NotStored("too much waits to be stored")))
        assert [fault.type for fault in proposed(router, BAN, target)] == [NotStored]
    assert refused(router, "bob", "10.0.0.1")
    store.release()
    assert refused(router, "bob", "10.0.0.1")


def proposed(router: Router, kind: str, target: str, until: float | None = None) -> list[Failure]:
    """Decide something, which may have to wait; what goes wrong then, or later."""
    faults: list[Failure] = []
    until = None if until is None else int(until)
    sanction = Sanction(
        kind, None, find_target(target, router.chat.online.account).kept, until, "spam", "ann", int(router.chat.now())
    )
    Deferred.fromCoroutine(router.chat.sanctions.impose(sanction)).addErrback(faults.append)
    return faults


def test_there_are_so_many_and_rooms_leave_moderators_theirs(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    person(router, "olga", Role.USER).send("/create", "#ops")
    person(router, "olga", Role.USER).send("/create", "#dev")
    router.chat.limits.set("sanctions", 3)
    router.chat.limits.set("room-sanctions", 2)
    impose(router, BAN, "a", room="#ops")
    impose(router, BAN, "b", clock.seconds() + 60, room="#ops")
    with pytest.raises(Full):
        impose(router, BAN, "c", room="#ops")
    impose(router, BAN, "a", room="#ops")
    impose(router, BAN, "a", room="#dev")
    with pytest.raises(Full):
        impose(router, BAN, "b", room="#dev")
    for target in "abc":
        impose(router, BAN, target)
    with pytest.raises(Full):
        impose(router, BAN, "d")
    assert router.chat.limits.met["sanctions"] == 2
    assert router.chat.limits.met["room-sanctions"] == 1
    clock.advance(61)
    impose(router, BAN, "b", room="#dev")


def test_what_one_has_decided_leaves_others_their_share(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    person(router, "olga", Role.USER).send("/create", "#ops")
    person(router, "olga", Role.USER).send("/create", "#dev")
    router.chat.limits.set("decided", 2)
    impose(router, BAN, "a", room="#ops", by="olga")
    impose(router, BAN, "b", clock.seconds() + 60, room="#dev", by="olga")
    impose(router, BAN, "a", room="#ops", by="olga")  # in place of the first
    for server in (router, again(router, clock)):
        server.chat.limits.set("decided", 2)
        with pytest.raises(Full):
            impose(server, BAN, "c", room="#ops", by="olga")
        assert server.chat.limits.met["decided"] == 1
    impose(router, BAN, "c", room="#ops", by="mod")
    clock.advance(61)
    impose(router, BAN, "d", room="#ops", by="olga")
    room = router.chat.rooms.find("#ops")
    assert room is not None
    router.chat.sanctions.forget(room)
    impose(router, BAN, "e", room="#dev", by="olga")
    impose(router, BAN, "f", room="#dev", by="olga")


def looked_at(router: Router, user: User, room: Room) -> float:
    """The steps of our own code that it takes to see whether somebody may join a room and speak there."""

    def look() -> None:
        router.chat.sanctions.check_may_join(user.session, room)
        router.chat.sanctions.check_may_speak(user.session, room)

    look()  # what is known of an address is kept
    return steps(Script(look))


NETWORKS = [*(f"192.0.0.0/{n}" for n in range(2, 33)), *(f"2a00::/{n}" for n in range(8, 129))]


@pytest.mark.parametrize("ip", ["10.0.0.9", "2001:db8::9"])
def test_what_is_decided_in_one_room_costs_others_nothing_and_undone_it_costs_nothing(
    router_and_clock: RouterAndClock, ip: str
) -> None:
    router, _ = router_and_clock
    router.chat.limits.set("room-sanctions", "off")
    person(router, "olga", Role.USER).send("/create", "#ops")
    person(router, "olga", Role.USER).send("/create", "#dev")
    ops, dev = router.chat.rooms.with_prefix("#ops")[0], router.chat.rooms.with_prefix("#dev")[0]
    bob = User(router, "bob", ip)
    nothing = looked_at(router, bob, ops)
    impose(router, BAN, "nobody", room="#ops")
    one = looked_at(router, bob, ops)
    for network in NETWORKS:
        impose(router, BAN, network, room="#dev")
        impose(router, MUTE, network, room="#dev")
    assert looked_at(router, bob, ops) == one
    assert looked_at(router, bob, dev) < 2 * 25 * len(NETWORKS)
    for network in NETWORKS:
        for kind in (BAN, MUTE):
            now(router.chat.sanctions.lift(kind, dev, find_target(network, nobody)))
    assert looked_at(router, bob, dev) == nothing
    impose(router, BAN, "nobody", room="#dev")
    assert looked_at(router, bob, dev) == one


def test_to_find_those_that_have_run_out_the_others_are_not_looked_at(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    person(router, "olga", Role.USER).send("/create", "#ops")
    ops = router.chat.rooms.with_prefix("#ops")[0]

    def lift() -> float:
        return steps(Script(lambda: now(router.chat.sanctions.lift(BAN, ops, find_target("zoe", nobody)))))

    impose(router, BAN, "user", clock.seconds() + 999, room="#ops")
    few = lift()
    for n in range(90):
        impose(router, BAN, f"user{n}", clock.seconds() + 1000 + n, room="#ops")
    assert lift() == few


def test_what_was_undone_or_replaced_is_not_remembered_until_its_end(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    impose(router, BAN, "zoe", clock.seconds() + 50)
    for n in range(10 * MOST_UNDONE):
        impose(router, BAN, "bob", clock.seconds() + 1000 + n)
        now(router.chat.sanctions.lift(BAN, None, find_target("bob", nobody)))
        impose(router, MUTE, "bob", clock.seconds() + 1000 + n)
    assert len(router.chat.sanctions._ends) < 2 * MOST_UNDONE
    clock.advance(51)
    assert not refused(router, "zoe", "10.0.0.1")
    assert len(router.chat.sanctions) == 1
    clock.advance(10_000)
    assert router.chat.sanctions.listed(None) == []


def test_a_sanction_in_a_room_counts_only_there(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    person(router, "olga", Role.USER).send("/create", "#ops")
    impose(router, MUTE, "bob", clock.seconds() + 60, room="#ops")
    bob, ops = User(router, "bob"), router.chat.rooms.get("#ops", User(router, "eve").session)
    assert bob.session.speech_check is None
    assert code(router, bob.session) == Muted.code
    clock.advance(61)
    router.chat.sanctions.check_may_speak(bob.session, ops)
    assert len(router.chat.sanctions) == 0


def code(router: Router, session: Session) -> str:
    """Why somebody may not speak in #ops."""
    with pytest.raises(ChatError) as wrong:
        router.chat.sanctions.check_may_speak(session, router.chat.rooms.get("#ops", session))
    return wrong.value.code


def account(port: int, name: str, word: str) -> Peer:
    """Somebody who registers, or logs in."""
    peer = Peer(port)
    peer.send(name.encode() + b"\n")
    peer.wait_for(name)
    peer.say(word, "correct horse")
    peer.wait_for(name)
    return peer


def test_a_real_server_keeps_what_was_decided_through_kill_9(tmp_path: Path) -> None:
    with Server(tmp_path) as server, account(server.port(), "olga", "/register") as olga, login(server.port(), "bob"):
        olga.say("/create", "#ops")
        olga.say("/ban", "#ops bob 1h spam")
        olga.wait_for("bob is banned from #ops by olga for 1h (spam)")
        server.stop(signal.SIGKILL)
    with sqlite3.connect(tmp_path / "data" / "lanchat.db") as database:
        database.execute("UPDATE accounts SET role = 2")
    with Server(tmp_path) as server, account(server.port(), "olga", "/login") as olga, login(server.port(), "bob") as bob:
        bob.say("/join", "#ops")
        bob.wait_for("You are banned from #ops by olga for ")
        olga.say("/ban", "bob 1h spam")
        olga.wait_for("1 connection was closed")
        assert bob.packet()["msg"] == "You are banned by olga for 1h (spam)."
        assert bob.at_end()
        server.stop(signal.SIGKILL)
    with Server(tmp_path) as server, Peer(server.port()) as bob:
        bob.send(b"BOB\n")
        bob.wait_for("You are banned by olga for ")
        assert bob.at_end()
        assert "BANNED" in server.logged("refused 127.0.0.1")
