"""Every command is called in each way in which a program may call it, and the help tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from lanchat.commands import ALL, COMMANDS, PARTS, other_chats
from lanchat.commands.hello import CAPS
from lanchat.core.router import Router
from lanchat.model.session import Role
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.typed_lines import BEGINNERS_HELP, NOT_KEPT
from tests.fakes import PASSWORD, User, dump, make_router
from tests.people import person
from tests.uploading import send_file, take_files

#: What a program may send to each command: words, or members of `x`. Each is answered, and one of each at least not refused.
FORMS: dict[str, list[str | dict[str, Any]]] = {
    "/help": ["", "pm", BEGINNERS_HELP, ALL, {"command": "pm"}],
    "/list": ["", "b", {"prefix": "b"}],
    "/pm": ["bob hi", {"user": "bob", "text": "hi"}],
    "/quit": ["", "bye", {"text": "bye"}],
    "/shout": ["hi", {"text": "hi"}],
    "/time": [""],
    "/me": ["#ops waves", {"target": "bob", "text": "waves"}],
    "/notice": ["#ops the build is done", {"target": "bob", "text": "done"}],
    "/reply": ["last yes", "1 yes", {"id": "e1.1", "text": "yes"}],
    "/edit": ["last the pumps", "1 the pump.", {"id": "e1.1", "text": "the pump!"}],
    "/withdraw": ["last", "1", {"id": "e1.1"}],
    "/react": ["1 👍", "1", {"id": "1", "text": "👍"}],
    "/file": [
        "bob plan.pdf 12",
        "#ops plan.pdf 12 the plan",
        {"target": "#ops", "name": "a plan.pdf", "size": 12, "w": 1, "h": 1},
    ],
    "/link": ["last", {"id": "last"}],
    "/whois": ["bob", {"user": "bob"}],
    "/people": ["#ops", {"room": "#ops"}],
    "/away": ["", "at lunch", {"text": "at lunch"}],
    "/back": [""],
    "/name": ["anna", {"user": "anna"}],
    "/create": ["#new", "#hidden private", {"room": "#more"}, {"room": "#other", "private": True}],
    "/join": ["#bobs", "#bobs word", {"room": "#bobs"}, {"room": "#bobs", "key": "word"}],
    "/leave": ["#ops", {"room": "#ops"}],
    "/rooms": ["", "#o", {"prefix": "#o"}],
    "/members": ["#ops", {"room": "#ops"}],
    "/topic": ["#ops", "#ops pumps", {"room": "#ops"}, {"room": "#ops", "text": "pumps"}],
    "/invite": ["bob #secret", {"user": "bob", "room": "#secret"}],
    "/uninvite": ["eve #secret", {"user": "eve", "room": "#secret"}],
    "/close": ["#ops", {"room": "#ops"}],
    "/rank": ["#ops bob operator", {"room": "#ops", "user": "bob", "rank": "none"}],
    "/rules": [
        "#ops",
        "#ops key",
        "#ops key word",
        {"room": "#ops", "rule": "moderated", "value": "on"},
        {"room": "#ops", "rules": {"key": "word", "limit": 5}},
    ],
    "/rename": ["#ops #pumps", {"room": "#ops", "text": "#pumps"}],
    "/hook": [
        "list",
        "list #ops",
        "add alerts #ops",
        "rotate builds",
        "disable builds",
        "enable builds",
        "remove builds",
        {"command": "list"},
        {"command": "add", "target": "alerts", "room": "#ops"},
        {"command": "rotate", "target": "builds"},
    ],
    "/history": [
        "",
        "#ops",
        "@bob 5",
        "#ops 20 before 9",
        {"target": "#ops", "limit": 1},
        {"after": 0},
        {"around": 1},
        {"events": False},
    ],
    "/conversations": ["", "after:1", {"after": 0}],
    "/read": ["#ops", "#ops 2", "#ops 2026-11-20 14:04", {"target": "#ops", "seq": 2}, {"target": "#ops", "text": "e1.2"}],
    "/marker": ["#ops", {"target": "#ops"}],
    "/notify": ["#ops off", {"target": "#ops", "text": "on"}],
    "/search": ["pump", "pump in:#ops from:ann since:7d", {"text": "pump", "before": 9, "limit": 1}],
    "/register": ["a long password", {"password": "a long password"}],
    "/login": ["pw", {"password": "pw"}],
    "/password": ["pw another-one", {"password": "pw", "text": "another one"}],
    "/kick": ["bob", "bob why", "#ops bob why", {"target": "bob", "text": "why"}, {"target": "bob", "room": "#ops"}],
    "/mute": ["bob", "bob 2h why", "#ops bob", {"target": "bob", "duration": "2h", "text": "why"}],
    "/unmute": ["eve", {"target": "eve"}],
    "/ban": ["bob", "bob 2h why", "#ops bob", {"target": "bob", "duration": "2h", "text": "why"}],
    "/unban": ["192.0.2.1", {"target": "192.0.2.1"}],
    "/bans": ["", "e", "#ops", {"room": "#ops"}, {"target": "e"}],
    "/standard": [""],
    "/typing": ["#ops", {"target": "bob"}],
    "/tags": [{"target": "#ops", "tags": {"+a": "b"}}, {"target": "bob", "tags": {"+typing": "active"}}],
    "/pong": ["", {"t": 1}],
    "/ack": ["", {"seq": 1}],
    "/hello": ["lanchat", {"v": 1, "caps": []}],
}
#: What is refused to a program that has said hello and logged in.
REFUSED = {"/register", "/login", "/hello", "/name", "/back"}
#: What is answered by nothing.
SILENT = {"/pong", "/ack", "/typing"}


def test_each_command_has_its_calls() -> None:
    assert FORMS.keys() == COMMANDS.keys()


@pytest.fixture
def router_and_operator() -> tuple[Router, User]:
    """A server with rooms, people and decisions, and an operator with a capable client."""
    router, _ = make_router()
    ann = person(router, "ann", Role.OPERATOR).hello(*CAPS)
    bob, eve = person(router, "bob", Role.USER, "10.0.0.2"), person(router, "eve", Role.USER, "10.0.0.3")
    bob.send("/create", "#bobs")
    for to, msg in [
        ("/create", "#ops"),
        ("#ops", "the pump"),
        ("/create", "#secret private"),
        ("/invite", "eve #secret"),
        ("bob", "psst"),
        ("/mute", "eve"),
        ("/ban", "192.0.2.1"),
        ("/mute", "#ops eve"),
        ("/hook", "add builds #ops"),
    ]:
        ann.send(to, msg)
    bob.send("/join", "#ops")
    bob.send("#ops", "is it out?")
    take_files(router)
    send_file(bob.hello("id"), "#ops", "plan.pdf")
    for user in (ann, bob, eve):
        user.shown()
    return router, ann


@pytest.mark.parametrize(("to", "form"), [(to, form) for to, forms in FORMS.items() for form in forms], ids=str)
def test_what_a_command_answers_is_declared_for_programs(
    router_and_operator: tuple[Router, User], to: str, form: str | dict[str, Any]
) -> None:
    _, ann = router_and_operator
    ann.send(to, form if isinstance(form, str) else "", cid="c", **({} if isinstance(form, str) else form))
    answers = [dump(packet.x) for packet in ann.shown()]
    ops = {x["op"] for x in answers if x.get("cid") == "c"}
    assert "INTERNAL" not in {x.get("code") for x in answers}
    expected = set() if to in SILENT else {"fail"} if to in REFUSED else {"bye"} if to == "/quit" else {"ok", "ack", "end"}
    assert bool(ops) == bool(expected)
    assert ops <= expected


@pytest.mark.parametrize("form", FORMS["/register"], ids=str)
def test_what_register_answers_is_declared_for_programs(form: str | dict[str, Any]) -> None:
    ann = User(make_router()[0], "ann").hello(*CAPS)
    ann.send("/register", form if isinstance(form, str) else "", cid="c", **({} if isinstance(form, str) else form))
    assert dump(ann.told().x).keys() == {"op", "cid", "account", "epoch", "seq", "token"}


def test_an_answer_with_a_member_that_is_not_declared_is_found(
    router_and_operator: tuple[Router, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    router, ann = router_and_operator
    time = COMMANDS["/time"]
    monkeypatch.setitem(COMMANDS, "/time", time._replace(run=lambda *asked: router.chat.reply(asked[1], asked[2], "", total=8)))
    ann.send("/time", cid="c")
    assert dump(ann.told().x)["code"] == "INTERNAL"


# The help.


def test_each_command_is_in_one_part_of_the_help_or_is_for_programs() -> None:
    found = [name for commands in PARTS.values() for name in commands]
    assert len(found) == len(set(found))
    assert all(COMMANDS[name].help.startswith("for programs") for name in COMMANDS.keys() - set(found))
    assert not {f"/{part}" for part in (*PARTS, ALL)} & COMMANDS.keys()  # `/help COMMAND` tells of that one


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_help_names_the_others(part: str) -> None:
    ann = User(make_router()[0], "ann").hello()
    ann.send("/help", f" {part.upper()} ")
    told = ann.told()
    first, *lines, last = told.msg.splitlines()
    assert first == f"Commands ({part}):"
    assert [line.split()[0] for line in lines if line != NOT_KEPT] == list(PARTS[part])
    assert (NOT_KEPT in lines) is (part == BEGINNERS_HELP)
    assert all(f"/help {other}" in last for other in (*PARTS, ALL) if other != part)
    assert isinstance(told.x, AnswerX)
    assert [command["name"] for command in told.x.commands or ()] == list(PARTS[part])


def test_all_of_the_help_is_what_it_is_without_a_word() -> None:
    ann = User(make_router()[0], "ann")
    ann.send("/help")
    ann.send("/help", ALL)
    first, second = ann.msgs()
    assert first == second


@pytest.mark.parametrize("other", other_chats.HINTS)
def test_a_command_of_other_chats_is_answered_with_ours(other: str) -> None:
    ann = User(make_router()[0], "ann").hello()
    assert other not in COMMANDS
    hint = other_chats.HINTS[other]
    ann.send(other.upper(), f"bob {PASSWORD}", cid="1")
    told = ann.told()
    assert told.msg == f"There is no command {other.upper()}. {hint}"
    assert dump(told.x) == {"op": "fail", "cid": "1", "code": "UNKNOWN_COMMAND"}
    if hint.startswith("Did you mean "):
        assert hint.removeprefix("Did you mean ").removesuffix("?") in COMMANDS
