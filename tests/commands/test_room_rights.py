"""Ranks and rules of rooms: who may do what, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from lanchat.core.router import Router
from lanchat.model.room_rules import Rank, RoomRules
from lanchat.model.session import Role
from lanchat.protocol.limits import Bucket
from lanchat.tables.rooms import CloseEmptyRooms, load
from tests.fakes import User, dump, make_router, store_of
from tests.people import person


@pytest.fixture
def router() -> Router:
    return make_router()[0]


@pytest.fixture
def ann(router: Router) -> User:
    """An account that made #ops."""
    ann = person(router, "ann", Role.USER).hello("id", "event", "room")
    ann.send("/create", "#ops")
    ann.shown()
    return ann


def user(router: Router, name: str, room: str = "#ops") -> User:
    """Somebody with an account who is in a room."""
    user = person(router, name, Role.USER).hello("id", "room")
    user.send("/join", room)
    user.shown()
    return user


def guest(router: Router, name: str, room: str = "#ops") -> User:
    guest = User(router, name).hello("id", "room")
    guest.send("/join", room)
    guest.shown()
    return guest


def ask(user: User, to: str, msg: str = "", **x: Any) -> str:
    """What somebody is answered: the code, if it is refused, and otherwise the text."""
    user.shown()
    user.send(to, msg, **x)
    answer = next(packet for packet in user.shown() if dump(packet.x).get("op") in {"ok", "fail", "end"})
    return str(dump(answer.x).get("code") or answer.msg)


# Ranks.


def test_each_rank_may_do_what_is_its_own_and_what_those_below_may(router: Router, ann: User) -> None:
    bob, eve = user(router, "bob"), user(router, "eve")
    of_operators = [("/topic", "#ops x"), ("/rules", "#ops secret on"), ("/mute", "#ops eve"), ("/kick", "#ops eve")]
    of_owners = [("/rank", "#ops eve operator"), ("/rename", "#ops #pumps"), ("/close", "#pumps")]
    for rank in ("none", "voiced"):
        assert "bob is" in ask(ann, "/rank", f"#ops bob {rank}")
        assert {ask(bob, to, msg) for to, msg in of_operators} == {"FORBIDDEN"}
    assert ask(ann, "/rank", "#ops bob operator") == "bob is an operator in #ops now."
    assert not {ask(bob, to, msg) for to, msg in of_operators} & {"FORBIDDEN"}
    assert [ask(bob, to, msg) for to, msg in of_owners] == ["FORBIDDEN", "FORBIDDEN", "NO_SUCH_TARGET"]
    assert ask(ann, "/rank", "#ops bob owner") == "bob is an owner in #ops now."
    assert not {ask(bob, to, msg) for to, msg in of_owners} & {"FORBIDDEN", "NO_SUCH_TARGET"}
    assert router.chat.rooms.of(eve.session) == []


def test_a_rank_is_given_by_owners_and_moderators_only_and_in_no_lobby(router: Router, ann: User) -> None:
    bob, mod = user(router, "bob"), person(router, "mod", Role.MODERATOR).hello("id")
    assert ask(bob, "/rank", "#ops bob owner") == "FORBIDDEN"
    assert ask(mod, "/rank", "#ops bob operator") == "bob is an operator in #ops now."
    assert ask(bob, "/rank", "#ops bob owner") == "FORBIDDEN"
    assert ask(ann, "/rank", "#ops bob boss") == "USAGE"
    assert ask(ann, "/rank", "#ops nobody voiced") == "NO_SUCH_TARGET"
    room = router.chat.rooms.find("#ops")
    assert room is not None
    router.chat.rooms.open_lobby(room)
    assert ask(mod, "/rank", "#ops bob operator") == "FORBIDDEN"
    assert room.ranks == {}


def test_operators_decide_who_is_voiced_and_nothing_above_that(router: Router, ann: User) -> None:
    bob, eve, gus = user(router, "bob"), user(router, "eve"), guest(router, "gus")
    ask(ann, "/rank", "#ops bob operator")
    for who in ("eve", "gus"):
        assert ask(bob, "/rank", f"#ops {who} voiced") == f"{who} is voiced in #ops now."
        assert ask(eve, "/rank", f"#ops {who} none") == "FORBIDDEN", "who is voiced decides nothing"
        assert ask(bob, "/rank", f"#ops {who} none") == f"{who} is without a rank in #ops now."
        assert ask(bob, "/rank", f"#ops {who} operator") == "FORBIDDEN"
        ask(ann, "/rank", f"#ops {who} operator")
        assert ask(bob, "/rank", f"#ops {who} voiced") == "FORBIDDEN", "that would take a rank away that it did not give"
        ask(ann, "/rank", f"#ops {who} none")
    assert ask(bob, "/rank", "#ops ann voiced") == "FORBIDDEN"
    assert ask(gus, "/rank", "#ops eve voiced") == "FORBIDDEN"


def test_an_operator_takes_no_rank_away_that_is_given_at_the_same_time(router: Router, ann: User) -> None:
    bob, _ = user(router, "bob"), user(router, "eve")
    ask(ann, "/rank", "#ops bob operator")
    store = store_of(router.chat)
    store.held = True
    ann.send("/rank", "#ops eve owner")
    bob.send("/rank", "#ops eve none")
    store.release()
    assert dump(bob.shown()[-1].x)["code"] == "FORBIDDEN"
    (room,) = router.chat.rooms.of(bob.session)
    assert room.rank_of(router.chat.account_of("eve")) is Rank.OWNER


def test_the_last_owner_stays_one(router: Router, ann: User) -> None:
    bob = user(router, "bob")
    assert ask(ann, "/rank", "#ops ann none") == "FORBIDDEN"
    ask(ann, "/rank", "#ops bob owner")
    assert ask(ann, "/rank", "#ops ann none") == "ann is without a rank in #ops now."
    assert ask(bob, "/rank", "#ops bob operator") == "FORBIDDEN"
    assert store_of(router.chat).connection.execute("SELECT account, rank FROM ranks").fetchall() == [(2, 3)]


def test_of_two_owners_who_take_each_others_rank_away_at_once_one_stays(router: Router, ann: User) -> None:
    bob, store = user(router, "bob"), store_of(router.chat)
    ask(ann, "/rank", "#ops bob owner")
    ann.shown(), bob.shown()
    store.held = True
    ann.send("/rank", "#ops bob none", cid="a")
    bob.send("/rank", "#ops ann none", cid="b")
    store.release()
    assert [x["code"] for x in bob.xs() if x["op"] == "fail"] == ["FORBIDDEN"]
    assert store.connection.execute("SELECT account, rank FROM ranks").fetchall() == [(1, 3)]


def test_nobody_decides_about_who_has_the_same_rank_or_a_higher_one(router: Router, ann: User) -> None:
    bob, eve = user(router, "bob"), user(router, "eve")
    for name in ("bob", "eve"):
        ask(ann, "/rank", f"#ops {name} operator")
    assert ask(bob, "/kick", "#ops ann") == ask(bob, "/ban", "#ops eve") == "FORBIDDEN"
    assert "eve was taken out" in ask(ann, "/kick", "#ops eve")
    assert eve.session not in router.chat.rooms.find("#ops").sessions  # type: ignore[union-attr]


def test_a_rank_outlasts_the_membership_and_a_restart(router: Router, ann: User) -> None:
    account = ann.session.account
    ask(ann, "/leave", "#ops")
    assert account is not None
    (room,) = load(store_of(router.chat).connection, {account.id: account})
    assert (room.rank_of(account), room.members) == (Rank.OWNER, {})


def test_the_rank_of_a_guest_ends_when_it_leaves(router: Router, ann: User) -> None:
    bob = guest(router, "bob")
    assert ask(ann, "/rank", "#ops bob owner") == "FORBIDDEN"
    assert ask(ann, "/rank", "#ops bob operator") == "bob is an operator in #ops now."
    assert ask(bob, "/topic", "#ops pumps") == "Topic of #ops: pumps"
    for to in ("/leave", "/join"):
        ask(bob, to, "#ops")
    assert ask(bob, "/topic", "#ops more") == "FORBIDDEN"


def test_so_many_have_a_rank_in_a_room(router: Router, ann: User) -> None:
    router.chat.limits.set("ranks", 2)
    user(router, "bob"), user(router, "eve")
    ask(ann, "/rank", "#ops bob voiced")
    assert ask(ann, "/rank", "#ops eve voiced") == "FULL"
    assert router.chat.limits.met["ranks"] == 1
    assert ask(ann, "/rank", "#ops bob operator") == "bob is an operator in #ops now."


def test_who_asks_is_shown_the_ranks(router: Router, ann: User) -> None:
    ask(ann, "/rank", "#ops ann owner")
    ann.send("/rooms")
    assert dump(ann.shown()[-1].x)["rooms"] == [{"name": "#ops", "topic": "", "private": False, "online": 1, "rank": "owner"}]
    user(router, "bob")
    ann.shown()
    ann.send("/members", "#ops")
    packet = ann.told()
    assert (packet.msg, dump(packet.x)["ranks"]) == ("In #ops (2 online, 0 away): ann (owner), bob", {"ann": "owner"})


# Rules.


def test_in_a_moderated_room_only_those_with_a_rank_speak(router: Router, ann: User) -> None:
    bob, mod = user(router, "bob"), person(router, "mod", Role.MODERATOR).hello("id")
    mod.send("/join", "#ops")
    assert ask(ann, "/rules", "#ops moderated on") == "Rules of #ops: moderated on"
    bob.send("#ops", "hi")
    packet = bob.shown()[-1]
    assert (dump(packet.x)["code"], "voiced" in packet.msg) == ("MUTED", True)
    ask(ann, "/rank", "#ops bob voiced")
    ann.shown()
    for speaker in (bob, mod):
        speaker.send("#ops", "hello")
    assert ann.msgs() == ["hello", "hello"]


def test_a_secret_room_is_seen_by_those_who_belong_to_it(router: Router, ann: User) -> None:
    bob, eve = user(router, "bob"), guest(router, "eve")
    dan = person(router, "dan", Role.USER).hello("id")
    ask(ann, "/rules", "#ops secret on")
    assert "#ops" in ask(bob, "/rooms", "")
    assert "#ops" in ask(eve, "/rooms", ""), "a guest who is in it, too"
    assert "#ops" not in ask(dan, "/rooms", "")
    ask(ann, "/rules", "#ops key swordfish")
    assert ask(dan, "/join", "#ops wrong") == "NO_SUCH_TARGET"
    router.chat.limits.set("joined", 1)
    ask(dan, "/create", "#own")
    assert ask(dan, "/join", "#ops wrong") == "NO_SUCH_TARGET", "who may be in no more rooms doesn't learn of it either"
    router.chat.limits.set("joined", 2)
    assert "You are in #ops" in ask(dan, "/join", "#ops swordfish")


@pytest.mark.parametrize(
    ("rule", "code"),
    [("invited on", "FORBIDDEN"), ("key swordfish", "FORBIDDEN"), ("limit 1", "FULL"), ("accounts on", "FORBIDDEN")],
)
def test_who_may_not_enter_is_refused_and_an_invitation_lets_in(router: Router, ann: User, rule: str, code: str) -> None:
    bob, eve = person(router, "bob", Role.USER).hello("id"), User(router, "eve").hello("id")
    ask(ann, "/rules", f"#ops {rule}")
    assert ask(eve, "/join", "#ops") == code
    if "accounts" not in rule:
        assert ask(bob, "/join", "#ops") == code
        ask(ann, "/invite", "bob #ops")
    assert "You are in #ops" in ask(bob, "/join", "#ops")
    assert router.chat.rooms.find("#ops").people == 2  # type: ignore[union-attr]


def test_an_operator_enters_whatever_the_rules_and_others_do_not_invite_past_a_key(router: Router, ann: User) -> None:
    bob = user(router, "bob")
    person(router, "zoe", Role.USER)
    for rule in ("key swordfish", "limit 1", "invited on"):
        ask(ann, "/rules", f"#ops {rule}")
    assert ask(bob, "/invite", "zoe #ops") == "FORBIDDEN"
    ask(ann, "/rank", "#ops bob operator")
    ask(bob, "/leave", "#ops")
    assert "You are in #ops" in ask(bob, "/join", "#ops")


def test_a_wrong_key_costs_much(router: Router, ann: User) -> None:
    ask(ann, "/rules", "#ops key swordfish")
    bob = User(router, "bob").hello("id")
    codes = [ask(bob, "/join", f"#ops word{n}") for n in range(500)]
    assert codes.count("FORBIDDEN") <= 2000 / 20 + 1
    assert codes[-1] == "RATE_LIMITED"


def test_whoever_is_refused_because_of_the_limit_pays_for_the_count(router: Router, ann: User) -> None:
    for n in range(39):
        guest(router, f"guest{n}")
    ask(ann, "/rules", "#ops limit 1")
    eve = User(router, "eve").hello("id")
    router.chat.limits.set("packets", 0.1)
    eve.session.packets = Bucket(router.chat.limits, "packets")
    assert [ask(eve, "/join", "#ops") for _ in range(3)] == ["FULL", "FULL", "RATE_LIMITED"]


def test_anyone_sets_the_topic_where_the_rules_say_so_and_who_and_when_is_told(router: Router, ann: User) -> None:
    bob = user(router, "bob")
    ask(ann, "/rules", "#ops topic anyone")
    assert ask(bob, "/topic", "#ops pumps") == "Topic of #ops: pumps"
    assert ask(bob, "/topic", "#ops") == "pumps", "as ever"
    ann.shown()
    ann.send("/topic", "#ops")
    packet = ann.told()
    assert (packet.msg, dump(packet.x)["by"]) == ("pumps (set by bob, 2026-11-20 14:03)", "bob")


def test_the_rules_are_shown_to_who_is_in_the_room_and_the_key_to_operators(router: Router, ann: User) -> None:
    bob, outside = user(router, "bob"), User(router, "eve").hello("id")
    ask(ann, "/rules", "#ops key swordfish")
    off = "moderated: off, secret: off, invited: off, topic: operators"
    rest = "limit: off, accounts: off, bots: off"
    assert ask(bob, "/rules", "#ops") == f"Rules of #ops: {off}, key: on, {rest}"
    assert ask(ann, "/rules", "#ops") == f"Rules of #ops: {off}, key: swordfish, {rest}"
    assert ask(ann, "/rules", "#ops key") == "key: swordfish"
    assert ask(outside, "/rules", "#ops") == "NOT_MEMBER"


@pytest.mark.parametrize(
    "wrong",
    ["fun", "moderated maybe", "limit 0", "limit -1", "limit many", "limit ٣", "key a b", "key " + "x" * 65, "topic on"],
)
def test_a_rule_that_makes_no_sense_is_refused_and_nothing_changes(router: Router, ann: User, wrong: str) -> None:
    room = router.chat.rooms.find("#ops")
    assert room is not None
    assert ask(ann, "/rules", f"#ops {wrong}") == "USAGE"
    assert (room.rules, room.private) == (RoomRules(), False)


@pytest.mark.parametrize(
    "asked",
    [
        {"msg": "#ops moderated on Key word LIMIT 20 topic anyone"},
        {"room": "#ops", "rules": {"moderated": True, "key": "word", "limit": 20, "topic": "anyone"}},
        {"room": "#ops", "rules": {"moderated": "on", "key": "word", "limit": "20"}, "rule": "topic", "value": "anyone"},
    ],
)
def test_several_rules_change_together(router: Router, ann: User, asked: dict[str, Any]) -> None:
    bob = User(router, "bob").register().hello("event", "room")
    bob.send("/join", "#ops")
    bob.shown()
    told = "moderated on, key on, limit 20, topic anyone"
    assert ask(ann, "/rules", **asked) == f"Rules of #ops: {told}"
    assert [x["text"] for x in bob.xs() if x.get("ev") == "mode"] == [told]
    assert ask(ann, "/rules", room="#ops", rules={"moderated": False, "limit": 0, "key": ""}).endswith(
        "off, limit off, key off"
    )
    ann.shown()


@pytest.mark.parametrize("wrong", [{"moderated": True, "fun": True}, {"moderated": "on", "limit": -1}, {"topic": True}])
def test_of_several_rules_none_changes_if_one_makes_no_sense(router: Router, ann: User, wrong: dict[str, Any]) -> None:
    assert ask(ann, "/rules", room="#ops", rules=wrong) == "USAGE"
    assert ask(ann, "/rules", "#ops moderated on limit") == "USAGE"
    assert router.chat.rooms.named("#ops").rules == RoomRules()


def test_in_the_lobby_no_rule_keeps_anybody_out(router: Router, ann: User) -> None:
    room, mod = router.chat.rooms.find("#ops"), person(router, "mod", Role.MODERATOR).hello("id")
    assert room is not None
    router.chat.rooms.open_lobby(room)
    assert ask(mod, "/rules", "#ops invited on") == ask(ann, "/rules", "#ops moderated on") == "FORBIDDEN"
    assert ask(mod, "/rules", "#ops moderated on") == "Rules of #ops: moderated on"


def test_rules_and_the_topic_are_there_after_a_restart(router: Router, ann: User) -> None:
    for rule in ("moderated on", "invited on", "key swordfish", "limit 9", "topic anyone", "bots on"):
        ask(ann, "/rules", f"#ops {rule}")
    ask(ann, "/topic", "#ops pumps")
    (room,) = load(store_of(router.chat).connection, {})
    assert (room.rules, room.private) == (
        RoomRules(moderated=True, key="swordfish", limit=9, topic_by_operators=False, bots=True),
        True,
    )
    assert (room.topic, room.topic_by, room.topic_at) == ("pumps", "ann", 1795183402)


def test_of_rules_that_two_change_at_once_none_is_lost(router: Router, ann: User) -> None:
    mod = person(router, "mod", Role.MODERATOR).hello("id")
    store_of(router.chat).held = True
    ann.send("/rules", "#ops moderated on")
    mod.send("/rules", "#ops invited on")
    store_of(router.chat).release()
    (room,) = load(store_of(router.chat).connection, {})
    found = router.chat.rooms.find("#ops")
    assert found is not None
    assert (room.rules, room.private) == (found.rules, found.private) == (RoomRules(moderated=True), True)


def test_decisions_about_a_room_are_in_the_log_once_and_those_of_moderators_for_the_audit() -> None:
    router, clock = make_router()
    ann, mod = (person(router, "ann", Role.USER).hello("id"), person(router, "mod", Role.MODERATOR).hello("id"))
    ann.send("/create", "#ops")
    user(router, "bob")
    asked = ["/rank #ops bob operator", "/rules #ops key swordfish", "/ban #ops eve", "/rename #ops #dev", "/close #dev"]
    for who, audited in ((ann, False), (mod, True)):
        who.send("/create", "#ops")
        clock.advance(0)
        with capturedLogs() as events:
            for line in asked:
                who.send(*line.split(" ", 1))
            clock.advance(0)
        assert {bool(event.get("audit")) for event in events} == {audited}
        by = who.session.name.shown
        assert "; ".join(map(formatEvent, events)).split("; ") == [
            f"bob is an operator in #ops now, says {by}",
            f"Rules of #ops: key on, says {by}",
            f"eve is banned from #ops by {by} until it is undone",
            f"#ops is called #dev now, says {by}",
            f"{by} closed #dev",
        ]


def test_where_the_rules_are_damaged_only_those_with_a_rank_see_enter_and_speak(router: Router, ann: User) -> None:
    connection = store_of(router.chat).connection
    connection.execute("UPDATE rooms SET private = 1, rules = '{\"limit\":'")
    CloseEmptyRooms().run(connection)
    (room,) = load(connection, {})
    assert (room.rules, room.private) == (RoomRules(secret=True, moderated=True, accounts_only=True), True)


# Names.


def test_a_renamed_room_is_found_by_its_new_name_only(router: Router, ann: User) -> None:
    bob = user(router, "bob")
    ann.send("/create", "#other")
    assert ask(ann, "/rename", "#ops #Other") == "NAME_TAKEN"
    assert ask(bob, "/rename", "#ops #mine") == "FORBIDDEN"
    assert ask(ann, "/rename", "#ops pumps") == "BAD_NAME"
    assert ask(ann, "/rename", "#ops #ops") == "USAGE"
    assert ask(ann, "/rename", "#ops #OPS") == "#ops is called #OPS now."
    assert ask(ann, "/rename", "#ops #Größe") == "#OPS is called #Größe now."
    assert ask(ann, "/rename", "#größe #GRÖẞE") == "#Größe is called #GRÖẞE now.", "that looks like its own name only"
    ann.shown()
    bob.send("#größe", "hi")
    assert ann.msgs() == ["hi"]
    assert ask(bob, "/join", "#ops") == "NO_SUCH_TARGET"
    assert "#ops is there" in ask(bob, "/create", "#ops")


# Rooms that anyone makes.


@pytest.fixture
def open_router(router: Router) -> Router:
    """A server where whoever joins a room that is not there makes it."""
    router.chat.rooms_by = "anyone"
    return router


def test_who_joins_a_room_that_is_not_there_makes_one_that_ends_with_its_last_member(open_router: Router) -> None:
    bob, eve = guest(open_router, "bob", "#new"), guest(open_router, "eve", "#new")
    rows = store_of(open_router.chat).connection.execute
    assert (
        ask(bob, "/kick", "#new eve") == "eve was taken out of #new by bob. They may come back. /ban #new eve keeps them out."
    )
    assert ask(eve, "/join", "#new") == "You are in #new, with 1 other online."
    assert ask(eve, "/kick", "#new bob") == "AUTH_REQUIRED"
    bob.leave()
    assert rows("SELECT name FROM rooms").fetchall() == [("#new",)]
    ask(eve, "/leave", "#new")
    assert rows("SELECT name FROM rooms").fetchall() == []
    assert open_router.chat.rooms.find("#new") is None
    zoe = person(open_router, "zoe", Role.USER).hello("id")
    ask(zoe, "/join", "#new")
    zoe.leave()
    assert rows("SELECT name FROM rooms").fetchall() == [("#new",)], "an account stays a member"
    zoe = person(open_router, "zoe", Role.USER).hello("id")
    ask(zoe, "/leave", "#new")
    assert rows("SELECT name FROM rooms").fetchall() == []


def test_owners_of_a_temporary_room_decide_about_each_other_and_the_last_one_may_give_that_up(open_router: Router) -> None:
    bob, eve = guest(open_router, "bob", "#new"), guest(open_router, "eve", "#new")
    room = open_router.chat.rooms.get("#new", bob.session)
    ask(bob, "/rank", "#new eve owner")
    assert ask(eve, "/kick", "#new bob").startswith("bob was taken out of #new by eve.")
    assert ask(eve, "/mute", "#new eve") == "FORBIDDEN", "nobody decides about themselves"
    assert ask(eve, "/rank", "#new eve none") == "eve is without a rank in #new now."
    assert not room.rank_of(eve.session)
    mod = person(open_router, "mod", Role.MODERATOR).hello("id")
    ask(mod, "/join", "#new")
    ask(mod, "/rank", "#new eve owner")
    assert ask(eve, "/kick", "#new mod") == "FORBIDDEN", "nor about the server's moderators"


@pytest.mark.parametrize("name", ["#new", "#größe"])
def test_of_two_who_make_one_room_at_once_the_second_joins_it(open_router: Router, name: str) -> None:
    bob, zoe = User(open_router, "bob").hello("id"), person(open_router, "zoe", Role.USER).hello("id")
    store_of(open_router.chat).held = True
    for user in (bob, zoe):
        user.send("/join", name)
    store_of(open_router.chat).release()
    (room,) = open_router.chat.rooms.with_prefix("")
    assert list(room.sessions) == [bob.session, zoe.session]
    assert (room.rank_of(bob.session), room.rank_of(zoe.session)) == (Rank.OWNER, Rank.NONE)


def test_a_room_whose_maker_is_gone_when_it_is_stored_ends_at_once(open_router: Router) -> None:
    bob = User(open_router, "bob").hello("id")
    store_of(open_router.chat).held = True
    bob.send("/join", "#new")
    bob.leave()
    store_of(open_router.chat).release()
    assert open_router.chat.rooms.find("#new") is None
    assert store_of(open_router.chat).connection.execute("SELECT * FROM rooms").fetchall() == []


def test_a_room_does_not_end_while_somebody_joins_it(open_router: Router) -> None:
    bob, zoe = guest(open_router, "bob", "#new"), person(open_router, "zoe", Role.USER).hello("id")
    store_of(open_router.chat).held = True
    zoe.send("/join", "#new")
    bob.leave()
    store_of(open_router.chat).release()
    assert "You are in #new" in zoe.shown()[0].msg
    assert store_of(open_router.chat).connection.execute("SELECT name FROM rooms").fetchall() == [("#new",)]


def test_a_room_that_could_not_be_removed_stays_until_it_can(open_router: Router) -> None:
    bob = guest(open_router, "bob", "#new")
    store_of(open_router.chat).broken = True
    ask(bob, "/leave", "#new")
    store_of(open_router.chat).broken = False
    assert "You are in #new" in ask(bob, "/join", "#new")
    ask(bob, "/leave", "#new")
    assert store_of(open_router.chat).connection.execute("SELECT * FROM rooms").fetchall() == []


def test_of_a_room_that_ends_while_somebody_is_banned_from_it_no_ban_is_left(open_router: Router) -> None:
    bob = guest(open_router, "bob", "#new")
    store_of(open_router.chat).held = True
    bob.send("/ban", "#new eve")
    bob.leave()
    store_of(open_router.chat).release()
    assert open_router.chat.rooms.find("#new") is None
    assert len(open_router.chat.sanctions) == 0


def test_temporary_rooms_that_nobody_belongs_to_are_gone_at_the_next_start(open_router: Router) -> None:
    guest(open_router, "bob", "#guests")
    zoe = person(open_router, "zoe", Role.USER)
    zoe.send("/join", "#hers")
    zoe.send("/create", "#empty")
    zoe.send("/leave", "#empty")
    connection = store_of(open_router.chat).connection
    CloseEmptyRooms().run(connection)
    assert connection.execute("SELECT name FROM rooms").fetchall() == [("#hers",), ("#empty",)]


def test_guests_of_one_address_make_so_many_rooms_in_an_hour(open_router: Router) -> None:
    open_router.chat.limits.set("creations", 2)
    bob = User(open_router, "bob").hello("id")
    assert [ask(bob, "/join", f"#room{n}").split()[0] for n in range(3)] == ["You", "You", "RATE_LIMITED"]
    assert ask(User(open_router, "eve").hello("id"), "/join", "#mine") == "RATE_LIMITED"


def test_without_the_option_nobody_makes_a_room_by_joining_it_and_operators_may_keep_that_to_themselves(
    router: Router, ann: User
) -> None:
    assert ask(User(router, "bob").hello("id"), "/join", "#new") == "NO_SUCH_TARGET"
    router.chat.rooms_by = "operators"
    assert ask(ann, "/create", "#new") == "FORBIDDEN"
    assert ask(ann, "/join", "#new") == "NO_SUCH_TARGET"
    boss = person(router, "boss", Role.OPERATOR).hello("id")
    assert "#new is there" in ask(boss, "/create", "#new")
