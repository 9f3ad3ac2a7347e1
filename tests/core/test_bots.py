"""Bots: what the server, or a program with a name of its own, says in a room."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.core.router import Router
from lanchat.model.names import parse
from lanchat.model.room_rules import RoomRules
from lanchat.model.session import Role
from lanchat.protocol.errors import ChatError, NameTaken, RateLimited
from lanchat.protocol.packet import SERVER
from tests.fakes import ALL, User, dump, make_router, store_of
from tests.people import connection, person


@pytest.fixture
def router() -> Router:
    """A server with #ops, which allows bots, and in which ann is, who made it."""
    router, _ = make_router()
    made_ops(router)
    return router


def made_ops(router: Router) -> None:
    """Let ann make #ops, and allow bots there."""
    person(router, "ann", Role.USER).send("/create", "#ops")
    router.chat.rooms.named("#ops").rules = RoomRules(bots=True)


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it: a result, or the error."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    return results[0].value if isinstance(results[0], Failure) else results[0]


def notice(router: Router, text: str, room: str = "#ops") -> Any:
    """What comes of it if the server says this."""
    return done(router.chat.bots.say(SERVER, router.chat.rooms.named(room), text))


def test_what_a_bot_says_is_kept_and_read_like_any_message_and_marked(router: Router) -> None:
    ann, bob, classic = person(router, "ann", Role.USER), User(router, "bob").hello(*ALL), User(router, "dan")
    for user in (bob, classic):
        user.send("/join", "#ops")
        user.shown()
    bot = router.chat.bots.add("backups")
    assert done(router.chat.bots.say(bot, router.chat.rooms.named("ops"), "done")) == 1
    told = bob.told()
    assert (told.from_.name, told.from_.ip, told.to, told.msg) == ("backups", "0.0.0.0", "#ops", "done")  # noqa: S104 (of no machine)
    x = dump(told.x)
    assert (x["kind"], x["bot"], x["seq"], x["id"], x["conv"]) == ("notice", True, 1, "e1.1", "#ops")
    assert classic.msgs() == ann.msgs() == ["[#ops] done"]
    bob.send("/history", "#ops", cid="h")
    page = bob.shown()
    assert [(packet.msg, dump(packet.x).get("bot")) for packet in page] == [("done", True), ("", None)]
    assert notice(router, "ann: it is done") == 2
    assert connection(router).execute("SELECT account, seq FROM mentions").fetchall() == [(1, 2)]
    assert connection(router).execute("SELECT author, name, kind, about FROM log WHERE seq = 1").fetchall() == [
        (None, "backups", "bot", None)
    ]


def test_the_server_speaks_under_the_name_that_its_packets_have(router: Router) -> None:
    bob = User(router, "bob").hello(*ALL)
    bob.send("/join", "#ops")
    bob.shown()
    assert notice(router, "backup at six") == 1
    told = bob.told()
    assert (told.from_, dump(told.x)["bot"], dump(told.x).get("op")) == (SERVER, True, None)


def test_without_a_log_a_bot_is_read_all_the_same() -> None:
    router, _ = make_router(stores_messages=False)
    made_ops(router)
    ann = person(router, "ann", Role.USER).hello("id")
    assert [notice(router, "one"), notice(router, "two")] == [0, 0]
    assert [x["id"] for x in ann.xs()] == ["test.1", "test.2"]


def test_the_name_of_a_bot_is_nobody_elses(router: Router) -> None:
    router.chat.bots.add("Backups")
    bob = User(router, "bob").hello("id")
    for name in ("backups", "b\u0430ckups"):
        with pytest.raises(ChatError):
            User(router, name)
        bob.send("/name", name)
        assert dump(bob.told().x)["op"] == "fail"
    with pytest.raises(NameTaken):
        router.chat.bots.add("BACKUPS")
    with pytest.raises(NameTaken):
        router.chat.online.check_no_bot(parse("bAckups"))
    for name in ("ann", "bob"):
        with pytest.raises(NameTaken):
            router.chat.bots.add(name)
    bob.send("backups", "are you there?")
    assert dump(bob.told().x)["code"] == "NO_SUCH_TARGET"
    bob.send("/whois", "backups")
    assert dump(bob.told().x)["people"] == [{"name": "Backups", "bot": True}]


@pytest.mark.parametrize(
    ("text", "room", "code"),
    [(" ", "#ops", "USAGE"), ("\ud800", "#ops", "USAGE"), ("x" * 16_385, "#ops", "TOO_BIG"), ("hi", "#nope", "NO_SUCH_TARGET")],
)
def test_what_can_not_be_said_is_refused(router: Router, text: str, room: str, code: str) -> None:
    try:
        error = notice(router, text, room)
    except ChatError as raised:
        error = raised
    assert error.code == code
    assert store_of(router.chat).last_seq == 0


def test_a_bot_speaks_only_where_it_is_allowed_and_in_the_lobby(router: Router) -> None:
    room = router.chat.rooms.named("#ops")
    room.rules = RoomRules()
    assert notice(router, "hi").code == "FORBIDDEN"
    router.chat.rooms.open_lobby(room)
    assert notice(router, "hi") == 1


def test_a_bot_says_so_much_a_second(router: Router) -> None:
    router.chat.limits.set("notices", 1)
    said = [notice(router, "again") for _ in range(12)]
    assert isinstance(said[11], RateLimited)
    assert said[:10] == [*range(1, 11)]


def test_what_can_not_be_stored_is_not_said(router: Router) -> None:
    bob = User(router, "bob").hello(*ALL)
    bob.send("/join", "#ops")
    bob.shown()
    store_of(router.chat).broken = True
    assert notice(router, "backup at six").code == "NOT_STORED"
    assert bob.shown() == []
