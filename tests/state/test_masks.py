"""Masks in bans and mutes: whom they hit, and which are refused."""

from __future__ import annotations

import time

import pytest

from lanchat.core.router import Router
from lanchat.model.masks import matches
from lanchat.model.session import Role
from lanchat.model.targets import find_target
from lanchat.protocol.errors import Banned, ChatError, Forbidden, NoSuchTarget
from lanchat.tables.sanctions import RemoveEndedSanctions
from tests.fakes import User, make_router, store_of
from tests.people import again, person


@pytest.fixture
def router() -> Router:
    return make_router()[0]


def kept(text: str) -> str:
    return find_target(text, lambda name: None).kept


def answer(user: User, to: str, msg: str) -> str:
    user.shown()
    user.send(to, msg)
    return user.shown()[-1].msg


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("spam*", "spam*"),
        ("@Spam*", "@spam*"),
        ("?", "?"),
        ("10.0.0.*", "10.0.0.0/24"),
        ("10.*", "10.0.0.0/8"),
        ("10.1.*.*", "10.1.0.0/16"),
        ("Größe*", "größe*"),
        ("10*", "10*"),
    ],
)
def test_a_mask_is_of_names_or_of_accounts_or_a_network(text: str, stored: str) -> None:
    assert kept(text) == stored


@pytest.mark.parametrize("text", ["*", "@*", "*@*", "*!*@*", "?*", "*.*", "*.*.*.*", "\uff0a", "@\ufe61"])
def test_what_hits_everybody_is_refused(text: str) -> None:
    with pytest.raises(Forbidden, match="would hit everybody"):
        kept(text)


@pytest.mark.parametrize("text", ["a b*", "x*@10.0.0.1", "*!bob", "[a]*", "#*x", "10.0.0.*/24", "a*\x1b", "\u2800*", "300.*"])
def test_what_is_no_mask_is_no_target(text: str) -> None:
    with pytest.raises(NoSuchTarget):
        kept(text)


def test_a_mask_bans_those_who_are_there_and_those_who_come(router: Router) -> None:
    mod, bob = person(router, "mod", Role.MODERATOR), User(router, "Spammer")
    assert "spam* is banned by mod until lifted. 1 connection was closed." in answer(mod, "/ban", "spam*")
    assert bob.client.disconnected
    for name in ("spam2", "SPAM3"):
        with pytest.raises(Banned):
            User(router, name)
    User(router, "ham")
    assert "spam*: banned by mod" in answer(mod, "/bans", "")
    answer(mod, "/unban", "spam*")
    User(router, "spam4")


def test_a_mask_of_accounts_hits_no_guest_and_holds_after_a_restart(router: Router) -> None:
    mod, zoe = person(router, "mod", Role.MODERATOR), person(router, "spam1", Role.USER)
    guest = User(router, "spam2")
    answer(mod, "/ban", "@spam*")
    assert (zoe.client.disconnected, guest.client.disconnected) == (True, False)
    RemoveEndedSanctions(0).run(store_of(router.chat).connection)
    router = again(router, router.chat.clock)  # type: ignore[arg-type]  # it is a test's
    with pytest.raises(ChatError):
        User(router, "spam1")
    User(router, "spam3")


def test_in_a_room_a_mask_bans_from_it_and_spares_those_who_decide_there(router: Router) -> None:
    olga, king, bob = person(router, "olga", Role.USER), person(router, "spamking", Role.USER), User(router, "spam1")
    olga.send("/create", "#ops")
    answer(olga, "/rank", "#ops spamking operator")
    bob.send("/join", "#ops")
    assert "spam* is banned from #ops" in answer(olga, "/ban", "#ops spam*")
    assert "You are banned from #ops" in answer(bob, "/join", "#ops")
    assert "You are in #ops" in answer(king, "/join", "#ops")
    assert "may not kick, mute or ban spamking" in answer(olga, "/ban", "#ops *king")


@pytest.mark.parametrize("mask", ["m*", "@m?d", "*o*", "10.0.0.*", "10.*"])
def test_nobody_hits_themselves(router: Router, mask: str) -> None:
    mod = person(router, "mod", Role.MODERATOR)
    assert answer(mod, "/ban", mask).startswith("Nothing was done: ")
    assert answer(mod, "/mute", mask).startswith("Nothing was done: ")
    assert router.chat.sanctions.by_room == {}


def test_a_mask_does_not_hit_moderators_unless_an_operator_decides_it(router: Router) -> None:
    mod, boss = person(router, "mod", Role.MODERATOR), person(router, "boss", Role.OPERATOR)
    person(router, "spamlord", Role.MODERATOR).leave()
    answer(mod, "/ban", "spam*")
    assert not person(router, "spamlord", Role.MODERATOR).client.disconnected
    answer(boss, "/ban", "spam*")
    with pytest.raises(Banned):
        User(router, "spamlord")


def test_so_many_masks_hold_in_one_place(router: Router) -> None:
    mod = person(router, "mod", Role.MODERATOR)
    router.chat.limits.set("masks", 2)
    for mask in ("x1*", "x2*", "x1*"):
        assert "is banned" in answer(mod, "/ban", mask)
    assert "maximum number of bans" in answer(mod, "/ban", "x3*")
    assert router.chat.limits.met["masks"] == 1
    assert "is banned" in answer(mod, "/ban", "bob")


def test_no_mask_takes_long() -> None:
    began = time.process_time()
    assert not matches("*a" * 60 + "b", "a" * 128, has_account=False)
    assert time.process_time() - began < 1
