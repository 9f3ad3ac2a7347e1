"""Passwords and tokens: real hashes in a real thread, and results that come back where they were asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from queue import Empty
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from twisted.internet.defer import CancelledError, Deferred

from lanchat.auth import passwords
from lanchat.auth.passwords import (
    COST,
    MAX_NEW,
    MAX_PASSWORD,
    MAX_WAITING,
    MIN_PASSWORD,
    Hasher,
    make_token,
    prepared,
    token_hash,
)
from lanchat.protocol.errors import RateLimited, Usage
from tests.live import PATIENCE
from tests.turns import Turns


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def hasher(turns: Turns) -> Iterator[Hasher]:
    made = Hasher(turns, CHEAPEST)
    made.startService()
    yield made
    if made.running:
        turns.wait(made.stopService())


class Slow:
    """Keeps the thread busy until it may go on, and counts what it did."""

    def __init__(self, hasher: Hasher, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.begun = threading.Event()
        self.hashes = 0
        self._real = hasher._matches
        monkeypatch.setattr(hasher, "_matches", self._slow)

    def _slow(self, kept: str, password: bytes) -> bool:
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        self.hashes += 1
        return self._real(kept, password)


@pytest.fixture
def slow(hasher: Hasher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow(hasher, monkeypatch)
    yield made
    made.go_on.set()


def verify(hasher: Hasher, kept: str | None, password: str | bytes) -> Deferred[bytes | None]:
    return Deferred.fromCoroutine(hasher.verify(kept, password))


def test_a_password_opens_what_was_kept_of_it_and_no_other_does(hasher: Hasher, turns: Turns) -> None:
    kept = turns.run(hasher.hash("pass wörd"))
    assert "pass" not in kept
    assert turns.run(hasher.verify(kept, "pass wörd"))
    assert turns.run(hasher.verify(kept, "pass wörd".encode()))
    assert not turns.run(hasher.verify(kept, "pass word"))
    assert kept != turns.run(hasher.hash("pass wörd")), "each has a salt of its own"


#: Passwords as they may be kept, and as another keyboard has them.
KEYBOARDS = (
    ("caf\u00e9 olé", "cafe\u0301 ole\u0301"),
    ("two\u00a0words", "two words"),
    ("\u212b-\u1112\u1161\u11ab", "\u00c5-하\u11ab"),
)


@pytest.mark.parametrize(("kept", "typed"), [*KEYBOARDS, *(pair[::-1] for pair in KEYBOARDS)])
def test_a_password_is_the_same_on_every_keyboard(hasher: Hasher, turns: Turns, kept: str, typed: str) -> None:
    assert turns.run(hasher.verify(turns.run(hasher.hash(kept)), typed)) == prepared(typed.encode())


def test_what_was_kept_of_the_bytes_as_they_came_is_still_opened_by_them(hasher: Hasher, turns: Turns) -> None:
    for old in ("cafe\u0301", "a\u00a0b", "\x01\x7f", "\U000e0fff!"):
        kept = PasswordHasher.from_parameters(CHEAPEST).hash(old)
        assert turns.run(hasher.verify(kept, old)) == old.encode()
    raw = b"\xff\xfe no text"
    assert turns.run(hasher.verify(turns.run(hasher.hash(raw)), raw)) == raw


@pytest.mark.parametrize(("password", "cost"), [("caf\u00e9", 1), ("cafe", 1), ("cafe\u0301", 2)])
@pytest.mark.parametrize("kept", [None, "something else"])
def test_only_a_password_of_two_forms_may_cost_two_hashes(
    hasher: Hasher, turns: Turns, slow: Slow, password: str, cost: int, kept: str | None
) -> None:
    slow.go_on.set()
    there = kept and turns.run(hasher.hash(kept))
    assert turns.run(hasher.verify(there, password)) is None
    assert slow.hashes == cost


def test_both_forms_of_a_password_have_places_of_their_own_in_the_queue(hasher: Hasher, turns: Turns, slow: Slow) -> None:
    first, others = verify(hasher, None, "cafe\u0301"), [verify(hasher, None, "x") for _ in range(3)]
    assert hasher.waiting == 4
    slow.go_on.set()
    turns.wait(others[-1])
    assert not first.called, "its second hash is the last"
    assert turns.wait(first) is None


def test_a_new_password_has_a_least_length_in_characters_and_an_old_one_has_none(hasher: Hasher, turns: Turns) -> None:
    for short in ("x" * (MIN_PASSWORD - 1), "e\u0301" * (MIN_PASSWORD - 1), ""):
        with pytest.raises(Usage):
            turns.run(hasher.hash_new(short))
    assert turns.run(hasher.hash_new("é" * MIN_PASSWORD))
    assert turns.run(hasher.verify(turns.run(hasher.hash("x")), "x"))


def test_nobody_has_no_password(hasher: Hasher, turns: Turns) -> None:
    assert not turns.run(hasher.verify(None, "x"))
    assert not turns.run(hasher.verify("", "x"))


@pytest.mark.parametrize(
    "kept", ["*", "$argon2id$v=19$garbage", "$argon2id$é", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "plain"]
)
def test_what_is_no_hash_is_opened_by_nothing(hasher: Hasher, turns: Turns, kept: str) -> None:
    assert not turns.run(hasher.verify(kept, kept))


@pytest.mark.parametrize("kept", [None, "", "*"])
def test_it_costs_as_much_to_find_that_there_is_nobody(
    hasher: Hasher, turns: Turns, monkeypatch: pytest.MonkeyPatch, kept: str | None
) -> None:
    costs = []
    real = PasswordHasher.verify

    def count(self: Any, hash: str, password: bytes) -> bool:
        if hash.startswith("$argon2"):
            costs.append(hash.split("$")[3])
        return real(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    known = turns.run(hasher.hash("x"))
    assert not turns.run(hasher.verify(known, "y"))
    assert not turns.run(hasher.verify(kept, "y"))
    assert costs == ["m=8,t=1,p=1"] * 2


@pytest.mark.parametrize("password", ["", b"", "x" * (MAX_PASSWORD + 1), "é" * (MAX_PASSWORD // 2 + 1)])
def test_a_password_is_bounded(hasher: Hasher, turns: Turns, password: str) -> None:
    with pytest.raises(Usage):
        turns.run(hasher.hash(password))
    with pytest.raises(Usage):
        turns.run(hasher.verify(None, password))


def test_the_longest_password_counts_to_its_end(hasher: Hasher, turns: Turns) -> None:
    kept = turns.run(hasher.hash("x" * MAX_PASSWORD))
    assert turns.run(hasher.verify(kept, "x" * MAX_PASSWORD))
    assert not turns.run(hasher.verify(kept, "x" * (MAX_PASSWORD - 1) + "y"))


def test_a_hash_costs_what_owasp_asks_for() -> None:
    kept = Hasher(Turns())._nobodys
    assert kept.startswith("$argon2id$v=19$m=19456,t=3,p=1$")
    assert COST.memory_cost >= 19 * 1024
    assert COST.time_cost >= 2


def test_what_was_kept_at_another_cost_is_known_for_that(hasher: Hasher, turns: Turns) -> None:
    kept = turns.run(hasher.hash("x"))
    assert not hasher.needs_rehash(kept)
    dearer = Hasher(turns, replace(CHEAPEST, time_cost=2))
    assert dearer.needs_rehash(kept)
    dearer.startService()
    assert turns.run(dearer.verify(kept, "x")), "and still opens"
    turns.wait(dearer.stopService())


def test_hashes_are_computed_beside_the_reactor(hasher: Hasher, turns: Turns, slow: Slow) -> None:
    result = verify(hasher, None, "x")
    assert slow.begun.wait(PATIENCE)
    assert not result.called
    slow.go_on.set()
    here: list[threading.Thread] = []
    result.addCallback(lambda _: here.append(threading.current_thread()))
    turns.wait(result)
    assert here == [threading.current_thread()]


def test_no_more_may_wait_than_can_be_served_soon(hasher: Hasher, turns: Turns, slow: Slow) -> None:
    waiting = [verify(hasher, None, "x") for _ in range(MAX_WAITING)]
    late = verify(hasher, None, "x")
    assert late.called, "it waits too"
    with pytest.raises(RateLimited) as refused:
        turns.wait(late)
    assert refused.value.retry_ms == MAX_WAITING * passwords.HASH_MS
    slow.go_on.set()
    assert not any(turns.wait(result) for result in waiting)
    assert not turns.wait(verify(hasher, None, "x"))


def test_who_has_an_account_does_not_wait_for_those_who_want_one(hasher: Hasher, turns: Turns, slow: Slow) -> None:
    busy = verify(hasher, None, "x")
    assert slow.begun.wait(PATIENCE)
    order: list[str] = []
    newcomers = [Deferred.fromCoroutine(hasher.hash("x", newcomer=True)) for _ in range(MAX_NEW - 1)]
    for newcomer in newcomers:
        newcomer.addCallback(lambda _: order.append("newcomer"))
    with pytest.raises(RateLimited):
        turns.wait(Deferred.fromCoroutine(hasher.hash("x", newcomer=True)))
    member = verify(hasher, None, "x").addCallback(lambda _: order.append("member"))
    assert hasher.waiting == MAX_NEW + 1
    slow.go_on.set()
    turns.wait(busy)
    turns.wait(member)
    assert order == ["member"]
    turns.wait(newcomers[-1])
    assert len(order) == MAX_NEW


def test_what_is_given_up_while_it_waits_is_not_computed(hasher: Hasher, turns: Turns, slow: Slow) -> None:
    busy = verify(hasher, None, "x")
    assert slow.begun.wait(PATIENCE)
    given_up = [verify(hasher, None, "x") for _ in range(50)]
    for result in given_up:
        result.cancel()
        with pytest.raises(CancelledError):
            turns.wait(result)
    slow.go_on.set()
    turns.wait(busy)
    turns.wait(verify(hasher, None, "x"))
    assert slow.hashes == 2
    assert hasher.waiting == 0


def test_what_is_given_up_while_it_is_computed_is_forgotten(hasher: Hasher, turns: Turns, slow: Slow) -> None:
    result = verify(hasher, None, "x")
    assert slow.begun.wait(PATIENCE)
    result.cancel()
    with pytest.raises(CancelledError):
        turns.wait(result)
    slow.go_on.set()
    turns.wait(verify(hasher, None, "x"))
    assert hasher.waiting == 0


def test_the_end_waits_for_one_hash_and_for_no_more(hasher: Hasher, turns: Turns, slow: Slow) -> None:
    results = [verify(hasher, None, "x") for _ in range(20)]
    assert slow.begun.wait(PATIENCE)
    (thread,) = hasher._pool._threads
    threading.Timer(0.1, slow.go_on.set).start()
    turns.wait(hasher.stopService())
    assert slow.hashes == 1
    assert not thread.is_alive()
    assert not turns.wait(results[0])
    for result in results[1:]:
        assert result.called
        with pytest.raises(RateLimited, match="shutting down"):
            turns.wait(result)
    with pytest.raises(RateLimited, match="shutting down"):
        turns.wait(verify(hasher, None, "x"))


def test_what_goes_wrong_is_told_to_who_asked(hasher: Hasher, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(kept: str, password: bytes) -> bool:
        raise MemoryError

    monkeypatch.setattr(hasher, "_matches", broken)
    with pytest.raises(MemoryError):
        turns.wait(verify(hasher, None, "x"))
    assert hasher.waiting == 0


@pytest.mark.slow
def test_many_logins_leave_the_reactor_its_time(turns: Turns) -> None:
    hasher = Hasher(turns)
    hasher.startService()
    quiet = [_turn(turns) for _ in range(200)]  # as long as they take here without logins
    results = [verify(hasher, None, "x") for _ in range(MAX_WAITING)]
    late: list[float] = []
    while not all(result.called for result in results):
        late.append(_turn(turns))
    turns.wait(hasher.stopService())
    assert sorted(late)[int(len(late) * 0.99)] < 0.050 + 2 * sorted(quiet)[198]


def _turn(turns: Turns) -> float:
    """Seconds that a turn of the reactor takes."""
    begun = time.perf_counter()
    try:
        turns.turn(0.001)
    except Empty:
        sum(range(10_000))  # it has work of its own
    return time.perf_counter() - begun


def test_a_token_can_not_be_guessed_and_is_not_kept() -> None:
    tokens = {make_token() for _ in range(1000)}
    assert len(tokens) == 1000
    token = tokens.pop()
    assert len(token) == 43
    assert token_hash(token) == token_hash(token)
    assert len(token_hash(token)) == 32
    assert token.encode() not in token_hash(token)
