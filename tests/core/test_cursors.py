"""Cursors: what a device has read is not shown to it again, whatever the disk did, and who is on line is not forgotten."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.delayed_moves import AGAIN, PAUSE
from lanchat.core.router import Router
from tests.fakes import FakeStore, User, log_in, log_in_classic, make_router, store_of


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    router, clock = make_router()
    User(router, "ann").register().leave()
    return router, clock


@pytest.fixture
def router(router_and_clock: tuple[Router, Clock]) -> Router:
    return router_and_clock[0]


@pytest.fixture
def clock(router_and_clock: tuple[Router, Clock]) -> Clock:
    return router_and_clock[1]


@pytest.fixture
def store(router: Router) -> FakeStore:
    return store_of(router.chat)


@pytest.fixture
def bob(router: Router) -> User:
    """A guest who talks."""
    return User(router, "bob")


def device(store: FakeStore, name: str) -> tuple[int, int] | None:
    """How far it has come, and whether it is on line, as the disk knows it."""
    found: tuple[int, int] | None = store.connection.execute(
        "SELECT cursor, online FROM devices WHERE name = ?", (name,)
    ).fetchone()
    return found


def devices(store: FakeStore) -> list[str]:
    return [name for (name,) in store.connection.execute("SELECT name FROM devices ORDER BY name")]


# A disk that is full for a while.


def test_an_ack_that_could_not_be_written_is_written_later(store: FakeStore, router: Router, clock: Clock, bob: User) -> None:
    phone = log_in(router, "ann", dev="phone")
    bob.send("ann", "one")
    store.broken = True
    phone.send("/ack", seq=1)
    clock.advance(PAUSE)
    assert device(store, "phone") == (0, 1)
    store.broken = False
    clock.advance(AGAIN)
    assert device(store, "phone") == (1, 1)


def test_what_was_acknowledged_meanwhile_does_not_go_back(store: FakeStore, router: Router, clock: Clock, bob: User) -> None:
    phone = log_in(router, "ann", dev="phone")
    for number in range(3):
        bob.send("ann", str(number))
    store.held = True
    phone.send("/ack", seq=1)
    clock.advance(PAUSE)
    phone.send("/ack", seq=3)
    store.broken = True
    store.release()
    store.broken = False
    clock.advance(PAUSE)
    assert device(store, "phone") == (3, 1)
    clock.advance(AGAIN)
    assert device(store, "phone") == (3, 1)


def test_what_was_written_to_a_classic_client_is_not_shown_again_also_if_the_disk_was_full(
    store: FakeStore, router: Router, clock: Clock, bob: User
) -> None:
    ann = log_in_classic(router, "ann")
    bob.send("ann", "one")
    store.broken = True
    ann.leave()
    assert "one" not in log_in_classic(router, "ann").msgs()  # while it is full
    store.broken = False
    again = log_in_classic(router, "ann")
    assert "one" not in again.msgs()  # and when there is room again, at once
    clock.advance(AGAIN)
    assert device(store, "") == (1, 1)
    again.leave()
    assert device(store, "") == (1, 1)  # the other is still here


def test_where_a_device_is_is_known_while_that_is_being_written(store: FakeStore, router: Router, bob: User) -> None:
    ann = log_in_classic(router, "ann")
    bob.send("ann", "one")
    store.held = True
    ann.leave()  # this is being written when another login reads the log
    account = router.chat.online.account("ann")
    assert account is not None
    assert router.chat.cursors.pending(account, "") == 1
    store.broken = True
    store.release()
    assert router.chat.cursors.pending(account, "") == 1
    store.broken = False
    router.chat.cursors.write()
    assert router.chat.cursors.pending(account, "") == 0
    assert device(store, "") == (1, 0)


def test_a_device_that_came_while_the_disk_was_full_is_known_later(
    store: FakeStore, router: Router, clock: Clock, bob: User
) -> None:
    bob.send("ann", "one")
    store.broken = True
    phone = log_in(router, "ann", dev="phone")
    store.broken = False
    assert "phone" not in devices(store)
    phone.send("/ack", seq=1)
    clock.advance(PAUSE)
    assert device(store, "phone") == (1, 1)


def test_a_classic_client_that_came_while_the_disk_was_full_is_on_line_for_the_disk_too_later(
    store: FakeStore, router: Router, clock: Clock, bob: User
) -> None:
    """Else it would be shown after a crash what it was shown in this session."""
    log_in_classic(router, "ann").leave()
    store.broken = True
    log_in_classic(router, "ann")
    store.broken = False
    assert device(store, "") == (0, 0)
    clock.advance(PAUSE)
    assert device(store, "") == (0, 1)


def test_of_an_account_that_was_removed_nothing_is_written(store: FakeStore, router: Router, clock: Clock, bob: User) -> None:
    phone = log_in(router, "ann", dev="phone")
    bob.send("ann", "one")
    phone.send("/ack", seq=1)
    store.connection.execute("DELETE FROM accounts")
    clock.advance(PAUSE)
    assert devices(store) == []


# Those that are forgotten.


def test_a_device_that_is_on_line_is_not_forgotten(store: FakeStore, router: Router, clock: Clock, bob: User) -> None:
    router.chat.limits.set("devices", "3")
    bot = log_in(router, "ann", dev="bot")
    for number in range(5):
        clock.advance(10)
        log_in(router, "ann", dev=f"phone{number}").leave()
    assert devices(store) == ["", "bot", "phone3", "phone4"]
    bob.send("ann", "one")
    bot.send("/ack", seq=1)
    clock.advance(PAUSE)
    assert device(store, "bot") == (1, 1)


def test_a_device_was_seen_last_when_it_left(store: FakeStore, router: Router, clock: Clock) -> None:
    router.chat.limits.set("devices", "2")
    bot = log_in(router, "ann", dev="bot")
    clock.advance(10)
    log_in(router, "ann", dev="phone").leave()
    clock.advance(10)
    bot.leave()
    clock.advance(PAUSE)
    assert device(store, "bot") == (0, 0)
    log_in(router, "ann", dev="new")
    assert devices(store) == ["", "bot", "new"]
