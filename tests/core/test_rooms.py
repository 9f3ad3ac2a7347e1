"""Rooms: who is in, who may come, what outsiders learn, and who reads what is said there."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from lanchat.core.presence import PAUSE
from lanchat.core.router import Router
from lanchat.model.room import parse_name
from lanchat.model.session import Role
from lanchat.protocol.errors import BadName
from lanchat.protocol.limits import Bucket
from lanchat.service.operations import Operations
from lanchat.service.requests import Add, Remove
from lanchat.system.private_files import FileError
from lanchat.tables.log_command import LogCommand
from lanchat.tables.rooms import OpenLobby, load
from tests.fakes import PASSWORD, FakeStore, User, dump, log_in, make_router, store_of


@pytest.fixture
def router() -> Router:
    return make_router()[0]


@pytest.fixture
def ann(router: Router) -> User:
    """An account that made #ops."""
    ann = account(router, "ann")
    ann.send("/create", "#Ops")
    ann.shown()
    return ann


def account(router: Router, name: str, *caps: str) -> User:
    """Somebody with an account and a capable client."""
    User(router, name).register().leave()
    user = log_in(router, name, *caps)
    user.shown()
    return user


def guest(router: Router, name: str, room: str = "#ops") -> User:
    """A guest with a capable client, in a room."""
    user = User(router, name).hello("id", "ack", "room", "presence")
    user.send("/join", room)
    user.shown()
    return user


def code(user: User) -> object:
    """Why the last thing that somebody asked for was refused."""
    return dump(user.shown()[-1].x)["code"]


def members(router: Router) -> list[tuple[int, str]]:
    """Who belongs to which room, as the disk knows it."""
    return store_of(router.chat).connection.execute("SELECT account, conv FROM members ORDER BY 1, 2").fetchall()


# Talking.


def test_what_is_said_in_a_room_reaches_all_who_are_in_it_once(router: Router, ann: User) -> None:
    bob, cat, outside = guest(router, "bob"), guest(router, "cat"), User(router, "dan")
    ann.shown(), bob.shown()
    bob.send("#OPS", "hi", cid="1")
    for reader in (ann, cat):
        (packet,) = reader.shown()
        x = dump(packet.x)
        assert (packet.to, packet.msg, x["conv"], x["seq"]) == ("#Ops", "hi", "#Ops", 1)
    assert [x["op"] for x in bob.xs()] == ["ack"]
    assert outside.shown() == []


def test_all_devices_of_the_speaker_see_it_as_their_own(router: Router, ann: User) -> None:
    phone, bob = log_in(router, "ann", dev="phone"), guest(router, "bob")
    ann.shown(), phone.shown(), bob.shown()
    ann.send("#ops", "hi")
    x = dump(phone.told().x)
    assert (x["conv"], x["self_"]) == ("#Ops", True)
    assert "self_" not in dump(bob.told().x)
    assert ann.shown() == []


def test_who_is_not_in_a_room_can_not_speak_there(router: Router, ann: User) -> None:
    bob = User(router, "bob").hello("id")
    bob.send("#ops", "hi")
    assert code(bob) == "NOT_MEMBER"
    bob.send("#nowhere", "hi")
    assert code(bob) == "NO_SUCH_TARGET"
    assert ann.shown() == []


def test_who_is_in_it_when_it_is_stored_gets_it(router: Router, ann: User) -> None:
    leaves, comes = guest(router, "bob"), User(router, "cat")
    ann.shown()
    store_of(router.chat).held = True
    ann.send("#ops", "hi")
    leaves.send("/leave", "#ops")
    comes.send("/join", "#ops")
    leaves.shown(), comes.shown()
    store_of(router.chat).release()
    assert leaves.shown() == []
    assert comes.msgs() == ["[#Ops] hi"]


def test_a_member_that_is_away_is_owed_what_was_said_since_it_joined(router: Router, ann: User) -> None:
    ann.send("#ops", "before")
    zoe = account(router, "zoe")
    zoe.send("/join", "#ops")
    zoe.leave()
    ann.send("#ops", "after")
    batch = log_in(router, "zoe").shown()[1:-1]
    assert [packet.msg for packet in batch] == ["after"]


def test_who_has_left_is_owed_nothing_and_reads_nothing(router: Router, ann: User) -> None:
    zoe = account(router, "zoe")
    zoe.send("/join", "#ops")
    ann.send("#ops", "before")
    zoe.send("/leave", "#ops")
    zoe.leave()
    ann.send("#ops", "after")
    zoe = log_in(router, "zoe")
    assert [x.get("op") for x in zoe.xs()] == ["welcome", "end"]
    zoe.send("/history", "#ops")
    assert code(zoe) == "NOT_MEMBER"
    zoe.send("/history")
    assert [x["op"] for x in zoe.xs()] == ["end"]
    assert members(router) == [(1, "r1")]


def test_a_guest_that_registers_in_a_room_misses_nothing_there(router: Router, ann: User) -> None:
    bob = guest(router, "bob")
    store_of(router.chat).held = True
    ann.send("#ops", "one")
    bob.send("/register", PASSWORD)
    ann.send("#ops", "two")
    store_of(router.chat).release()
    assert [msg for msg in bob.msgs() if "account" not in msg] == ["one", "two"]
    assert members(router) == [(1, "r1"), (2, "r1")]
    ann.send("#ops", "three")
    assert bob.msgs() == ["three"]
    bob.leave()
    ann.send("#ops", "four")
    assert log_in(router, "bob", resume={"epoch": "e1", "seq": 3}).msgs()[1:-1] == ["four"]


def test_a_room_that_was_closed_while_a_guest_registered_is_gone(router: Router, ann: User) -> None:
    bob = guest(router, "bob")
    store_of(router.chat).held = True
    ann.send("/close", "#ops")
    bob.send("/register", PASSWORD)
    store_of(router.chat).release()
    assert bob.session.account is not None
    assert members(router) == []


# Making, joining, leaving.


def test_only_an_account_makes_a_room_and_it_is_in_it(router: Router, ann: User) -> None:
    bob = User(router, "bob").hello("id")
    bob.send("/create", "#mine")
    assert code(bob) == "AUTH_REQUIRED"
    ann.send("/create", "#more", cid="1")
    x = dump(ann.told().x)
    assert (x["op"], x["rooms"]) == ("ok", [{"name": "#more", "topic": "", "private": False, "online": 1}])


@pytest.mark.parametrize("name", ["ops", "#", "# ", "#a b", "##", "#" + "x" * 33, "#a\u200bb", "Everyone", "#SERVER"])
def test_a_rooms_name_is_a_mark_and_what_a_user_may_be_called(ann: User, name: str) -> None:
    ann.send("/create", room=name)
    assert code(ann) == "BAD_NAME"


def test_names_of_rooms_compare_without_case_and_are_taken_once(router: Router, ann: User) -> None:
    zoe = account(router, "zoe")
    zoe.send("/create", "#OPS")
    assert code(zoe) == "NAME_TAKEN"
    store_of(router.chat).held = True
    zoe.send("/create", "#new")
    ann.send("/create", "#NEW")
    store_of(router.chat).release()
    assert code(ann) == "NAME_TAKEN"
    assert dump(zoe.told().x)["op"] == "ok"


def test_who_joins_again_is_told_so_and_nobody_else(router: Router, ann: User) -> None:
    bob = guest(router, "bob")
    ann.shown()
    bob.send("/join", "#ops")
    assert bob.told().msg == "You are in #Ops, with 1 other online."
    assert ann.shown() == []


def test_a_guest_leaves_with_its_connection(router: Router, ann: User) -> None:
    bob = guest(router, "bob")
    bob.leave()
    ann.shown()
    ann.send("/members", "#ops")
    assert ann.told().msg == "In #Ops (1 online, 0 away): ann"
    again = User(router, "bob").hello("id")
    again.send("#ops", "hi")
    assert code(again) == "NOT_MEMBER"


def test_members_are_listed_those_here_before_those_away(router: Router, ann: User) -> None:
    zoe, bea = account(router, "zoe"), account(router, "bea")
    for user in (zoe, bea):
        user.send("/join", "#ops")
    bea.leave()
    ann.shown()
    ann.send("/members", "#ops")
    packet = ann.told()
    assert packet.msg == "In #Ops (2 online, 1 away): ann, zoe, bea"
    assert dump(packet.x)["names"] == ["ann", "zoe", "bea"]


def test_when_nothing_can_be_stored_everything_stays_as_it_was(router: Router, ann: User) -> None:
    zoe, watcher = account(router, "zoe"), guest(router, "bob")
    store_of(router.chat).broken = True
    for user, command, args in (
        (zoe, "/create", "#new"),
        (zoe, "/join", "#ops"),
        (ann, "/leave", "#ops"),
        (ann, "/topic", "#ops pumps"),
        (ann, "/close", "#ops"),
    ):
        user.send(command, args)
        assert code(user) == "NOT_STORED"
    assert len(router.chat.rooms) == 1
    room = router.chat.rooms.find("#ops")
    assert room is not None
    assert (list(room.members), room.topic) == ([1], "")
    assert watcher.shown() == []


# Events.


def test_who_asked_for_it_is_told_who_joined_and_left(router: Router, ann: User) -> None:
    plain, classic = User(router, "cat").hello("id", "presence"), User(router, "dan")
    for user in (plain, classic):
        user.send("/join", "#ops")
        user.shown()
    router.chat.clock.advance(PAUSE)  # type: ignore[attr-defined]  # it is a test's
    router.chat.clock.advance(PAUSE)  # type: ignore[attr-defined]  # the same
    ann.shown()
    bob = guest(router, "bob")
    assert events(ann) == [("joined", ["bob"], "#Ops")], "at once"
    bob.send("/leave", "#ops")
    assert events(ann) == []
    router.chat.clock.advance(PAUSE)  # type: ignore[attr-defined]  # it is a test's
    assert events(ann) == [("left", ["bob"], "#Ops")]
    assert events(plain) == events(classic) == []


def test_comings_and_goings_in_a_room_are_told_together_once_a_second(router: Router, ann: User) -> None:
    bob, eve = guest(router, "bob"), guest(router, "eve")
    ann.shown()
    router.chat.clock.advance(PAUSE)  # type: ignore[attr-defined]  # it is a test's
    assert events(ann) == [("joined", ["eve"], "#Ops")]
    for _ in range(10):
        bob.send("/leave", "#ops")
        bob.send("/join", "#ops")
        eve.send("/leave", "#ops")
    assert events(ann) == []
    for user in (eve, bob):
        user.send("/join", "#ops")
        user.send("/leave", "#ops")
    router.chat.clock.advance(PAUSE)  # type: ignore[attr-defined]  # the same
    assert events(ann) == [("left", ["eve", "bob"], "#Ops")]
    router.chat.clock.advance(PAUSE)  # type: ignore[attr-defined]  # the same
    assert events(ann) == []


def test_each_room_has_news_of_its_own(router: Router, ann: User) -> None:
    ann.send("/create", "#dev")
    ann.shown()
    bob = guest(router, "bob")
    bob.send("/join", "#dev")
    assert events(ann) == [("joined", ["bob"], "#Ops"), ("joined", ["bob"], "#dev")]


def test_what_an_account_does_with_a_room_costs_what_it_takes_to_write_it_down(router: Router, ann: User) -> None:
    bob = account(router, "bob")
    bob.send("/join", "#ops")
    for user, commands in ((bob, ("/leave #ops", "/join #ops")), (ann, ("/topic #ops one", "/topic #ops two"))):
        router.chat.limits.set("packets", 2)
        user.session.packets = Bucket(router.chat.limits, "packets")
        user.shown()
        for command in commands:
            user.send(*command.split(" ", 1))
        assert sum("too much at once" in msg for msg in user.msgs()) == 1


def test_entering_and_leaving_cost_as_much_as_telling_those_who_are_there(router: Router, ann: User) -> None:
    for n in range(40):
        guest(router, f"user{n}")
    bob = guest(router, "bob")
    router.chat.limits.set("packets", 1)
    bob.session.packets = Bucket(router.chat.limits, "packets")
    for _ in range(10):
        bob.send("/leave", "#ops")
        bob.send("/join", "#ops")
    assert sum("too much at once" in msg for msg in bob.msgs()) == 8


def events(user: User) -> list[tuple[object, ...]]:
    """The comings and goings that somebody was told of."""
    told = [dump(packet.x) for packet in user.shown()]
    return [(x["ev"], x["who"], x["conv"]) for x in told if x.get("op") == "event" and x["conv"] != "Everyone"]


# Private ones.


@pytest.fixture
def secret(router: Router, ann: User) -> User:
    """Somebody with an account who is not in #secret, which is ann's."""
    ann.send("/create", "#secret private")
    ann.send("/topic", "#secret the merger")
    ann.send("#secret", "sell")
    ann.shown()
    return account(router, "eve")


OUTSIDE = [
    ("/uninvite", "eve {}"),
    ("/join", "{}"),
    ("/leave", "{}"),
    ("/members", "{}"),
    ("/topic", "{}"),
    ("/topic", "{} mine now"),
    ("/invite", "eve {}"),
    ("/close", "{}"),
    ("/history", "{}"),
    ("/search", "in:{} sell"),
    ("{}", "hi"),
]


@pytest.mark.parametrize(("to", "msg"), OUTSIDE)
@pytest.mark.parametrize("who", ["eve", "bob"])
def test_of_a_private_room_outsiders_learn_what_they_do_of_none(
    router: Router, ann: User, secret: User, to: str, msg: str, who: str
) -> None:
    outsider = secret if who == "eve" else User(router, "bob").hello("id")
    answers = []
    for name in ("#secret", "#nothin"):
        outsider.send(to.format(name), msg.format(name), cid="1")
        answers.append([(packet.msg.replace(name, "#"), dump(packet.x)) for packet in outsider.shown()])
    assert answers[0] == answers[1]
    assert ann.shown() == []


def test_a_private_room_is_not_among_the_rooms_of_outsiders(router: Router, ann: User, secret: User) -> None:
    for asked in ("", "#s", "secret"):
        secret.send("/rooms", asked)
    assert not any("secret" in packet.msg or "merger" in str(dump(packet.x)) for packet in secret.shown())
    secret.send("/history")
    secret.send("/search", "sell")
    assert [x["op"] for x in secret.xs()] == ["end", "end"]
    ann.send("/rooms", "SE")
    assert ann.told().msg == "Rooms (1):\n#secret (1 online, private) the merger"


def test_who_is_invited_sees_the_room_and_may_enter(router: Router, ann: User, secret: User) -> None:
    ann.send("/invite", "eve #secret")
    assert "invites you to #secret" in secret.told().msg
    secret.send("/history", "#secret")
    assert code(secret) == "NOT_MEMBER"
    secret.send("/rooms", "#s")
    assert "#secret" in secret.told().msg
    secret.send("/join", "#secret")
    assert secret.told().msg.startswith("You are in #secret")
    secret.send("/leave", "#secret")
    secret.shown()
    secret.send("/join", "#secret")  # once
    assert code(secret) == "NO_SUCH_TARGET"


def test_nobody_can_be_invited_who_is_not_there(router: Router, ann: User) -> None:
    ann.send("/create", "#secret private")
    ann.shown()
    ann.send("/invite", "bob #secret")
    assert code(ann) == "NO_SUCH_TARGET"


def test_a_moderator_sees_private_rooms(router: Router, secret: User) -> None:
    secret.session.account.role = secret.session.role = Role.MODERATOR  # type: ignore[union-attr]
    secret.send("/join", "#secret")
    assert secret.told().msg.startswith("You are in #secret")


# Owning.


def test_only_the_owner_says_what_it_is_about_and_ends_it(router: Router, ann: User) -> None:
    bob = guest(router, "bob")
    zoe = account(router, "zoe")
    zoe.send("/join", "#ops")
    for command in ("/topic", "/close"):
        zoe.send(command, "#ops mine" if command == "/topic" else "#ops")
        assert code(zoe) == "FORBIDDEN"
    ann.send("/topic", "#ops pumps\nand pipes")
    bob.shown()
    bob.send("/topic", "#ops")
    assert bob.told().msg == r"pumps\nand pipes"
    ann.send("/topic", "#ops " + "x" * 301)
    assert code(ann) == "USAGE"


def test_a_room_that_is_closed_is_gone_for_all_and_its_name_free(router: Router, ann: User) -> None:
    bob, zoe = guest(router, "bob"), account(router, "zoe")
    zoe.send("/join", "#ops")
    zoe.leave()
    ann.send("#ops", "old")
    ann.shown(), bob.shown()
    ann.send("/close", "#ops")
    assert bob.told().msg == "#Ops is closed for good, by ann."
    ann.send("/create", "#ops")
    ann.shown()
    ann.send("/history", "#ops")
    assert [x["op"] for x in ann.xs()] == ["end"]
    bob.send("#ops", "hi")
    assert code(bob) == "NOT_MEMBER"
    assert members(router) == [(1, "r2")]


def test_to_make_a_room_costs_what_it_takes_to_write_it_down(router: Router, ann: User) -> None:
    router.chat.limits.set("packets", 0.1)
    ann.send("/create", "#ops")  # (there is one of that name)
    ann.shown()
    ann.send("/create", "#ops")
    assert "too much at once" in ann.told().msg


def test_two_devices_may_close_a_room_at_once(router: Router, ann: User) -> None:
    phone = log_in(router, "ann", dev="phone")
    store_of(router.chat).held = True
    ann.send("/close", "#ops")
    ann.send("/create", "#ops")  # (a connection would hold this one back)
    phone.send("/close", "#ops")
    store_of(router.chat).release()
    assert not ann.client.faults
    assert not phone.client.disconnected
    assert router.chat.rooms.find("#ops") is not None


@pytest.mark.parametrize(("command", "args"), [("/join", "#ops"), ("/invite", "eve #ops"), ("/topic", "#ops new")])
def test_what_is_done_to_a_room_as_it_is_closed_is_refused(router: Router, ann: User, command: str, args: str) -> None:
    zoe, eve = account(router, "zoe"), account(router, "eve")
    if command == "/topic":
        assert zoe.session.account is not None
        zoe.session.role = zoe.session.account.role = Role.MODERATOR
    if command == "/invite":
        zoe.send("/join", "#ops")
        zoe.shown()
    store_of(router.chat).held = True
    ann.send("/close", "#ops")
    zoe.send(command, args)
    store_of(router.chat).release()
    assert code(zoe) == "NO_SUCH_TARGET"
    assert members(router) == []
    assert not zoe.client.disconnected
    assert eve.shown() == []


def test_a_moderator_that_is_not_in_a_room_can_not_leave_it(router: Router, ann: User) -> None:
    zoe = account(router, "zoe")
    zoe.session.role = Role.MODERATOR
    zoe.send("/leave", "#ops")
    assert code(zoe) == "NOT_MEMBER"
    assert ann.shown() == []


def test_programs_may_give_the_arguments_by_name(router: Router, ann: User) -> None:
    eve = account(router, "eve")
    for to, x in (
        ("/create", {"room": "#x", "private": True}),
        ("/topic", {"room": "#x", "text": "pipes and pumps"}),
        ("/invite", {"user": "eve", "room": "#x"}),
        ("/members", {"room": "#x"}),
        ("/rooms", {"prefix": "#x"}),
        ("/leave", {"room": "#x"}),
    ):
        ann.send(to, cid=to, **x)
    assert [(x["op"], x["cid"]) for x in ann.xs()] == [
        ("ok", to) for to in ("/create", "/topic", "/invite", "/members", "/rooms", "/leave")
    ]
    eve.shown()
    eve.send("/join", room="#x")
    assert dump(eve.told().x)["rooms"] == [{"name": "#x", "topic": "pipes and pumps", "private": True, "online": 1}]


def test_an_invitation_is_seen_by_members_and_can_be_taken_back(router: Router, ann: User, secret: User) -> None:
    ann.send("/invite", "eve #secret")
    ann.shown(), secret.shown()
    ann.send("/members", "#secret")
    packet = ann.told()
    assert packet.msg == "In #secret (1 online, 0 away): ann. Invited (1): eve"
    x = dump(packet.x)
    assert (x["names"], x["invited"], x["n"]) == (["ann"], ["eve"], 1)
    ann.send("/uninvite", "eve #secret")
    assert ann.told().msg == "The invitation of eve to #secret was withdrawn."
    assert secret.told().msg == "Your invitation to #secret was withdrawn."
    secret.send("/join", "#secret")
    assert code(secret) == "NO_SUCH_TARGET"
    ann.send("/members", room="#secret")
    assert "invited" not in dump(ann.told().x)
    ann.send("/uninvite", user="eve", room="#secret")
    assert code(ann) == "USAGE"
    assert load(store_of(router.chat).connection, {})[1].invited == set()


def test_only_who_is_in_a_room_takes_an_invitation_back(router: Router, ann: User, secret: User) -> None:
    zoe = account(router, "zoe")
    ann.send("/invite", "eve #secret")
    secret.shown()
    for user, why in ((zoe, "NO_SUCH_TARGET"), (secret, "NOT_MEMBER")):
        user.send("/uninvite", "eve #secret")
        assert code(user) == why
    secret.send("/join", "#secret")
    secret.shown()
    ann.send("/uninvite", "eve #secret")
    assert ann.shown()[-1].msg == "eve is already in #secret."


def test_who_comes_as_the_invitation_is_taken_back_stays_out(router: Router, ann: User, secret: User) -> None:
    ann.send("/invite", "eve #secret")
    secret.shown()
    store_of(router.chat).held = True
    ann.send("/uninvite", "eve #secret")
    secret.send("/join", "#secret")
    store_of(router.chat).release()
    assert "withdrawn just now" in secret.shown()[-1].msg
    assert members(router) == [(1, "r1"), (1, "r2")]


def test_who_joins_as_they_are_invited_is_not_invited_once_more(router: Router, ann: User) -> None:
    zoe = account(router, "zoe")
    store_of(router.chat).held = True
    zoe.send("/join", "#ops")
    ann.send("/invite", "zoe #ops")
    store_of(router.chat).release()
    assert code(ann) == "USAGE"
    room = router.chat.rooms.find("#ops")
    assert room is not None
    assert room.invited == load(store_of(router.chat).connection, dict(room.members))[0].invited == set()


# Names that look alike.


def test_two_rooms_do_not_look_alike(router: Router, ann: User) -> None:
    zoe = account(router, "zoe")
    ann.send("/create", "#scope")
    for _ in range(2):
        zoe.send("/create", "#ѕсоре")
        assert code(zoe) == "NAME_TAKEN"
    ann.send("/close", "#scope")
    store_of(router.chat).held = True
    zoe.send("/create", "#ѕсоре")
    ann.send("/create", "#scope")
    store_of(router.chat).release()
    assert code(ann) == "NAME_TAKEN"
    assert dump(zoe.told().x)["op"] == "ok"
    ann.send("/create", "#sc0pe")
    assert code(ann) == "NAME_TAKEN"


# Limits.


def test_one_account_has_so_many_rooms_and_others_may_make_some_still(router: Router, ann: User) -> None:
    router.chat.limits.set("owned", 2)
    ann.send("/create", "#two")
    ann.send("/leave", "#ops")
    ann.send("/leave", "#two")
    ann.send("/create", "#three")
    assert code(ann) == "FULL"
    assert router.chat.limits.met["owned"] == 1
    zoe = account(router, "zoe")
    zoe.send("/create", "#three")
    assert dump(zoe.told().x)["op"] == "ok"
    ann.send("/join", "#two")
    ann.send("/close", "#two")
    ann.shown()
    ann.send("/create", "#four")
    assert dump(ann.told().x)["op"] == "ok"


def test_of_rooms_it_counts_what_was_made_and_not_only_what_there_is(router: Router, ann: User) -> None:
    router.chat.limits.set("creations", 2)
    ann = account(router, "zoe")
    for n in range(2):
        ann.send("/create", "#OPS")  # is no new one
        ann.send("/create", f"#x{n}")
        ann.send("/close", f"#x{n}")
    ann.shown()
    ann.send("/create", "#x3")
    packet = ann.told()
    x = dump(packet.x)
    assert (x["code"], x["retry_ms"]) == ("RATE_LIMITED", 1_800_000)
    assert packet.msg == "You have made too many rooms within the last hour. Try again in 30 min."
    assert router.chat.limits.met["creations"] == 1
    router.chat.clock.advance(1800)  # type: ignore[attr-defined]  # it is a test's
    ann.send("/create", "#x3")
    assert dump(ann.told().x)["op"] == "ok"


def test_one_account_sends_so_many_invitations_in_an_hour(router: Router, ann: User) -> None:
    router.chat.limits.set("invites", 1)
    zoe, eve = account(router, "zoe"), account(router, "eve")
    ann.send("/invite", "zoe #ops")
    ann.send("/uninvite", "zoe #ops")
    ann.send("/invite", "eve #ops")
    assert code(ann) == "RATE_LIMITED"
    assert eve.shown() == []
    zoe.send("/join", "#ops")
    zoe.shown()
    zoe.send("/invite", "eve #ops")
    assert "invites you" in eve.told().msg


def test_those_who_are_about_to_come_count(router: Router, ann: User) -> None:
    router.chat.limits.set("joined", 3)
    router.chat.limits.set("members", 2)
    phone = log_in(router, "ann", dev="phone")
    zoe, eve = account(router, "zoe"), account(router, "eve")
    phone.shown()
    store_of(router.chat).held = True
    for n, user in enumerate((ann, phone, ann, phone)):
        user.send("/create", f"#x{n}")
    zoe.send("/join", "#ops")
    eve.send("/join", "#ops")
    store_of(router.chat).release()
    assert ann.session.account is not None
    assert len(ann.session.account.conversations) == 3
    assert sum("maximum number of rooms" in msg for user in (ann, phone) for msg in user.msgs()) == 2
    assert code(eve) == "FULL"
    assert dump(zoe.told().x)["op"] == "ok"
    for user in (ann, zoe):
        user.send("/leave", "#ops")
    eve.send("/join", "#ops")
    ann.send("/create", "#again")
    assert len(members(router)) == 4, "no place is kept for anybody who has one"


def test_what_is_not_found_is_not_looked_at(router: Router, ann: User) -> None:
    for name in ("joined", "owned", "creations", "packets"):
        router.chat.limits.set(name, "off")
    for n in range(300):
        ann.send("/create", f"#room{n}")
    bob = User(router, "bob")
    router.chat.limits.set("packets", 1)
    bob.session.packets = Bucket(router.chat.limits, "packets")
    for _ in range(30):
        bob.send("/rooms", "zzz")
    assert {packet.msg for packet in bob.shown()} == {"There are no rooms. Send /create #NAME to make one."}
    for prefix in ("", "#ROOM", "room2"):
        bob.send("/rooms", prefix)
    assert [msg.splitlines()[0] for msg in bob.msgs()] == ["Rooms (301):", "Rooms (300):", "Rooms (111):"]
    bob.send("/rooms", "room")
    bob.send("/rooms", "room")
    assert "too much at once" in bob.msgs()[-1]


def test_private_rooms_are_paid_for_though_they_are_not_shown(router: Router, ann: User) -> None:
    for name in ("joined", "owned", "creations", "packets"):
        router.chat.limits.set(name, "off")
    for n in range(300):
        ann.send("/create", f"#room{n} private")
    bob = User(router, "bob")
    router.chat.limits.set("packets", 1)
    bob.session.packets = Bucket(router.chat.limits, "packets")
    for _ in range(6):
        bob.send("/rooms", "room")
    assert "too much at once" in bob.msgs()[-1]


def test_one_may_be_in_so_many_rooms(router: Router, ann: User) -> None:
    router.chat.limits.set("joined", 1)
    ann.send("/create", "#more")
    assert code(ann) == "FULL"
    bob, zoe = guest(router, "bob"), account(router, "zoe")
    zoe.send("/create", "#two")
    bob.shown()
    bob.send("/join", "#two")
    assert code(bob) == "FULL"
    assert router.chat.limits.met["joined"] == 2


def test_so_many_may_belong_to_one_room(router: Router, ann: User) -> None:
    router.chat.limits.set("members", 1)
    zoe = account(router, "zoe")
    zoe.send("/join", "#ops")
    assert code(zoe) == "FULL"
    assert router.chat.limits.met["members"] == 1


def test_so_many_rooms_and_no_more(router: Router, ann: User) -> None:
    router.chat.limits.set("rooms", 1)
    ann.send("/create", "#more")
    assert code(ann) == "FULL"
    assert router.chat.limits.met["rooms"] == 1


def test_so_many_may_be_invited_at_a_time(router: Router, ann: User) -> None:
    router.chat.limits.set("invitations", 1)
    zoe, eve = account(router, "zoe"), account(router, "eve")
    ann.shown()
    ann.send("/invite", "zoe #ops")
    ann.send("/invite", "zoe #ops")
    ann.send("/invite", "eve #ops")
    assert code(ann) == "FULL"
    assert router.chat.limits.met["invitations"] == 1
    assert eve.shown() == []
    zoe.send("/join", "#ops")
    ann.send("/invite", "eve #ops")
    assert "invites you" in eve.told().msg


def test_a_list_of_many_rooms_says_that_there_are_more(router: Router, ann: User) -> None:
    for name in ("packets", "joined", "owned", "creations"):
        router.chat.limits.set(name, "off")
    for n in range(99):
        ann.send("/create", f"#room{n}")
        ann.send("/topic", f"#room{n} " + "x" * 300)
    ann.shown()
    ann.send("/rooms", "room")
    packet = ann.told()
    assert packet.msg.splitlines()[-1].startswith("... and ")
    assert len(packet.msg.encode()) <= 16384
    assert dump(packet.x)["n"] == 99


# What is kept.


def test_rooms_and_who_belongs_to_them_are_there_after_a_restart(router: Router, ann: User) -> None:
    zoe = account(router, "zoe")
    ann.send("/create", "#secret private")
    ann.send("/invite", "zoe #secret")
    ann.send("/topic", "#ops pumps")
    zoe.send("/join", "#ops")
    known = {user.session.account.id: user.session.account for user in (ann, zoe) if user.session.account}
    ops, secret = load(store_of(router.chat).connection, known)
    assert (ops.name, ops.topic, ops.private, list(ops.members), ops.owner) == ("#Ops", "pumps", False, [1, 2], 1)
    assert (secret.name, secret.private, list(secret.members), secret.invited) == ("#secret", True, [1], {2})


def test_a_private_room_is_never_the_lobby(router: Router, ann: User) -> None:
    ann.send("/create", "#Hall private")
    with pytest.raises(FileError, match="#Hall is a private room"):
        OpenLobby(parse_name("#hall"), 0).run(store_of(router.chat).connection)


def test_of_two_rooms_with_one_key_the_lobby_is_the_one_of_exactly_that_name(router: Router, ann: User) -> None:
    tables = store_of(router.chat).connection
    tables.execute(
        "INSERT INTO rooms VALUES (8, '#σίσυφος', '#σίσυφος', '', 1, NULL, 0, '', 0, '{}'),"
        " (9, '#σίσυφοσ', '#σίσυφοσ', '', 0, NULL, 0, '', 0, '{}')"
    )
    with pytest.raises(FileError, match="#σίσυφος is a private room"):
        OpenLobby(parse_name("#σίσυφος"), 0).run(tables)
    OpenLobby(parse_name("#σίσυφοσ"), 0).run(tables)
    assert tables.execute("SELECT conv FROM members WHERE conv IN ('r8', 'r9')").fetchall() == [("r9",)]


def test_who_made_a_public_room_does_not_rule_in_the_lobby_that_it_becomes(router: Router, ann: User) -> None:
    room, bob = router.chat.rooms.find("#ops"), guest(router, "bob")
    assert room is not None
    router.chat.rooms.open_lobby(room)
    ann.shown()
    for command, args in (("/topic", "#ops mine"), ("/mute", "#ops bob"), ("/close", "#ops"), ("/kick", "#ops bob")):
        ann.send(command, args)
        assert code(ann) == "FORBIDDEN"
    ann.session.account.role = ann.session.role = Role.MODERATOR  # type: ignore[union-attr]
    ann.send("/mute", "#ops bob")
    assert "You are muted in #Ops" in bob.told().msg
    (kept,) = load(store_of(router.chat).connection, dict(room.members))
    assert kept.owner == 1, "when it is the lobby no more, it is theirs again"


def test_in_the_lobby_is_everybody_and_nobody_leaves_it(router: Router) -> None:
    connection = store_of(router.chat).connection
    OpenLobby(parse_name("#lobby"), 0).run(connection)
    OpenLobby(parse_name("#lobby"), 0).run(connection)  # as each start does
    (lobby,) = load(connection, {})
    router.chat.rooms.add(lobby)
    router.chat.rooms.open_lobby(lobby)
    ann, bob = User(router, "ann"), User(router, "bob")
    ann.send("#lobby", "hi")
    assert bob.told().msg == "[#lobby] hi"
    bob.send("/leave", "#lobby")
    assert bob.told().msg == "Everyone is in #lobby, so you can't leave it."
    ann.register()
    bob.send("#lobby", "hello")
    assert ann.told().msg == "[#lobby] hello"


def test_an_account_that_an_administrator_makes_is_in_the_lobby_from_its_first_moment_on_the_disk(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(router.chat)
    OpenLobby(parse_name("#lobby"), 0).run(store.connection)
    (lobby,) = load(store.connection, {})
    router.chat.rooms.add(lobby)
    router.chat.rooms.open_lobby(lobby)

    def write_once(command: LogCommand[Any]) -> Deferred[Any]:
        done, store.broken = FakeStore.write(store, command), True
        return done

    monkeypatch.setattr(store, "write", write_once)
    operations = Operations(router.chat, store, succeed)  # type: ignore[arg-type]  # as much of a store as is needed
    Deferred.fromCoroutine(operations.do(Add("ann", PASSWORD), "root", lambda *_: None))
    account = router.chat.online.account("ann")
    assert account is not None
    assert lobby.members == {account.id: account}
    assert store.connection.execute("SELECT conv FROM members").fetchall() == [(lobby.conv,)]


def test_a_temporary_room_ends_when_the_account_of_its_last_member_is_removed(router: Router, ann: User) -> None:
    store, router.chat.rooms_by = store_of(router.chat), "anyone"
    ann.send("/join", "#new")
    operations = Operations(router.chat, store, succeed)  # type: ignore[arg-type]  # as much of a store as is needed
    Deferred.fromCoroutine(operations.do(Remove("ann"), "root", lambda *_: None))
    assert [room.name for room in router.chat.rooms.with_prefix("")] == ["#Ops"]
    assert store.connection.execute("SELECT name FROM rooms").fetchall() == [("#Ops",)]


def test_an_account_is_made_even_if_the_database_has_lost_the_lobby(router: Router) -> None:
    store = store_of(router.chat)
    OpenLobby(parse_name("#lobby"), 0).run(store.connection)
    (lobby,) = load(store.connection, {})
    router.chat.rooms.add(lobby)
    router.chat.rooms.open_lobby(lobby)
    store.connection.execute("DELETE FROM rooms")
    operations = Operations(router.chat, store, succeed)  # type: ignore[arg-type]  # as much of a store as is needed
    answers: list[Any] = []
    Deferred.fromCoroutine(operations.do(Add("ann", PASSWORD), "root", lambda *_: None)).addCallback(answers.append)
    Deferred.fromCoroutine(operations.do(Add("\u0430nn", PASSWORD), "root", lambda *_: None)).addCallback(answers.append)
    assert answers.pop().text.endswith(" Try ann2."), "and a name that is proposed is free (the first letter was Cyrillic)"
    assert [answer.facts for answer in answers] == [{"name": "ann", "role": "user"}]


@pytest.mark.parametrize("text", ["#", " # "])
def test_a_mark_alone_is_no_name_of_a_room(text: str) -> None:
    with pytest.raises(BadName, match=r"^The name of a room is missing; write it after the #, as in #ops\.$"):
        parse_name(text)
