"""Presence: who is told at once that people come, go, have another name, or an account."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from lanchat.core.router import Router
from lanchat.model.room import Room
from lanchat.model.session import Role, Session
from tests.fakes import PASSWORD, User, log_in, make_router


class Listener:
    """Remembers what it was told, and who was online and in #ops then."""

    def __init__(self, router: Router) -> None:
        self.chat = router.chat
        self.told: list[tuple[object, ...]] = []

    def came(self, session: Session) -> None:
        """Somebody came."""
        self.told.append(("came", session.name.shown, session in self.chat.online, self._in(self.chat.rooms.of(session))))

    def went(self, session: Session, goodbye: str, rooms: Collection[Room]) -> None:
        """Somebody went."""
        self.told.append(("went", session.name.shown, goodbye, session in self.chat.online, self._in(rooms)))

    def renamed(self, session: Session, old: str) -> None:
        """Somebody has another name."""
        self.told.append(("renamed", old, session.name.shown))

    def registered(self, session: Session) -> None:
        """Somebody has an account."""
        self.told.append(("registered", session.name.shown, session.account is not None, self._in(self.chat.rooms.of(session))))

    def away_changed(self, session: Session) -> None:
        """Somebody is away or back."""
        self.told.append(("away", session.name.shown, session.away))

    def role_changed(self, session: Session, before: Role) -> None:
        """Somebody has another role."""
        self.told.append(("role", session.name.shown, before, session.role))

    def _in(self, rooms: Collection[Room]) -> list[str]:
        return [room.name for room in rooms]


@pytest.fixture
def router() -> Router:
    return make_router()[0]


@pytest.fixture
def listener(router: Router) -> Listener:
    """A listener in a chat where ann made #ops."""
    ann = User(router, "ann").register()
    ann.send("/create", "#ops")
    listener = Listener(router)
    router.chat.presence.listeners.append(listener)
    return listener


def test_a_guest_comes_takes_another_name_and_goes(router: Router, listener: Listener) -> None:
    bob = User(router, "bob")
    bob.send("/join", "#ops")
    bob.send("/name", "rob")
    bob.send("/quit", "so long")
    assert listener.told == [
        ("came", "bob", True, []),
        ("renamed", "bob", "rob"),
        ("went", "rob", "so long", False, ["#ops"]),
    ]


def test_the_first_and_the_last_session_of_an_account_count_and_its_rooms_are_known(router: Router, listener: Listener) -> None:
    bob = User(router, "bob")
    bob.send("/join", "#ops")
    bob.send("/register", PASSWORD)
    phone, other = log_in(router, "bob"), log_in(router, "bob")
    for device in (bob, phone, other):
        device.leave()
    log_in(router, "bob")
    assert listener.told == [
        ("came", "bob", True, []),
        ("registered", "bob", True, ["#ops"]),
        ("went", "bob", "", False, ["#ops"]),
        ("came", "bob", True, ["#ops"]),
    ]


def test_who_only_wants_to_log_in_neither_comes_nor_goes(router: Router, listener: Listener) -> None:
    User(router, "ann").leave()
    assert listener.told == []


def test_a_goodbye_is_not_told_of_somebody_who_may_not_speak(router: Router, listener: Listener) -> None:
    bob = User(router, "bob")
    boss = User(router, "boss").register()
    boss.session.role = Role.MODERATOR
    boss.send("/mute", "bob")
    bob.send("/quit", "so long")
    assert listener.told[-1] == ("went", "bob", "", False, [])


def test_being_away_and_back_is_told(router: Router, listener: Listener) -> None:
    bob = User(router, "bob").register()
    bob.send("/away", "at lunch")
    bob.send("/back")
    assert listener.told[-2:] == [("away", "bob", "at lunch"), ("away", "bob", "")]
