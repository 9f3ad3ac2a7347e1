"""`/hook`: who may make and change the webhooks of a room, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from lanchat.core.router import Router
from lanchat.model.session import Role
from tests.fakes import User, dump, make_router, store_of
from tests.people import connection, person

BASE = "http://chat.lan:8080"


@pytest.fixture
def router() -> Router:
    router, _ = make_router()
    router.chat.hooks.base = lambda: BASE
    return router


@pytest.fixture
def ann(router: Router) -> User:
    """An account that owns #ops."""
    return owner(router, "ann", "#ops")


def owner(router: Router, name: str, room: str) -> User:
    """An account that owns a room."""
    user = person(router, name, Role.USER).hello("id", "room")
    user.send("/create", room)
    user.shown()
    return user


def ask(user: User, msg: str = "", **x: Any) -> tuple[str, dict[str, Any]]:
    """What somebody is answered to `/hook`: the text, and the data."""
    user.shown()
    user.send("/hook", msg, **x)
    told = user.told()
    return told.msg, dump(told.x)


def code(user: User, msg: str) -> object:
    """The code of a refusal."""
    return ask(user, msg)[1].get("code")


def hooks(user: User, msg: str) -> list[dict[str, Any]]:
    """The webhooks in an answer."""
    found: list[dict[str, Any]] = ask(user, msg)[1]["hooks"]
    return found


def test_an_owner_is_shown_the_address_once(router: Router, ann: User) -> None:
    told, x = ask(ann, "add deploys #ops")
    (hook,) = x["hooks"]
    assert hook["url"].startswith(f"{BASE}/hooks/")
    assert f"Its address: {hook['url']} " in told
    assert {
        "name": "deploys",
        "room": "#ops",
        "enabled": True,
        "by": "ann",
        "made": "2026-11-20T14:03:22.000Z",
    }.items() <= hook.items()
    assert "used" not in hook
    found = router.chat.hooks.by_secret(hook["url"].rpartition("/")[2])
    assert found is router.chat.hooks.named("deploys")
    assert "url" not in hooks(ann, "list")[0]
    assert hook["url"] not in ask(ann, "list #ops")[0]


def test_a_program_may_send_the_words_as_members(ann: User) -> None:
    assert ask(ann, command="add", target="deploys", room="#ops")[1]["hooks"][0]["name"] == "deploys"
    assert ask(ann, command="list", room="#ops")[1]["n"] == 1
    assert ask(ann, command="remove", target="deploys")[1]["op"] == "ok"


def test_without_a_port_for_it_an_owner_is_told_so(router: Router, ann: User) -> None:
    router.chat.hooks.base = str
    told, x = ask(ann, "add deploys #ops")
    assert "no --http port" in told
    assert x["hooks"][0]["url"].startswith("/hooks/")


def test_each_change_is_made_and_told(router: Router, ann: User) -> None:
    first = hooks(ann, "add deploys #ops")[0]["url"]
    assert ask(ann, "disable DEPLOYS")[0] == "deploys is disabled."
    assert not hooks(ann, "list")[0]["enabled"]
    assert ask(ann, "enable deploys")[0] == "deploys is enabled."
    second = hooks(ann, "rotate deploys")[0]["url"]
    assert first != second
    assert router.chat.hooks.by_secret(first.rpartition("/")[2]) is None
    assert router.chat.hooks.by_secret(second.rpartition("/")[2]) is not None
    router.chat.hooks.say(router.chat.hooks.named("deploys"), "done")
    assert hooks(ann, "list")[0]["used"] == "2026-11-20T14:03:22.000Z"
    ann.shown()
    assert ask(ann, "remove deploys")[0] == "deploys is removed; what it said stays."
    assert ask(ann, "list")[0].startswith("There are no webhooks.")
    assert connection(router).execute("SELECT count(*) FROM log WHERE kind = 'bot'").fetchone() == (1,)


def test_only_owners_and_moderators_decide(router: Router, ann: User) -> None:
    ask(ann, "add deploys #ops")
    bob = person(router, "bob", Role.USER).hello("id", "room")
    changes = ("rotate deploys", "disable deploys", "remove deploys")
    for msg in changes:
        assert code(bob, msg) == "NO_SUCH_TARGET"  # that there is one is nobody's business outside
    assert code(bob, "add x #ops") == "NOT_MEMBER"
    bob.send("/join", "#ops")
    ann.send("/rank", "#ops bob operator")
    for msg in (*changes, "add x #ops", "list #ops"):
        assert code(bob, msg) == "FORBIDDEN"
    assert hooks(bob, "list") == []
    ann.send("/rank", "#ops bob owner")
    assert ask(bob, "disable deploys")[1]["op"] == "ok"
    mod = person(router, "mod", Role.MODERATOR).hello("id")
    assert ask(mod, "enable deploys")[1]["op"] == "ok"
    assert [hook["name"] for hook in hooks(mod, "list")] == ["deploys"]


def test_a_guest_needs_an_account(router: Router) -> None:
    assert code(User(router, "gus").hello("id"), "list") == "AUTH_REQUIRED"


def test_an_owner_sees_those_of_their_rooms_only(router: Router, ann: User) -> None:
    bob = owner(router, "bob", "#lab")
    ask(ann, "add one #ops")
    ask(bob, "add two #lab")
    assert [hook["name"] for hook in hooks(ann, "list")] == ["one"]
    assert code(ann, "list #lab") == "NOT_MEMBER"
    assert code(ann, "remove two") == "NO_SUCH_TARGET"


@pytest.mark.parametrize(
    ("msg", "expected"),
    [
        ("", "USAGE"),
        ("add", "USAGE"),
        ("add deploys", "USAGE"),
        ("add deploys ops", "USAGE"),
        ("add #ops deploys", "USAGE"),
        ("rotate", "USAGE"),
        ("dance deploys", "USAGE"),
        ("add deploys #nope", "NO_SUCH_TARGET"),
        ("rotate nope", "NO_SUCH_TARGET"),
        ("add ann #ops", "NAME_TAKEN"),
        ("add a:b #ops", "BAD_NAME"),
    ],
)
def test_what_is_wrong_is_said(router: Router, ann: User, msg: str, expected: str) -> None:
    assert code(ann, msg) == expected
    assert router.chat.hooks.all() == []


def test_what_can_not_be_stored_changes_nothing(router: Router, ann: User) -> None:
    ask(ann, "add deploys #ops")
    store_of(router.chat).broken = True
    for msg in ("rotate deploys", "disable deploys", "remove deploys", "add more #ops"):
        assert code(ann, msg) == "NOT_STORED"
    (hook,) = router.chat.hooks.all()
    assert hook.enabled


def test_a_room_has_so_many_and_that_is_counted(router: Router, ann: User) -> None:
    router.chat.limits.set("hooks", 1)
    ask(ann, "add one #ops")
    assert code(ann, "add two #ops") == "FULL"
    assert router.chat.limits.met["hooks"] == 1


def test_a_long_list_says_how_to_see_the_rest(router: Router, ann: User) -> None:
    router.chat.limits.set("hooks", "off")
    router.chat.limits.set("packets", "off")
    for number in range(400):
        ask(ann, f"add hook-{number} #ops")
    told, x = ask(ann, "list")
    assert (x["n"], x["more"]) == (400, True)
    assert told.endswith(f"{400 - len(x['hooks'])} more: ask for those of one room, /hook list #ROOM")


def test_the_secret_is_in_no_line_of_the_log(router: Router) -> None:
    ann = person(router, "ann", Role.OPERATOR).hello("id")
    ann.send("/create", "#ops")
    with capturedLogs() as logs:
        urls = [hooks(ann, msg)[0]["url"] for msg in ("add deploys #ops", "rotate deploys")]
    lines = [formatEvent(event) or "" for event in logs]
    assert any("deploys is a webhook of #ops now" in line for line in lines)
    assert not [line for line in lines for url in urls if url.rpartition("/")[2] in line]
