"""Invitations of guests, and by guests; those of accounts are in tests/core/test_rooms.py."""

from __future__ import annotations

import pytest

from lanchat.core.router import Router
from lanchat.model.room import Room
from lanchat.model.room_rules import ANYONE
from lanchat.model.session import Role
from tests.fakes import PASSWORD, User, dump, make_router
from tests.people import person


@pytest.fixture
def router() -> Router:
    return make_router()[0]


@pytest.fixture
def ann(router: Router) -> User:
    """An account that made the private room #den."""
    ann = person(router, "ann", Role.USER).hello("id", "event", "room")
    ann.send("/create", "#den private")
    ann.shown()
    return ann


@pytest.fixture
def gus(router: Router) -> User:
    """A guest who is not in it."""
    return User(router, "gus", "10.0.0.9").hello("id", "event", "room")


@pytest.fixture
def den(router: Router, ann: User) -> Room:
    (room,) = router.chat.rooms.of(ann.session)
    return room


def ask(user: User, to: str, msg: str) -> str:
    """What somebody is answered: the code, if it is refused, and otherwise the text."""
    user.shown()
    user.send(to, msg)
    answer = next(packet for packet in user.shown() if dump(packet.x).get("op") in {"ok", "fail"})
    return str(dump(answer.x).get("code") or answer.msg)


def test_an_invited_guest_sees_and_enters_a_private_room_once(ann: User, gus: User, den: Room) -> None:
    assert ask(gus, "/join", "#den") == "NO_SUCH_TARGET"
    gus.shown()
    assert ask(ann, "/invite", "gus #den") == "gus may now enter #den."
    assert [(x["ev"], x["who"], x["by"]) for x in gus.xs()] == [("invited", ["gus"], "ann")]
    assert "#den" in ask(gus, "/rooms", "")
    assert ask(ann, "/members", "#den") == "In #den (1 online, 0 away): ann (owner). Invited (1): gus"
    assert ask(gus, "/join", "#den") == "You are in #den, with 1 other online."
    assert (den.guests_invited, den.people) == (set(), 2)
    assert ask(ann, "/invite", "gus #den") == "USAGE"
    gus.send("/leave", "#den")
    assert ask(gus, "/join", "#den") == "NO_SUCH_TARGET"


def test_a_guest_without_events_reads_that_it_is_invited(router: Router, ann: User) -> None:
    bob = User(router, "bob")
    ask(ann, "/invite", "#den bob")
    assert bob.told().msg == "ann invites you to #den. Send /join #den to enter it."


def test_an_invitation_of_a_guest_ends_with_its_connection(router: Router, ann: User, gus: User, den: Room) -> None:
    ask(ann, "/invite", "gus #den")
    gus.leave()
    assert den.guests_invited == set()
    assert ask(User(router, "gus").hello("id"), "/join", "#den") == "NO_SUCH_TARGET"


def test_an_invitation_of_a_guest_follows_its_name_and_its_account(ann: User, gus: User, den: Room) -> None:
    ask(ann, "/invite", "gus #den")
    assert ask(gus, "/name", "rob") == "You are called rob now."
    gus.send("/register", PASSWORD)
    assert ask(gus, "/join", "#den") == "You are in #den, with 1 other online."
    assert den.guests_invited == set()
    assert len(den.members) == 2


@pytest.mark.parametrize(
    ("command", "told"), [("/uninvite", "gus #den"), ("/kick", "#den gus"), ("/ban", "#den gus"), ("/kick", "#den gu*")]
)
def test_an_invitation_of_a_guest_is_taken_back(ann: User, gus: User, den: Room, command: str, told: str) -> None:
    ask(ann, "/invite", "gus #den")
    gus.shown()
    assert "gu" in ask(ann, command, told)
    if command != "/ban":
        assert gus.told().msg == "Your invitation to #den was withdrawn."
    assert den.guests_invited == set()
    assert ask(gus, "/join", "#den") == "NO_SUCH_TARGET"
    assert ask(ann, "/uninvite", "gus #den") == "USAGE"


def test_a_closed_room_invites_nobody(router: Router, ann: User, gus: User) -> None:
    ask(ann, "/invite", "gus #den")
    ask(ann, "/close", "#den")
    gus.leave()
    assert ask(ann, "/create", "#den private") == "#den is there, and you are in it. Write to it as to a user."
    assert ask(User(router, "gus").hello("id"), "/join", "#den") == "NO_SUCH_TARGET"


def test_guests_invite_to_rooms_that_are_open_or_in_which_they_decide(router: Router, ann: User, gus: User) -> None:
    bob = User(router, "bob")
    ask(ann, "/create", "#hall")
    assert ask(gus, "/invite", "bob #hall") == "NOT_MEMBER"
    gus.send("/join", "#hall")
    assert ask(gus, "/invite", "bob #hall") == "bob may now enter #hall."
    ask(ann, "/invite", "gus #den")
    gus.send("/join", "#den")
    assert ask(gus, "/invite", "bob #den") == "AUTH_REQUIRED"
    ask(ann, "/rank", "#den gus operator")
    assert ask(gus, "/invite", "bob #den") == "bob may now enter #den."
    router.chat.rooms_by = ANYONE
    gus.send("/join", "#own")
    ask(gus, "/rules", "#own invited on")
    assert ask(gus, "/invite", "bob #own") == "bob may now enter #own."
    assert len(bob.msgs()) == 3
    bob.send("/join", "#own")
    assert "You are in #own" in bob.told().msg


def test_an_invitation_passes_the_key_but_not_the_rule_that_guests_stay_outside(ann: User, gus: User) -> None:
    ask(ann, "/rules", "#den invited off")
    ask(ann, "/rules", "#den key secret")
    ask(ann, "/invite", "gus #den")
    assert "You are in #den" in ask(gus, "/join", "#den")
    gus.send("/leave", "#den")
    ask(ann, "/rules", "#den accounts on")
    ask(ann, "/invite", "gus #den")
    assert ask(gus, "/join", "#den") == "FORBIDDEN"


def test_so_many_guests_may_be_invited_and_so_often_in_an_hour(router: Router, ann: User, gus: User) -> None:
    router.chat.limits.set("invitations", 1)
    User(router, "bob")
    ask(ann, "/invite", "gus #den")
    assert ask(ann, "/invite", "bob #den") == "FULL"
    router.chat.limits.set("invitations", "off")
    router.chat.limits.set("invites", 2)
    ask(ann, "/create", "#hall")
    gus.send("/join", "#hall")
    same_address = User(router, "gina", "10.0.0.9").hello("id")
    same_address.send("/join", "#hall")
    assert [ask(who, "/invite", "bob #hall") for who in (gus, same_address, gus)] == [
        "bob may now enter #hall.",
        "bob may now enter #hall.",
        "RATE_LIMITED",
    ]
