"""Moderation: what is done, who may do it to whom, and what everybody is told."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from lanchat.commands.decisions import OPERATOR, ModerationRequest, ban, kick
from lanchat.core.presence import PAUSE
from lanchat.core.router import Router
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.model import targets
from lanchat.model.session import Role
from lanchat.protocol.errors import Banned
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import MAX_PACKET
from lanchat.protocol.typed_lines import NOT_KEPT
from tests.fakes import User, Wire, make_router, store_of
from tests.people import again, connection, person

RouterAndClock = tuple[Router, Clock]
ACTS = ["/kick", "/mute", "/ban", "/unmute", "/unban"]


@pytest.fixture
def router_and_clock() -> RouterAndClock:
    return make_router()


@pytest.fixture
def mod(router_and_clock: RouterAndClock) -> User:
    return person(router_and_clock[0], "mod", Role.MODERATOR, "10.0.0.2")


class Ops(NamedTuple):
    """The room #ops: its owner, another member, and a guest."""

    olga: User
    bob: User
    guy: User


@pytest.fixture
def ops(router_and_clock: RouterAndClock) -> Ops:
    router, _ = router_and_clock
    made = Ops(person(router, "olga", Role.USER, "10.0.0.3"), person(router, "bob", Role.USER), User(router, "guy", "10.0.0.9"))
    made.olga.send("/create", "#ops")
    for user in made[1:]:
        user.send("/join", "#ops")
    for user in made:
        user.shown()
    return made


@pytest.fixture
def olga(ops: Ops) -> User:
    return ops.olga


def answer(user: User, to: str, msg: str) -> str:
    """What somebody is answered."""
    user.send(to, msg)
    return user.told().msg


def decided(router: Router) -> list[tuple[object, ...]]:
    found = connection(router).execute("SELECT kind, room, target, until, reason, by_name FROM sanctions ORDER BY id")
    return found.fetchall()


# On the whole server.


def test_who_is_kicked_is_told_why_and_may_come_back(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    bob = User(router, "bob").hello()
    assert answer(mod, "/kick", "bob mind your\x1b words") == (
        "bob was disconnected by mod (mind your\\x1b words). They may come back. /ban bob keeps them out."
    )
    told = bob.told()
    assert told.x is not None
    assert (told.x.op, told.x.code) == ("bye", "FORBIDDEN")
    assert told.msg == "You were disconnected by mod (mind your\\x1b words)."
    assert bob.client.disconnected
    User(router, "bob")


def test_all_connections_of_an_account_are_closed(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    bobs = [person(router, "bob", Role.USER), person(router, "bob", Role.USER), User(router, "bob")]
    told = answer(mod, "/ban", "@BOB")
    assert told == "bob is banned by mod until lifted. 3 connections were closed. /unban bob undoes it."
    assert all(bob.client.disconnected for bob in bobs)
    assert decided(router) == [("ban", None, "@2", None, "", "mod")]


def test_who_is_banned_is_told_so_and_stays_out_until_it_is_over(router_and_clock: RouterAndClock, mod: User) -> None:
    router, clock = router_and_clock
    bob = person(router, "bob", Role.USER).hello()
    answer(mod, "/ban", "bob 2h   spam, and more spam")
    told = bob.told()
    assert told.x is not None
    assert (told.x.op, told.x.code) == ("bye", "BANNED")
    assert told.msg == "You are banned by mod for 2h (spam, and more spam)."
    with pytest.raises(Banned, match="for 2h"):
        User(router, "bob")
    with pytest.raises(Banned, match="for 2h"):
        User(again(router, clock), "bob")
    clock.advance(7201)
    person(router, "bob", Role.USER)


def test_a_ban_ends_a_login_that_is_under_way(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    person(router, "bob", Role.USER).send("/quit")
    pending = User(router, "bob", "10.0.0.66")
    answer(mod, "/ban", "10.0.0.66")
    assert pending.client.disconnected
    pending.send("/login", "pw")
    assert router.chat.online.find("bob") is None
    assert pending.session not in router.chat.pending_logins


def test_an_address_or_network_is_kicked_and_banned_with_all_who_come_from_there(
    router_and_clock: RouterAndClock, mod: User
) -> None:
    router, _ = router_and_clock
    users = [User(router, f"guest{n}", f"10.7.0.{n}") for n in range(3)]
    assert "10.7.0.1 was disconnected by mod" in answer(mod, "/kick", "10.7.0.1")
    assert [user.client.disconnected for user in users] == [False, True, False]
    assert answer(mod, "/ban", "10.7.0.0/16 1h") == (
        "10.7.0.0/16 is banned by mod for 1h. 2 connections were closed. /unban 10.7.0.0/16 undoes it."
    )
    assert all(user.client.disconnected for user in users)
    with pytest.raises(Banned):
        User(router, "other", "10.7.200.1")
    assert answer(mod, "/unban", "10.7.0.0/16") == "10.7.0.0/16 is no longer banned."
    User(router, "other", "10.7.200.1")


def test_who_is_muted_is_told_so_and_says_nothing_until_it_is_undone(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    ann, bob = User(router, "ann"), User(router, "bob", "10.0.0.9").hello("ack", "presence")
    assert answer(mod, "/mute", "bob 10m too loud").startswith(
        "bob is muted by mod for 10m (too loud). 1 connection was told. /unmute"
    )
    assert bob.told().msg == "You are muted by mod for 10m (too loud)."
    for to in ("ann", "Everyone", "/shout", "/pm", "bob"):
        bob.send(to, "ann hi", cid="c")
        x = bob.told().x
        assert x is not None
        assert (x.op, x.code, x.cid, x.retry_ms) == ("fail", "MUTED", "c", 600_000 - 500)
    assert ann.shown() == []
    assert answer(bob, "/time", "").startswith("Server time")
    assert answer(mod, "/unmute", "bob") == "bob is no longer muted."
    assert bob.told().msg == "You are no longer muted: lifted by mod."
    bob.send("ann", "hi")
    assert ann.told().msg == "hi"


HELLO: dict[str, Any] = {"v": 1, "caps": ["id", "resume"], "auth": {"mech": "PLAIN", "password": "pw"}}


@pytest.mark.parametrize("came_by", ["login", "hello", "guest", "guest's hello", "telnet"])
@pytest.mark.parametrize("where", ["", "#ops "])
def test_who_was_muted_while_away_is_told_so_at_the_welcome(
    router_and_clock: RouterAndClock, mod: User, came_by: str, where: str
) -> None:
    router, clock = router_and_clock
    mod.send("/create", "#ops")
    router.chat.rooms.open_lobby(router.chat.rooms.get("#ops", mod.session))
    if came_by in ("login", "hello"):
        bob = person(router, "bob", Role.USER)
        bob.send("/join", "#ops")
        bob.leave()
    mod.send("/mute", f"{where}bob 2h too loud")
    told = f"You are muted {'in #ops ' if where else ''}by mod for 2h (too loud)."
    if came_by == "telnet":
        wire = Wire(router, clock, TelnetProtocol)
        wire.send(b"bob\r\n")
        assert wire.bytes().decode().splitlines()[1:] == [f"* {told}"]
        return
    bob = User(router, "bob", greeted=False)
    if came_by.endswith("hello"):
        bob.send("/hello", "lanchat", **(HELLO if came_by == "hello" else {"v": 1, "caps": []}))
    else:
        router.chat.greet(bob.session)
        if came_by == "login":
            bob.send("/login", "pw")
    welcome, *rest = [msg for msg in bob.msgs() if "/login" not in msg]
    assert welcome.startswith("Welcome bob!")
    assert rest[0] == told


def test_who_joins_a_room_is_told_of_a_mute_there(router_and_clock: RouterAndClock, ops: Ops) -> None:
    ops.olga.send("/mute", "#ops guy")
    ops.guy.shown()
    ops.guy.send("/leave", "#ops")
    ops.guy.send("/join", "#ops")
    assert ops.guy.msgs()[-1] == "You are muted in #ops by olga until lifted."
    back = person(router_and_clock[0], "bob", Role.USER)
    assert not any("muted" in msg for msg in back.msgs())


def test_a_muted_one_has_no_last_words(router_and_clock: RouterAndClock, mod: User) -> None:
    router, clock = router_and_clock
    ann, bob = User(router, "ann").hello("presence"), User(router, "bob")
    clock.advance(2)
    ann.shown()
    mod.send("/mute", "bob")
    bob.send("/quit", "you are all stupid")
    clock.advance(2)
    assert [packet.msg for packet in ann.shown()] == ["bob went"]


def test_last_words_after_a_mute_that_has_run_out_are_shown(router_and_clock: RouterAndClock, mod: User) -> None:
    router, clock = router_and_clock
    ann, bob = User(router, "ann").hello("presence"), User(router, "bob")
    mod.send("/mute", "bob 30s")
    clock.advance(31)
    ann.shown()
    bob.send("/quit", "see you")
    clock.advance(2)
    assert "see you" in ann.shown()[-1].msg


@pytest.mark.parametrize("act", ["/mute", "/ban"])
@pytest.mark.parametrize("room", ["", "#ops "])
@pytest.mark.parametrize("broken", [False, True])
def test_nobody_talks_while_it_is_written_that_they_may_not(
    router_and_clock: RouterAndClock, mod: User, ops: Ops, act: str, room: str, broken: bool
) -> None:
    store = store_of(router_and_clock[0].chat)
    store.held, store.broken = True, broken
    mod.send(act, f"{room}guy")
    ops.guy.send("#ops" if room else "olga", "I told you so")
    assert ops.guy.told().msg.split(" by mod")[0].removeprefix("Nobody got that: ").lower() in (
        f"you are {what} {where}#ops" if room else f"you are {what}" for what, where in (("muted", "in "), ("banned", "from "))
    )
    store.release()
    assert ops.olga.shown() == []
    if broken:
        store.broken = False
        ops.guy.send("#ops", "hello")
        assert [packet.msg for packet in ops.olga.shown()] == ["[#ops] hello"]


def test_a_mute_of_an_account_holds_wherever_it_logs_in(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    bob = person(router, "bob", Role.USER)
    mod.send("/mute", "bob")
    bob.shown()
    for user in (bob, person(router, "bob", Role.USER, "10.8.8.8")):
        assert "you are muted" in answer(user, "mod", "hi")


def test_a_mute_from_before_there_was_an_account_can_be_undone(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    bob = User(router, "bob")
    mod.send("/mute", "bob")
    bob.send("/register", "pw")
    bob.shown()
    mod.shown()
    assert answer(mod, "/unmute", "bob") == "bob is no longer muted."
    assert decided(router) == []
    assert bob.told().msg == "You are no longer muted: lifted by mod."
    bob.send("mod", "hi")
    assert mod.told().msg == "hi"


def test_a_stranger_with_the_name_of_a_muted_one_must_log_in_all_the_same(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    person(router, "bob", Role.USER).send("/quit")
    pending = User(router, "bob")
    mod.send("/mute", "bob")
    assert pending.shown() == []
    assert answer(pending, "mod", "hi").startswith("Log in first")
    pending.send("/login", "pw")
    pending.shown()
    assert "you are muted" in answer(pending, "mod", "hi")


def test_of_a_guest_it_is_said_that_they_can_come_back_under_another_name(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    User(router, "guy", "10.0.0.9")
    told = answer(mod, "/mute", "guy")
    assert told.endswith(" guy has no account and can come back under another name; /mute 10.0.0.9 hits the address.")
    told = answer(mod, "/ban", "guy")
    assert told.endswith(" guy has no account and can come back under another name; /ban 10.0.0.9 hits the address.")
    told = answer(mod, "/ban", "nobody")
    assert told.endswith(
        "Nobody affected is online. /unban nobody undoes it. nobody has no account and can come back under another name."
    )


def test_who_is_away_does_not_come_back_into_a_room_from_an_address_that_is_banned_there(
    ops: Ops, router_and_clock: RouterAndClock
) -> None:
    router, _ = router_and_clock
    ops.bob.leave()
    answer(ops.olga, "/ban", "#ops 10.0.0.64/26")
    outside = person(router, "bob", Role.USER, "10.0.0.66")
    outside.shown()
    ops.olga.send("#ops", "hello")
    assert outside.msgs() == []
    assert "You are not in #ops" in answer(outside, "#ops", "hi")
    assert "You are banned from #ops" in answer(outside, "/join", "#ops")
    inside = person(router, "bob", Role.USER)
    inside.shown()
    ops.olga.send("#ops", "hello again")
    assert inside.msgs() == ["[#ops] hello again"]


@pytest.mark.parametrize("ip", ["10.0.0.2", "127.0.0.1"])
def test_no_address_is_offered_that_would_be_refused(router_and_clock: RouterAndClock, mod: User, ip: str) -> None:
    User(router_and_clock[0], "guy", ip)
    assert "hits the address" not in answer(mod, "/ban", "guy")


@pytest.mark.parametrize("act", ["/kick", "/mute", "/ban"])
@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("10.0.0.2", "you are connected from"),
        ("10.0.0.0/8", "you are connected from"),
        ("127.0.0.1", "server's own machine"),
        ("::1", "server's own machine"),
        ("0.0.0.0/0", "server's own machine"),
        ("MOD", "hit yourself"),
        ("10.9.0.0/16", "hit yourself"),
        ("10.8.0.0/16", "may not kick, mute or ban boss"),
    ],
)
def test_nothing_is_done_that_would_hit_oneself_or_the_machine_or_who_is_above(
    router_and_clock: RouterAndClock, mod: User, act: str, target: str, why: str
) -> None:
    router, _ = router_and_clock
    person(router, "mod", Role.MODERATOR, "10.9.0.1")
    person(router, "boss", Role.OPERATOR, "10.8.0.1")
    assert why in answer(mod, act, target)
    assert decided(router) == []
    assert len(list(router.chat.online)) == 3


def test_who_is_on_the_machine_itself_can_be_hit_by_name(router_and_clock: RouterAndClock, mod: User) -> None:
    guy = User(router_and_clock[0], "guy", "127.0.0.1")
    mod.send("/ban", "guy")
    assert guy.client.disconnected


RANKS = [Role.USER, Role.MODERATOR, Role.OPERATOR]


def comes(router: Router, name: str, role: Role) -> bool:
    """Whether somebody of this role gets in, from 10.5.5.5."""
    try:
        return person(router, name, role, "10.5.5.5").session in router.chat.online
    except Banned:
        return False


@pytest.mark.parametrize("target", ["10.5.0.0/16", "10.5.5.5", "bob"])
@pytest.mark.parametrize("role", RANKS)
@pytest.mark.parametrize("decider", RANKS[1:])
def test_who_is_away_is_not_decided_about_by_equals_and_those_below(
    router_and_clock: RouterAndClock, decider: Role, role: Role, target: str
) -> None:
    router, clock = router_and_clock
    person(router, "dan", decider, "10.0.0.2").send("/ban", target)  # bob is nobody's name yet
    allowed = role >= Role.MODERATOR and decider is not Role.OPERATOR
    assert comes(router, "bob", role) is allowed
    assert comes(again(router, clock), "bob", role) is allowed
    assert comes(router, "guy7", Role.GUEST) is (target == "bob")


def test_what_operators_decide_at_their_prompt_holds_for_everybody(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    Deferred.fromCoroutine(ban(router.chat, OPERATOR, ModerationRequest("10.5.0.0/16")))
    assert not comes(router, "bob", Role.OPERATOR)
    assert not comes(again(router, clock), "bob", Role.OPERATOR)


def test_a_moderator_from_a_muted_network_speaks(router_and_clock: RouterAndClock, mod: User) -> None:
    router, _ = router_and_clock
    mod.send("/mute", "10.5.0.0/16")
    roles = {"guy": Role.GUEST, "boss": Role.OPERATOR, "other": Role.MODERATOR}
    users = [person(router, name, role, "10.5.5.5") for name, role in roles.items()]
    mod.shown()
    for user in users:
        user.send("mod", "hi")
    assert [packet.from_.name for packet in mod.shown()] == ["boss", "other"]
    users[2].session.account.role = Role.USER  # type: ignore[union-attr]  # as an administrator does
    assert "you are muted" in answer(person(router, "other", Role.USER, "10.5.5.5"), "mod", "hi")


@pytest.mark.parametrize("act", ["/ban", "/mute"])
def test_what_an_owner_decides_about_a_network_is_not_about_moderators(
    router_and_clock: RouterAndClock, ops: Ops, mod: User, act: str
) -> None:
    router, _ = router_and_clock
    ops.olga.send(act, "#ops 10.5.0.0/16")
    ops.olga.shown()
    for name, role in (("guy7", Role.GUEST), ("user", Role.USER), ("other", Role.MODERATOR), ("boss", Role.OPERATOR)):
        user = person(router, name, role, "10.5.5.5")
        user.send("/join", "#ops")
        user.shown()
        user.send("#ops", "hi")
        assert (len(ops.guy.shown()) > 0) is (role >= Role.MODERATOR)


def test_a_ban_of_an_account_outlasts_whoever_decided_it(router_and_clock: RouterAndClock) -> None:
    router, clock = router_and_clock
    boss = person(router, "boss", Role.OPERATOR, "10.0.0.2")
    person(router, "eve", Role.MODERATOR).send("/quit")
    boss.send("/ban", "eve")
    boss.session.account.role = boss.session.role = Role.USER  # type: ignore[union-attr]  # as an administrator does
    assert not comes(router, "eve", Role.MODERATOR)
    connection(router).execute("DELETE FROM accounts WHERE key = 'boss'")
    assert not comes(again(router, clock), "eve", Role.MODERATOR)


def test_a_ban_of_a_name_hits_guests_who_look_like_it(router_and_clock: RouterAndClock, mod: User) -> None:
    router, clock = router_and_clock
    mod.send("/ban", "scope")
    mod.send("/mute", "вова")
    for server in (router, again(router, clock)):
        with pytest.raises(Banned):
            User(server, "ѕсоре")
        boba = User(server, "BOBA")
        assert "you are muted" in answer(boba, "mod", "hi")
        boba.leave()
        User(server, "sc0pe").leave()
    assert person(router, "вова2", Role.USER).session.speech_check is None
    mod.send("/unban", "scope")
    User(router, "ѕсоре")


def test_a_guest_who_looks_like_whom_a_ban_is_about_is_sent_away(router_and_clock: RouterAndClock, mod: User) -> None:
    guest = User(router_and_clock[0], "ѕсоре")
    assert "1 connection was closed" in answer(mod, "/ban", "scope")
    assert guest.client.disconnected


def test_an_account_is_not_hit_for_its_looks(router_and_clock: RouterAndClock, mod: User) -> None:
    router, clock = router_and_clock
    ann = person(router, "ѕсоре", Role.USER)
    mod.send("/ban", "scope")
    assert not ann.client.disconnected
    assert person(again(router, clock), "ѕсоре", Role.USER).session.account is not None


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("actor", "other"), [*itertools.product([Role.GUEST, *RANKS], RANKS)])
@pytest.mark.parametrize("state", ["here", "away", "in a network"])
def test_nobody_decides_about_equals_or_those_above(
    router_and_clock: RouterAndClock, act: str, actor: Role, other: Role, state: str
) -> None:
    router, _ = router_and_clock
    ann, bob = person(router, "ann", actor), person(router, "bob", other, "10.5.5.5")
    if state == "away":
        bob.send("/quit")
    told = answer(ann, act, "10.5.0.0/16" if state == "in a network" else "bob")
    if actor >= Role.MODERATOR and (other < actor or actor is Role.OPERATOR):
        assert "may not" not in told
        assert decided(router) or act not in {"/mute", "/ban"}
    else:
        assert any(why in told for why in ("you may not kick", "need an account", "Only moderators may do that"))
        assert decided(router) == []
        assert bob.client.disconnected is (state == "away")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", RANKS[1:])
def test_not_even_operators_decide_about_themselves(router_and_clock: RouterAndClock, act: str, role: Role) -> None:
    router, _ = router_and_clock
    ann = person(router, "ann", role)
    assert "hit yourself" in answer(ann, act, "ann")
    assert decided(router) == []


@pytest.mark.parametrize("act", [*ACTS, "/bans"])
def test_a_stranger_decides_nothing(router_and_clock: RouterAndClock, act: str) -> None:
    router, _ = router_and_clock
    person(router, "mod", Role.MODERATOR).send("/quit")
    assert answer(User(router, "mod"), act, "bob").startswith("Log in first")


def test_a_muted_moderator_stays_muted(router_and_clock: RouterAndClock, mod: User) -> None:
    boss = person(router_and_clock[0], "boss", Role.OPERATOR, "10.0.0.77")
    boss.send("/mute", "10.0.0.2")
    mod.shown()
    assert "you are connected from" in answer(mod, "/unmute", "10.0.0.2")
    boss.send("/mute", "mod")
    mod.shown()
    assert "hit yourself" in answer(mod, "/unmute", "mod")
    assert len(decided(router_and_clock[0])) == 2


@pytest.mark.parametrize(
    ("to", "msg", "why"),
    [
        ("/ban", "", "Usage: /ban TARGET [DURATION] [TEXT]"),
        ("/kick", "  ", "Usage: /kick TARGET [TEXT]"),
        ("/ban", "#ops", "A name is missing"),
        ("/ban", "bob 10", "not a duration"),
        ("/mute", "bob 3 strikes", "not a duration"),
        ("/kick", "nobody", "nobody is not here"),
        ("/unban", "bob", "bob is not banned. /bans lists"),
        ("/unmute", "bob", "bob is not muted. /bans lists"),
        ("/ban", "b@b", "not a name, a mask, an address or a network"),
        ("/ban", "#none bob", "The room #none is not available"),
        ("/ban", f"bob 2h {'x' * 201}", "at most 200 characters"),
    ],
)
def test_what_is_wrong_is_answered(router_and_clock: RouterAndClock, mod: User, to: str, msg: str, why: str) -> None:
    assert why in answer(mod, to, msg)
    assert decided(router_and_clock[0]) == []


def test_a_reason_may_be_all_there_is(router_and_clock: RouterAndClock, mod: User) -> None:
    mod.send("/ban", "bob because of spam")
    mod.send("/kick", "nobody 2h")
    assert decided(router_and_clock[0]) == [("ban", None, "bob", None, "because of spam", "mod")]


def test_programs_give_the_parts_by_their_names(router_and_clock: RouterAndClock, mod: User) -> None:
    router, clock = router_and_clock
    mod.hello()
    now = int(clock.seconds())
    mod.send("/ban", "", target="bob", duration="2h", text="2m is not enough")
    mod.send("/ban", "10m is not enough either", target="cat")
    mod.send("/mute", "dan 10m words", cid="1")
    mod.send("/unban", "", target="cat")
    assert decided(router) == [
        ("ban", None, "bob", now + 7200, "2m is not enough", "mod"),
        ("mute", None, "dan", now + 600, "words", "mod"),
    ]
    mod.shown()
    mod.send("/ban", "text", duration="2h")
    x = mod.told().x
    assert x is not None
    assert (x.op, x.code) == ("fail", "USAGE")


# In a room.


def test_who_is_kicked_out_of_a_room_may_come_back(router_and_clock: RouterAndClock, ops: Ops) -> None:
    router, clock = router_and_clock
    olga, bob, guy = ops
    room = router.chat.rooms.find("#ops")
    assert room is not None
    for user in (bob, guy):
        name = user.session.name.shown
        told = answer(olga, "/kick", f"#ops {name} enough")
        assert told == f"{name} was taken out of #ops by olga (enough). They may come back. /ban #ops {name} keeps them out."
        assert user.told().msg == "You were taken out of #ops by olga (enough)."
        assert user.session not in room.sessions
        assert "You are not in #ops" in answer(user, "#ops", "hi")
        assert "You are in #ops" in answer(user, "/join", "#ops")
    olga.send("/kick", "#ops bob")
    there = again(router, clock).chat.rooms.find("#ops")
    assert there is not None
    assert [account.name.shown for account in there.members.values()] == ["olga"]
    assert not bob.client.disconnected


def test_a_member_who_is_away_can_be_taken_out(ops: Ops) -> None:
    olga = ops.olga
    ops.bob.send("/quit")
    assert "bob was taken out of #ops" in answer(olga, "/kick", "#ops bob")
    assert answer(olga, "/kick", "#ops bob") == "bob is not in #ops."
    assert answer(olga, "/kick", "#ops nobody") == "nobody is not in #ops."


@pytest.mark.parametrize("act", ["/kick", "/ban"])
def test_a_mask_takes_members_out_who_are_away_but_none_with_a_rank(
    router_and_clock: RouterAndClock, ops: Ops, act: str
) -> None:
    router, _ = router_and_clock
    for name in ("spam1", "spam2"):
        user = person(router, name, Role.USER)
        user.send("/join", "#ops")
        user.leave()
    ops.olga.send("/rank", "#ops spam2 operator")
    ops.olga.send(act, "#ops spam*")
    there = router.chat.rooms.get("#ops", ops.olga.session)
    assert sorted(account.name.shown for account in there.members.values()) == ["bob", "olga", "spam2"]


def test_a_private_room_must_invite_again(ops: Ops) -> None:
    olga, bob = ops.olga, ops.bob
    olga.send("/create", "#den private")
    olga.send("/invite", "bob #den")
    bob.send("/join", "#den")
    olga.shown()
    assert "/invite bob #den lets them in again" in answer(olga, "/kick", "#den bob")


def test_who_is_invited_is_not_any_more_when_taken_out(router_and_clock: RouterAndClock, ops: Ops) -> None:
    router, clock = router_and_clock
    olga, bob = ops.olga, ops.bob
    olga.send("/create", "#den private")
    for act, told in (("/kick", "Your invitation to #den was withdrawn."), ("/ban", None)):
        olga.send("/invite", "bob #den")
        olga.shown(), bob.shown()
        done = answer(olga, act, "#den bob wrong person")
        assert done.startswith("The invitation of bob to #den was withdrawn." if act == "/kick" else "bob is banned from #den")
        assert [packet.msg for packet in bob.shown()] == [told] * (told is not None)
        olga.send("/unban", "#den bob")
        assert "#den is not available" in answer(bob, "/join", "#den")
        (den,) = again(router, clock).chat.rooms.with_prefix("#den")
        assert den.invited == set()
    olga.shown()
    assert answer(olga, "/kick", "#den bob") == "bob is not in #den."


def test_who_is_banned_from_a_room_leaves_it_and_cannot_join_or_read(router_and_clock: RouterAndClock, ops: Ops) -> None:
    router, clock = router_and_clock
    olga, bob, guy = ops
    olga.send("#ops", "hello")
    olga.hello("presence", "room")
    for user in (bob, guy):
        user.shown()
        for _ in range(5):
            clock.advance(PAUSE)  # all that happened before is told
        olga.shown()
        name = user.session.name.shown
        olga.send("/ban", f"#ops {name} 1h spam")
        left, told = olga.shown()
        assert left.msg == f"{name} left #ops"
        assert told.msg.startswith(
            f"{name} is banned from #ops by olga for 1h (spam). 1 connection was taken out. /unban #ops {name}"
        )
        banned = "You are banned from #ops by olga for 1h (spam)."
        assert user.told().msg == banned
        assert answer(user, "/join", "#ops") == banned
        assert answer(user, "/history", "#ops") == banned
        assert answer(user, "/search", "hello in:#ops") == banned
        assert answer(user, "/history", "") == f"There is nothing in your conversations. {NOT_KEPT}"
        assert "not in #ops" in answer(user, "#ops", "hi")
        user.send("mod?", "hi")
        assert "is not available" in user.told().msg
    later = again(router, clock)
    assert "You are banned from #ops" in answer(person(later, "bob", Role.USER), "/join", "#ops")
    clock.advance(3601)
    assert "You are in #ops" in answer(bob, "/join", "#ops")


def test_a_ban_from_a_room_wins_over_joining_it_at_the_same_time(router_and_clock: RouterAndClock, ops: Ops) -> None:
    router, _ = router_and_clock
    olga, bob, _ = ops
    bob.send("/leave", "#ops")
    store = router.chat.store
    for first, second in ((olga, bob), (bob, olga)):
        store.held = True  # type: ignore[attr-defined]  # it is a fake one
        for user in (first, second):
            user.send(*(("/ban", "#ops bob") if user is olga else ("/join", "#ops")))
        store.release()  # type: ignore[attr-defined]  # as above
        room = router.chat.rooms.find("#ops")
        assert room is not None
        assert bob.session not in room.sessions
        assert connection(router).execute("SELECT account FROM members WHERE conv = 'r1'").fetchall() == [(1,)]
        olga.send("/unban", "#ops bob")


def test_who_is_muted_in_a_room_talks_elsewhere(router_and_clock: RouterAndClock, ops: Ops) -> None:
    olga, bob, guy = ops
    olga.send("/mute", "#ops bob 10m")
    olga.shown()
    assert bob.told().msg == "You are muted in #ops by olga for 10m."
    assert answer(bob, "#ops", "hi") == "Nobody got that: you are muted in #ops by olga for 10m."
    assert guy.shown() == []
    bob.send("guy", "hi")
    assert guy.told().msg == "hi"
    router_and_clock[1].advance(601)
    bob.send("#ops", "again")
    assert guy.told().msg.endswith("again")


@pytest.mark.parametrize("where", ["", "#ops "])
@pytest.mark.parametrize("act", ["/kick", "/mute", "/ban"])
def test_a_muted_one_gives_no_reasons(router_and_clock: RouterAndClock, ops: Ops, mod: User, act: str, where: str) -> None:
    mod.send("/mute", f"{where}olga")
    for user in (mod, *ops):
        user.shown()
    told = answer(ops.olga, act, "#ops bob BUY MY STUFF" if act == "/kick" else "#ops bob 1h BUY MY STUFF")
    assert "you are muted" in told
    assert ops.bob.shown() == []
    assert len(decided(router_and_clock[0])) == 1
    ops.olga.send(act, "#ops bob")
    assert "BUY" not in ops.bob.told().msg


def test_a_muted_moderator_gives_no_reasons_either(router_and_clock: RouterAndClock, mod: User) -> None:
    boss, bob = person(router_and_clock[0], "boss", Role.OPERATOR, "10.0.0.77"), User(router_and_clock[0], "bob", "10.0.0.9")
    boss.send("/mute", "mod")
    mod.shown()
    assert "you are muted" in answer(mod, "/kick", "bob BUY MY STUFF")
    assert bob.shown() == []


@pytest.mark.parametrize("private", ["", " private"])
def test_a_muted_one_makes_no_room_whose_name_others_would_read(
    router_and_clock: RouterAndClock, olga: User, mod: User, private: str
) -> None:
    mod.send("/mute", "olga")
    olga.shown()
    assert "you are muted" in answer(olga, "/create", f"#buy-my-stuff{private}")
    assert len(router_and_clock[0].chat.rooms) == 1


def test_a_muted_one_sets_no_topic_and_invites_nobody(router_and_clock: RouterAndClock, olga: User, mod: User) -> None:
    router, _ = router_and_clock
    person(router, "cat", Role.USER)
    mod.send("/mute", "#ops olga")
    for user in (mod, olga):
        user.shown()
    assert "you are muted in #ops" in answer(olga, "/topic", "#ops stupid")
    assert "you are muted in #ops" in answer(olga, "/invite", "cat #ops")
    assert "hit yourself" in answer(olga, "/unmute", "#ops olga")
    assert answer(mod, "/unmute", "#ops olga") == "olga is no longer muted in #ops."
    mod.send("/mute", "olga")
    olga.shown()
    assert "you are muted by mod" in answer(olga, "/topic", "#ops stupid")


def test_an_address_is_kept_out_of_a_room(router_and_clock: RouterAndClock, ops: Ops) -> None:
    router, _ = router_and_clock
    olga, _, guy = ops
    olga.send("/ban", "#ops 10.0.0.9")
    assert "banned from #ops" in guy.told().msg
    assert "banned from #ops" in answer(User(router, "guy2", "10.0.0.9"), "/join", "#ops")
    assert "You are in #ops" in answer(User(router, "guy3", "10.0.0.8"), "/join", "#ops")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("actor", ["bob", "guy", "eve"])
def test_in_a_room_only_its_owner_and_moderators_decide(
    router_and_clock: RouterAndClock, ops: Ops, act: str, actor: str
) -> None:
    router, _ = router_and_clock
    told = answer(person(router, "eve", Role.USER) if actor == "eve" else getattr(ops, actor), act, "#ops olga")
    assert "Only an owner or operator of #ops" in told or "need an account" in told
    assert decided(router) == []


@pytest.mark.parametrize("act", [*ACTS, "/bans"])
def test_an_owner_who_is_banned_decides_nothing(router_and_clock: RouterAndClock, ops: Ops, mod: User, act: str) -> None:
    mod.send("/ban", "#ops olga")
    ops.olga.shown()
    assert answer(ops.olga, act, "#ops bob") == "You are banned from #ops by mod until lifted."
    assert len(decided(router_and_clock[0])) == 1


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", RANKS)
def test_an_owner_decides_about_users_and_not_about_moderators(
    router_and_clock: RouterAndClock, olga: User, act: str, role: Role
) -> None:
    router, _ = router_and_clock
    person(router, "cat", role, "10.0.0.4").send("/join", "#ops")
    told = answer(olga, act, "#ops cat")
    assert ("may not kick, mute or ban cat" in told) is (role >= Role.MODERATOR)
    assert bool(decided(router)) is (role is Role.USER and act in {"/mute", "/ban"})


@pytest.mark.parametrize("act", ACTS)
def test_an_owner_decides_nothing_outside(router_and_clock: RouterAndClock, olga: User, act: str) -> None:
    assert "In a room that you made" in answer(olga, act, "bob")
    assert "In a room that you made" in answer(olga, "/bans", "")


def test_a_moderator_decides_about_an_owner(router_and_clock: RouterAndClock, olga: User, mod: User) -> None:
    assert "olga was taken out of #ops by mod" in answer(mod, "/kick", "#ops olga")


@pytest.mark.parametrize("act", ["/kick", "/ban"])
def test_nobody_is_put_out_of_the_room_that_everybody_is_in(
    router_and_clock: RouterAndClock, olga: User, mod: User, act: str
) -> None:
    router, _ = router_and_clock
    router.chat.rooms.lobby = router.chat.rooms.find("#ops")
    assert "Everyone is in #ops" in answer(mod, act, "#ops bob")
    assert "is muted in #ops" in answer(mod, "/mute", "#ops bob")


# What is listed.


def test_bans_and_mutes_are_listed(router_and_clock: RouterAndClock, olga: User, mod: User) -> None:
    _, clock = router_and_clock
    for order in ("bob 2h spam", "guy", "10.7.0.0/16"):
        mod.send("/ban", order)
        clock.advance(1)
    mod.send("/mute", "#ops bob")
    mod.shown()
    assert answer(mod, "/bans", "") == (
        "Bans and mutes (3):\n10.7.0.0/16: banned by mod until lifted\nguy: banned by mod until lifted\n"
        "bob: banned by mod for 1h 59m (spam)"
    )
    assert answer(mod, "/bans", "B") == "Bans and mutes (1):\nbob: banned by mod for 1h 59m (spam)"
    assert answer(olga, "/bans", "#ops") == "Bans and mutes (1):\nbob: muted in #ops by mod until lifted"
    assert answer(olga, "/bans", "#ops c") == "There are no bans or mutes."
    mod.hello()
    mod.send("/bans", target="b")
    x = mod.told().x
    assert x is not None
    assert isinstance(x, AnswerX)
    assert x.n == 1
    assert x.bans == [
        {
            "kind": "ban",
            "target": "bob",
            "until": "2026-11-20T16:03:22.000Z",
            "reason": "spam",
            "by": "mod",
            "at": "2026-11-20T14:03:22.000Z",
        }
    ]


def test_a_long_list_fits_into_a_packet(router_and_clock: RouterAndClock, mod: User) -> None:
    mod.hello()
    for n in range(300):
        mod.send("/ban", f"{'ä' * 20}{n} 7d {chr(34) * 200}")
        router_and_clock[1].advance(1)
    mod.shown()
    mod.send("/bans")
    told = mod.told()
    assert len(told.line) <= MAX_PACKET
    assert "... and " in told.msg
    assert told.msg.startswith("Bans and mutes (300):")


def test_what_is_decided_is_noted_in_one_line_each(router_and_clock: RouterAndClock, mod: User) -> None:
    router_and_clock[1].advance(0)
    with capturedLogs() as events:
        for to, msg in (("/ban", "bob 2h {spam}\x1b"), ("/unban", "bob"), ("/mute", "bob")):
            mod.send(to, msg)
    assert all(event["audit"] is True for event in events), "none is summed up"
    assert [formatEvent(event) for event in events] == [
        "bob is banned by mod for 2h ({spam}\\x1b)",
        "bob is not banned any more, says mod",
        "bob is muted by mod until it is undone",
    ]


def test_the_operator_decides_without_a_session(router_and_clock: RouterAndClock) -> None:
    router, _ = router_and_clock
    boss, guy = person(router, "boss", Role.OPERATOR), User(router, "guy")
    told: list[str] = []
    for work in (
        kick(router.chat, OPERATOR, ModerationRequest("boss")),
        ban(router.chat, OPERATOR, ModerationRequest("guy", 60)),
    ):
        Deferred.fromCoroutine(work).addCallback(told.append)
    assert told[0].startswith("boss was disconnected by the operator")
    assert told[1].startswith("guy is banned by the operator for 1m")
    assert boss.client.disconnected
    assert guy.told().msg == "You are banned by the operator for 1m."


def test_what_moderators_decide_is_logged_whatever_else_is(router_and_clock: RouterAndClock, mod: User, olga: User) -> None:
    with capturedLogs() as events:
        mod.send("/mute", "guy 1h")
        olga.send("/mute", "#ops bob 1h")
        router_and_clock[1].advance(0)
    texts = {bool(event.get("audit")): formatEvent(event) for event in events}
    assert "guy is muted" in texts[True]
    assert "bob is muted" in texts[False]


@pytest.mark.parametrize("act", ACTS)
def test_a_decision_costs_what_it_takes_to_write_it_down(router_and_clock: RouterAndClock, mod: User, act: str) -> None:
    router_and_clock[0].chat.limits.set("packets", 0.1)
    mod.send(act, "bob")
    mod.shown()
    mod.send(act, "bob")
    assert "too much at once" in mod.told().msg


@pytest.mark.parametrize("far", ["x" * 129, "\u05d0" * 5_000, "@" + "1." * 8_000], ids=["a word", "letters", "numbers"])
def test_what_is_too_long_for_a_name_is_not_even_read(mod: User, far: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in ("network_of", "parse"):
        monkeypatch.setattr(targets, reader, pytest.fail)
    mod.send("/ban", far)
    assert mod.told().msg.endswith("is not a name, a mask, an address or a network.")
