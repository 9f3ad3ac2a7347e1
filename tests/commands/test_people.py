"""People: who is away is told of, guests change their names, and one may ask about others."""

from __future__ import annotations

from typing import Any

import pytest

from lanchat.core import replies
from lanchat.core.router import Router
from lanchat.model.session import TELNET, Role
from tests.fakes import User, dump, make_router, store_of
from tests.people import again, person

EVENTS = ("id", "ack", "event", "presence")


def codes(user: User) -> list[object]:
    """The codes of what was refused since the last look."""
    return [code for packet in user.shown() if (code := dump(packet.x).get("code"))]


def in_ops(router: Router, *users: User) -> None:
    """Let these be in #ops, which is made if it is not there; what they were told of it is read."""
    if router.chat.rooms.find("#ops") is None:
        person(router, "maker", Role.USER, "10.0.9.9").send("/create", "#ops")
    for user in users:
        user.send("/join", "#ops")
    for user in users:
        user.shown()


# Away.


def test_who_writes_to_somebody_who_is_away_is_told_so_once_for_each_text() -> None:
    router, _ = make_router()
    ann, bob, zoe = person(router, "ann", Role.USER), User(router, "bob"), User(router, "zoe").hello("id", "ack")
    for user in (ann, bob):
        user.send("/away", "at lunch")
        assert user.msgs() == ["You are away: at lunch. Send /back when you are here."]
        for _ in range(2):
            zoe.send(user.session.name.shown, "there?", cid="1")
    first, notice, second, *_ = zoe.shown()
    assert [dump(packet.x)["op"] for packet in (first, notice, second)] == ["ack", "ok", "ack"]
    assert notice.msg == "ann is away: at lunch"
    assert dump(notice.x) == {"op": "ok", "people": [{"name": "ann", "away": "at lunch"}]}
    bob.send("/away", "gone \x1b[31mhome")
    zoe.send("bob", "still there?")
    assert zoe.msgs() == [r"bob is away: gone \x1b[31mhome"]
    bob.send("/back")
    ann.send("/back")
    zoe.send("bob", "ah")
    zoe.send("ann", "ah")
    assert zoe.msgs() == []


def test_what_somebody_says_who_is_away_is_kept_for_an_account() -> None:
    router, clock = make_router()
    ann = person(router, "ann", Role.USER)
    ann.send("/away", "on holiday")
    ann.leave()
    later = again(router, clock)
    bob = User(later, "bob")
    bob.send("ann", "hello?")
    assert bob.msgs() == ["ann is away. Your message is kept, and shown when they are back.", "ann is away: on holiday"]
    ann = User(later, "ann")
    ann.send("/login", "pw")
    assert "You are away: on holiday. Send /back when you are here." in ann.msgs()
    ann.send("/back")
    assert again(later, clock).chat.account_of("ann").away == ""


def test_a_guest_who_is_away_and_registers_is_away_still() -> None:
    router, clock = make_router()
    ann = User(router, "ann")
    ann.send("/away", "at lunch")
    ann.shown()
    ann.register()
    assert again(router, clock).chat.account_of("ann").away == "at lunch"


@pytest.mark.parametrize("role", [Role.GUEST, Role.USER])
def test_those_who_share_a_room_are_told_who_is_away_and_back_if_they_can_show_it(role: Role) -> None:
    router, _ = make_router()
    ann = person(router, "ann", role)
    bob, cat, dan, eve = (User(router, name) for name in ("bob", "cat", "dan", "eve"))
    in_ops(router, ann, bob, cat, dan)
    bob.hello(*EVENTS)
    eve.hello(*EVENTS)
    dan.session.gateway = TELNET
    ann.send("/away", "at lunch")
    told = bob.told()
    assert (told.to, told.msg) == ("bob", "ann is away: at lunch")
    x = dump(told.x)
    assert x.pop("ts")
    assert x == {"op": "event", "ev": "away", "who": ["ann"], "by": "ann", "text": "at lunch"}
    assert dan.msgs() == ["ann is away: at lunch"]
    ann.send("/back")
    assert (dump(bob.told().x)["ev"], dan.msgs()) == ("away", ["ann is back"])
    assert cat.msgs() == eve.msgs() == []  # a classic client, and somebody who is in no room with her


def test_the_other_devices_of_an_account_are_told_that_it_is_away() -> None:
    router, _ = make_router()
    ann = person(router, "ann", Role.USER)
    phone = person(router, "ann", Role.USER)
    phone.session.caps = frozenset(EVENTS)
    ann.send("/away", "at lunch")
    assert dump(phone.told().x)["ev"] == "away"


def test_what_is_said_while_away_has_an_end_and_is_nothing_for_the_muted() -> None:
    router, _ = make_router()
    ann, bob = person(router, "ann", Role.MODERATOR), User(router, "bob").hello("id")
    in_ops(router, bob, eve := User(router, "eve").hello(*EVENTS))
    bob.send("/away", "x" * 201)
    bob.send("/back")
    assert codes(bob) == ["USAGE", "USAGE"]
    ann.send("/mute", "#ops bob")
    bob.send("/away", "psst")  # he may say so elsewhere
    assert eve.msgs() == []
    ann.send("/mute", "bob")
    bob.send("/away", "psst, too")
    assert codes(bob) == ["MUTED"]
    assert bob.session.away == ""


@pytest.mark.parametrize("role", [Role.GUEST, Role.USER])
def test_what_somebody_says_who_is_away_is_shown_no_more_when_they_are_muted(role: Role) -> None:
    router, clock = make_router()
    op, bob, zoe = person(router, "op", Role.OPERATOR), person(router, "bob", role), User(router, "zoe")
    bob.send("/away", "buy my things")
    op.send("/mute", "bob")
    zoe.send("bob", "there?")
    assert zoe.msgs() == []
    assert role is Role.GUEST or again(router, clock).chat.account_of("bob").away == ""


def test_who_was_told_is_remembered_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "MAX_TOLD", 2)
    router, _ = make_router()
    ann, users = User(router, "ann"), [User(router, name) for name in ("bob", "cat", "dan")]
    ann.send("/away", "at lunch")
    for user in (*users, *users[1:], users[0]):
        user.send("ann", "there?")
    assert [len(user.msgs()) for user in users] == [2, 1, 1]


def test_away_is_nothing_if_it_can_not_be_stored() -> None:
    router, _ = make_router()
    ann = person(router, "ann", Role.USER).hello("id")
    store_of(router.chat).broken = True
    ann.send("/away", "at lunch")
    assert (codes(ann), router.chat.account_of("ann").away) == (["NOT_STORED"], "")


# Names.


def test_a_guest_changes_its_name_and_those_who_can_show_it_are_told() -> None:
    router, clock = make_router()
    bob, ann, cat = (
        User(router, "bob").hello("id", "event"),
        User(router, "ann").hello(*EVENTS),
        User(router, "cat").hello("presence"),
    )
    in_ops(router, bob, ann, cat)
    clock.pump([1] * 5)
    for user in (ann, cat):
        user.shown()
    bob.send("/name", "Rob", cid="1")
    told = bob.told()
    assert (told.to, told.msg, dump(told.x)["names"]) == ("Rob", "You are called Rob now.", ["Rob"])
    event = dump(ann.shown()[0].x)
    assert (event["ev"], event["who"], event["text"]) == ("name", ["bob"], "Rob")
    clock.pump([1] * 5)
    assert sorted(cat.msgs()) == ["Rob came", "bob went"]
    cat.send("rob", "hi")
    cat.send("#ops", "is Rob here?")
    assert [(packet.to, packet.msg) for packet in bob.shown()] == [("Rob", "hi"), ("#ops", "[#ops] is Rob here?")]
    cat.send("bob", "hi")
    assert "not available" in cat.told().msg
    bob.send("cat", "it is me")
    assert cat.told().from_.name == "Rob"
    assert User(router, "bob").session in router.chat.online  # the old name is free
    bob.send("/name", "ROB")
    assert router.chat.online.find("rob") is bob.session
    assert router.chat.online.listed("r", 9) == (["ROB"], 1)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ann", "NAME_TAKEN"),
        ("\u0430nn", "BAD_NAME"),
        ("zo\u00eb", "NAME_TAKEN"),
        ("paul", "AUTH_REQUIRED"),
        ("SERVER", "BAD_NAME"),
        ("admin", "BAD_NAME"),
        ("10.0.0.1", "BAD_NAME"),
        ("a b", "BAD_NAME"),
        ("mallory", "BANNED"),
        ("trudy", "BANNED"),
        ("bob", "USAGE"),
        (" ", "USAGE"),
    ],
)
def test_a_name_that_one_could_not_open_with_is_refused(name: str, code: str) -> None:
    router, _ = make_router()
    op = person(router, "op", Role.OPERATOR)
    person(router, "paul", Role.USER).leave()
    User(router, "ann")
    User(router, "zoe\u0308")
    bob = User(router, "bob").hello("id")
    in_ops(router, bob)
    op.send("/ban", "mallory")
    op.send("/ban", "#ops trudy")
    bob.send("/name", name)
    assert codes(bob) == [code]
    assert bob.session.name.shown == "bob"
    assert router.chat.online.find("bob") is bob.session
    assert router.chat.online.listed("", 9)[0].count("bob") == 1


def test_an_account_keeps_its_name() -> None:
    router, _ = make_router()
    ann = person(router, "ann", Role.USER).hello("id")
    ann.send("/name", "anna")
    assert codes(ann) == ["FORBIDDEN"]


@pytest.mark.parametrize("sanction", ["/mute bob", "/mute #ops bob", "/mute #ops bo*", "/ban #bobs bob"])
def test_no_mute_and_no_ban_is_escaped_with_another_name(sanction: str) -> None:
    router, _ = make_router()
    op, bob = person(router, "op", Role.OPERATOR), User(router, "bob").hello("id")
    op.send("/create", "#bobs")
    in_ops(router, bob)
    command, _, whom = sanction.partition(" ")
    op.send(command, whom)
    bob.shown()
    bob.send("/name", "rob")
    assert codes(bob) in (["FORBIDDEN"], ["MUTED"])
    op.send(f"/un{command[1:]}", whom)
    bob.shown()
    bob.send("/name", "rob")
    assert bob.session.name.shown == "rob"


def test_a_mute_of_an_address_or_of_the_new_name_hits_after_the_change() -> None:
    router, _ = make_router()
    op, bob = person(router, "op", Role.OPERATOR, "10.0.0.9"), User(router, "bob").hello("id")
    in_ops(router, bob)
    op.send("/mute", "#ops 10.0.0.1")
    op.send("/mute", "rob")
    bob.shown()
    bob.send("/name", "rob")
    assert bob.msgs() == [
        "You are called rob now.",
        "You are muted by op until lifted.",
        "You are muted in #ops by op until lifted.",
    ]
    bob.send("op", "psst")
    assert codes(bob) == ["MUTED"]


def test_a_guest_changes_its_name_so_often_in_an_hour() -> None:
    router, _ = make_router()
    router.chat.limits.set("renames", 2)
    bob = User(router, "bob").hello("id")
    for name in ("bob1", "bob1", "bob2", "bob3"):
        bob.send("/name", name)
    assert codes(bob) == ["USAGE", "RATE_LIMITED"]
    assert bob.session.name.shown == "bob2"


def test_who_follows_a_room_by_those_who_come_and_go_learns_of_another_name() -> None:
    router, clock = make_router()
    bob, cat = User(router, "bob"), User(router, "cat").hello("presence", "room")
    in_ops(router, bob, cat)
    clock.pump([1] * 5)
    cat.shown()
    bob.send("/name", "rob")
    clock.pump([1] * 5)
    assert {(x["ev"], *x["who"]) for x in cat.xs() if x["conv"] == "#ops"} == {("left", "bob"), ("joined", "rob")}  # type: ignore[misc]


def test_what_is_said_to_a_guest_under_its_new_name_is_another_conversation() -> None:
    router, _ = make_router()
    ann, bob = person(router, "ann", Role.USER).hello("id"), User(router, "bob")
    for name in ("bob", "rob"):
        if name == "rob":
            bob.send("/name", name)
        bob.send("ann", f"I am {name}")
        ann.send(name, f"hello {name}")
    said = store_of(router.chat).connection.execute("SELECT conv, msg FROM log ORDER BY seq").fetchall()
    assert said == [("g1xbob", "I am bob"), ("g1xbob", "hello bob"), ("g1xrob", "I am rob"), ("g1xrob", "hello rob")]


# Asking about people.


def about(user: User, command: str, msg: str) -> tuple[list[str], list[dict[str, Any]]]:
    """What somebody is told of people: the lines, and the data."""
    user.shown()
    user.send(command, msg, cid="1")
    told = user.told()
    people: Any = dump(told.x).get("people")
    return told.msg.splitlines(), people


def test_one_may_ask_about_somebody() -> None:
    router, clock = make_router()
    ann, bob = person(router, "ann", Role.MODERATOR), User(router, "bob", "10.0.0.2").hello("id")
    person(router, "ann", Role.MODERATOR).session.gateway = "tls"
    ann.send("/create", "#secret private")
    in_ops(router, ann, bob)
    ann.send("/rank", "#ops ann voiced")
    ann.send("/away", "at lunch")
    clock.advance(3700)
    lines, (row,) = about(bob, "/whois", "@Ann")
    assert lines == [
        "ann (moderator) is online, for 1h 1m, idle for 1h 1m.",
        "Away: at lunch",
        "Connection: json, idle for 1h 1m",
        "Connection: tls, idle for 1h 1m",
        "Rooms: #ops (voiced)",
    ]
    device = {"since": "2026-11-20T14:03:22.500Z", "idle": 3700}
    assert row == {
        "name": "ann",
        "role": "moderator",
        "online": True,
        "since": "2026-11-20T14:03:22.500Z",
        "idle": 3700,
        "away": "at lunch",
        "connections": 2,
        "devices": [device | {"gateway": "json"}, device | {"gateway": "tls"}],
        "rooms": [{"name": "#ops", "rank": "voiced"}],
    }
    ann.hello("id")
    lines, (row,) = about(ann, "/whois", "ann")
    assert [device["ip"] for device in row["devices"]] == ["10.0.0.1", "10.0.0.1"]
    assert [room["name"] for room in row["rooms"]] == ["#secret", "#ops"]
    assert about(ann, "/whois", "bob")[1][0]["devices"][0]["ip"] == "10.0.0.2"  # a moderator
    for user in (*router.chat.account_of("ann").sessions,):
        router.chat.leave(user, "gone")
    assert about(bob, "/whois", "ann")[0] == ["ann (moderator) is not online.", "Away: at lunch", "Rooms: #ops (voiced)"]
    bob.send("/whois", "nobody")
    assert codes(bob) == ["NO_SUCH_TARGET"]


def test_idle_is_who_does_nothing_of_their_own() -> None:
    router, clock = make_router()
    ann, bob = User(router, "ann"), User(router, "bob").hello("id")
    for to, own in [("bob", True), ("/pong", False), ("/list", True), ("/ack", False), ("nobody", True), ("/hello", False)]:
        clock.advance(100)
        ann.session.heard = clock.seconds()
        ann.send(to)
        assert about(bob, "/whois", "ann")[1][0]["idle"] == (0 if own else 100)


def test_those_in_a_room_are_listed_with_what_is_known_of_each() -> None:
    router, _ = make_router()
    bob, ann = User(router, "bob").hello("id"), person(router, "ann", Role.MODERATOR)
    in_ops(router, bob, ann, person(router, "ann", Role.MODERATOR), cat := person(router, "cat", Role.USER))
    ann.send("/away")
    cat.leave()
    lines, rows = about(bob, "/people", "#ops")
    assert lines == ["In #ops (3 online, 1 not):", "ann (away)", "bob (guest)", "maker (owner)", "cat (not online)"]
    assert rows == [
        {"name": "ann", "role": "moderator", "online": True, "away": True},
        {"name": "bob", "role": "guest", "online": True},
        {"name": "maker", "role": "user", "online": True, "rank": "owner"},
        {"name": "cat", "role": "user", "online": False},
    ]
    bob.send("/leave", "#ops")
    bob.shown()
    bob.send("/people", "#ops")
    assert codes(bob) == ["NOT_MEMBER"]


def test_three_hundred_people_are_one_page_and_more_are_several() -> None:
    router, _ = make_router()
    router.chat.limits.set("packets", "off")
    users = [User(router, f"somebody-{n:04}").hello("id") for n in range(1500)]
    in_ops(router, *users)
    found: list[str] = []
    while True:
        _, rows = about(users[0], "/people", f"#ops after:{len(found)}")
        assert len(rows) >= min(300, 1501 - len(found))
        found += [row["name"] for row in rows]
        if len(found) == 1501:
            break
    assert found == sorted({user.session.name.shown for user in users} | {"maker"})
    users[0].send("/people", "#ops after:1501")
    assert users[0].msgs() == ["There are no more."]
