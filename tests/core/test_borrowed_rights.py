"""Borrowed rights: what somebody may do who gave the password of an operator's account, and when that ends."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from lanchat.core.logins import take_rights
from lanchat.core.router import Router
from lanchat.model.session import Account, Role
from lanchat.protocol.errors import Banned, Forbidden
from tests.fakes import ALL, User, dump, make_router
from tests.people import person


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def router(router_and_clock: tuple[Router, Clock]) -> Router:
    return router_and_clock[0]


@pytest.fixture
def boss(router: Router) -> Account:
    """An operator's account, which is not online."""
    person(router, "boss", Role.OPERATOR).leave()
    return router.chat.account_of("boss")


@pytest.fixture
def gus(router: Router, boss: Account) -> User:
    """A guest who has the rights of boss."""
    gus = User(router, "gus").hello(*ALL)
    take_rights(router.chat, gus.session, boss)
    return gus


def code(user: User) -> object:
    """What is wrong with what it asked for last; "" if nothing is."""
    return dump(user.shown()[-1].x).get("code", "")


def test_decisions_of_a_guest_are_those_of_the_account(router: Router, gus: User) -> None:
    bob, eve = User(router, "bob"), User(router, "eve", "10.0.0.9")
    gus.send("/mute", "bob 10m")
    assert bob.msgs() == ["You are muted by boss for 10m."]
    gus.send("/ban", "eve")
    assert eve.msgs() == ["You are banned by boss until lifted."]
    gus.shown()
    gus.send("/bans")
    assert {row["by"] for row in dump(gus.told().x)["bans"]} == {"boss"}  # type: ignore[attr-defined]  # a list


def test_nobody_decides_about_the_account_whose_rights_they_have(router: Router, gus: User) -> None:
    person(router, "ann", Role.USER)
    for target in ("boss", "gus"):
        gus.send("/ban", target)
        assert code(gus) == "FORBIDDEN"
    mod = person(router, "mod", Role.MODERATOR).hello("ack")
    mod.send("/kick", "gus")
    assert code(mod) == "FORBIDDEN"


def test_the_rooms_of_others_are_seen_renamed_and_closed(router: Router, gus: User) -> None:
    ann = User(router, "ann").register()
    ann.send("/create", "#den private")
    gus.send("/rooms")
    assert "#den (1 online, private)" in gus.told().msg
    gus.send("/rename", "#den #lair")
    assert gus.told().msg == "#den is called #lair now."
    gus.send("/rules", "#lair invited off")
    assert code(gus) == ""
    gus.send("/close", "#lair")
    assert gus.told().msg == "#lair is closed."


@pytest.mark.parametrize(
    ("command", "msg"),
    [
        ("/create", "#mine"),
        ("/password", "one two"),
        ("/edit", "1 no"),
        ("/react", "1 x"),
        ("/read", "@ann"),
        ("/notify", "@ann off"),
    ],
)
def test_what_takes_an_account_of_ones_own_is_not_borrowed(router: Router, gus: User, command: str, msg: str) -> None:
    User(router, "ann").register()
    User(router, "gina").send("ann", "what another guest says")
    gus.send(command, msg)
    assert code(gus) == "AUTH_REQUIRED"


def test_a_guest_who_registers_has_both(router: Router, gus: User, boss: Account) -> None:
    gus.register()
    assert (gus.session.role, gus.session.oper) == (Role.OPERATOR, boss)
    router.chat.borrowed_rights.end(gus.session)
    assert gus.session.role == Role.USER


def test_whois_says_what_somebody_may_do(router: Router, gus: User) -> None:
    gus.send("/whois", "gus")
    assert dump(gus.told().x)["people"][0]["role"] == "operator"  # type: ignore[index]  # a list


def test_a_guest_with_rights_is_still_a_guest_for_bans(router: Router, gus: User) -> None:
    boss2 = person(router, "boss2", Role.OPERATOR)
    boss2.send("/ban", "@gu*")
    assert not gus.client.disconnected, "that is about accounts"
    boss2.send("/ban", "gu*")
    assert gus.client.disconnected


@pytest.mark.parametrize("how", ["password", "role", "ban", "session"])
def test_the_rights_end_with_those_of_the_account(router: Router, gus: User, boss: Account, how: str) -> None:
    if how == "password":
        router.chat.end_logins(boss, "changed", why="a test")
    elif how == "role":
        boss.role = Role.USER
        router.chat.borrowed_rights.role_changed(boss)
    elif how == "ban":
        person(router, "boss2", Role.OPERATOR).send("/ban", "boss")
    else:
        gus.leave()
        assert gus.session.role is Role.GUEST
        return
    assert gus.told().msg == "You have the rights of boss no longer."
    assert gus.session.role is Role.GUEST
    gus.send("/kick", "boss")
    assert code(gus) == "AUTH_REQUIRED"


def test_another_role_that_still_decides_is_taken_over(router: Router, gus: User, boss: Account) -> None:
    boss.role = Role.MODERATOR
    router.chat.borrowed_rights.role_changed(boss)
    assert gus.session.role is Role.MODERATOR
    assert gus.shown() == []


def test_only_accounts_that_decide_and_are_not_banned_lend_their_rights(router: Router, boss: Account) -> None:
    person(router, "ann", Role.USER)
    gus = User(router, "gus")
    with pytest.raises(Forbidden):
        take_rights(router.chat, gus.session, router.chat.account_of("ann"))
    person(router, "boss2", Role.OPERATOR).send("/ban", "boss")
    with pytest.raises(Banned):
        take_rights(router.chat, gus.session, boss)
    assert gus.session.role is Role.GUEST


def test_that_they_are_taken_and_used_is_in_the_audit_log(router: Router, boss: Account) -> None:
    gus = User(router, "gus", "10.0.0.9")
    User(router, "bob")
    with capturedLogs() as events:
        take_rights(router.chat, gus.session, boss)
        gus.send("/kick", "bob")
    assert [event["what"] for event in events if event.get("audit")] == [
        "gus (10.0.0.9) has the rights of boss now",
        "bob was disconnected by boss",
    ]
