"""Room events: who is told what happens in a room, in which order, and what of it is kept."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.presence import PAUSE
from lanchat.core.room_events import CROWD_SECONDS, GAP_SECONDS
from lanchat.core.router import Router
from lanchat.model.room import parse_name
from lanchat.model.session import TELNET, Role
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import NotStored
from lanchat.protocol.packet import ServerPacket
from lanchat.tables.rooms import OpenLobby, load
from tests.fakes import ALL, PASSWORD, User, dump, log_in, make_router, store_of
from tests.people import person

CAPS = (*ALL, "event")


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def router(router_and_clock: tuple[Router, Clock]) -> Router:
    return router_and_clock[0]


@pytest.fixture
def ann(router: Router) -> User:
    """An account that made #ops, with a client that follows events."""
    return account(router, "ann", "#ops", made=True)


def account(router: Router, name: str, room: str = "", made: bool = False) -> User:
    """Somebody with an account and a client that follows events, in a room."""
    User(router, name).register().leave()
    user = log_in(router, name, *CAPS)
    if room:
        user.send("/create" if made else "/join", room)
    user.shown()
    return user


def guest(router: Router, name: str, *caps: str, room: str = "#ops") -> User:
    user = User(router, name).hello(*caps)
    user.send("/join", room)
    user.shown()
    return user


def events(user: User) -> list[tuple[object, ...]]:
    """What events came since the last look: what, to whom, by whom, the text, and the place in the log."""
    xs = [x for x in user.xs() if x.get("op") == "event"]
    return [(x["ev"], *list(x["who"]), x.get("by"), x.get("text"), x.get("seq")) for x in xs]  # type: ignore[call-overload]


def test_everything_that_is_done_with_a_room_is_told_at_once_and_kept_in_its_place(router: Router, ann: User) -> None:
    bob, zoe = account(router, "bob", "#ops"), account(router, "zoe")
    ann.shown()
    ann.send("/topic", "#ops pumps")
    ann.send("#ops", "look")
    ann.send("/invite", "zoe #ops")
    ann.send("/rank", "#ops bob voiced")
    ann.send("/rules", "#ops moderated on")
    bob.send("/leave", "#ops")
    bob.send("/join", "#ops")
    ann.send("/kick", "#ops bob enough")
    ann.send("/ban", "#ops bob 1h spam")
    expected: list[tuple[object, ...]] = [
        ("topic", "ann", "ann", "pumps", 2),
        ("invited", "zoe", "ann", None, 4),
        ("rank", "bob", "ann", "voiced", 5),
        ("mode", "ann", "ann", "moderated on", 6),
        ("left", "bob", "bob", None, 7),
        ("joined", "bob", "bob", None, 8),
        ("kicked", "bob", "ann", "enough", 9),
        ("banned", "bob", "ann", "spam", 10),
    ]
    assert events(ann) == expected
    assert events(zoe) == [("invited", "zoe", "ann", None, None)], "it can't be fetched from outside"
    told = events(bob)
    assert [ev for ev, *_ in told] == ["topic", "invited", "rank", "mode", "left", "joined", "kicked"]
    ann.send("/history", "#ops")
    assert events(ann) == [("joined", "bob", "bob", None, 1), *expected]


def test_a_ban_says_if_nobody_was_there_whom_it_hits(router: Router, ann: User) -> None:
    account(router, "bob", "#ops")
    ann.shown()
    for target in ("spam*", "zoe", "bob"):
        ann.send("/ban", f"#ops {target}")
    told = [(x["who"], x.get("absent")) for x in ann.xs() if x.get("ev") == "banned"]
    assert told == [(["spam*"], True), (["zoe"], True), (["bob"], None)]


def test_an_event_has_a_sentence_and_says_where_it_was(router: Router, ann: User) -> None:
    guest(router, "bob")
    packet = ann.told()
    x = dump(packet.x)
    assert (packet.from_.name, packet.to, packet.msg) == ("SERVER", "#ops", "bob joined #ops")
    assert (x["conv"], x["who"], x["ts"]) == ("#ops", ["bob"], "2026-11-20T14:03:22.500Z")
    assert "id" not in x, "what guests do is not kept"


def test_classic_clients_read_what_they_always_did_and_watchers_get_batches(router: Router, ann: User) -> None:
    bob, eve = guest(router, "bob"), guest(router, "eve", "presence", "room")
    classic = User(router, "old")
    classic.send("/join", "#ops")
    for user in (ann, bob, eve, classic):
        user.shown()
    cat = guest(router, "cat")
    ann.send("/topic", "#ops pumps")
    ann.send("/kick", "#ops cat enough")
    assert cat.msgs() == ["You were taken out of #ops by ann (enough)."]
    ann.send("/close", "#ops")
    assert bob.msgs() == classic.msgs() == ["#ops is closed for good, by ann."]
    assert [x.get("ev") for x in eve.xs()] == [None], "only that it is closed: the others are told a second later"
    assert [x["ev"] for x in ann.xs() if x["op"] == "event"] == ["joined", "topic", "kicked", "closed"]


def test_at_a_terminal_each_event_is_a_line_but_not_for_who_did_it(router: Router, ann: User) -> None:
    eve = guest(router, "eve")
    eve.session.gateway = TELNET
    ann.send("/topic", "#ops pumps")
    assert eve.msgs() == ["ann set the topic of #ops: pumps"]
    eve.send("/leave", "#ops")
    assert eve.msgs() == ["You have left #ops."]
    ann.send("/history", "#ops")
    eve.send("/join", "#ops")
    eve.shown()
    eve.send("/history", "#ops")
    assert eve.msgs() == ["2026-11-20 14:03 * ann set the topic of #ops: pumps"]


def test_a_guest_that_disconnects_has_left_and_says_why(router: Router, ann: User) -> None:
    for name, goodbye in (("bob", None), ("cat", ""), ("dan", "so long"), ("eve", "the kicked cat")):
        user = guest(router, name)
        ann.shown()
        if goodbye is None:
            user.leave()
        else:
            user.send("/quit", goodbye)
        assert events(ann) == [("left", name, name, {None: "disconnected", "": "quit"}.get(goodbye, goodbye), None)]
    guest(router, "fay").send("/quit", "kicked by ann (spam)")
    assert events(ann)[-1] == ("left", "fay", "fay", "quit: kicked by ann (spam)", None), "nobody kicked them"
    zoe = account(router, "zoe", "#ops")
    ann.shown()
    zoe.leave()
    assert events(ann) == [], "an account stays a member"


def test_that_a_guest_disconnects_is_told_once_to_those_who_follow_everybody(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    account(router, "ann").send("/create", "#ops")
    watcher = guest(router, "eve", "id", "presence", "room")
    bob = guest(router, "bob")
    clock.pump([PAUSE] * 3)
    watcher.shown()
    bob.leave()
    clock.pump([PAUSE] * 3)
    assert [(x["ev"], x["conv"]) for x in watcher.xs()] == [("went", "Everyone")]


def test_who_reads_slowly_is_not_sent_what_guests_do(router: Router, ann: User) -> None:
    ann.client.is_behind = True
    bob = guest(router, "bob")
    bob.send("/away", "lunch")
    bob.send("/name", "rob")
    bob.leave()
    assert ann.shown() == [], "so nobody gets a slow reader closed"
    account(router, "zoe", "#ops")
    ann.client.is_behind = False
    ann.client.drained.callback(None)
    assert [x["op"] for x in ann.xs()] == ["gap"], "what accounts do can be fetched"


def test_other_devices_of_who_left_are_told(router: Router, ann: User) -> None:
    bob = account(router, "bob", "#ops")
    phone = log_in(router, "bob", *CAPS, dev="phone")
    phone.shown(), bob.shown()
    bob.send("/leave", "#ops")
    assert events(phone) == [("left", "bob", "bob", None, None)]


def test_what_can_not_be_stored_is_told_all_the_same(router: Router, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(entry: Entry) -> None:
        raise NotStored

    bob, store = guest(router, "bob", *CAPS), store_of(router.chat)
    ann.shown()
    store.broken = True
    bob.send("/leave", "#ops")
    store.broken = False
    assert events(ann) == [("left", "bob", "bob", None, None)]
    monkeypatch.setattr(store, "append", refuse)
    bob.send("/join", "#ops")
    assert events(ann) == [("joined", "bob", "bob", None, None)]


def test_events_come_in_order_with_what_is_said(router: Router, ann: User) -> None:
    bob = guest(router, "bob", *CAPS)
    ann.shown()
    store_of(router.chat).held = True
    bob.send("#ops", "bye all")
    bob.send("/leave", "#ops")
    assert ann.shown() == []
    store_of(router.chat).release()
    assert ann.msgs() == ["bye all", "bob left #ops"]


def test_who_leaves_at_once_is_told_of_both(router: Router, ann: User) -> None:
    bob = User(router, "bob").hello("event")
    store_of(router.chat).held = True
    for to in ("/join", "/leave"):
        bob.send(to, "#ops")
    store_of(router.chat).release()
    assert [ev for ev, *_ in events(bob)] == ["joined", "left"]


def test_without_a_log_events_are_relayed() -> None:
    router, _ = make_router(stores_messages=False)
    ann = person(router, "ann", Role.USER).hello(*CAPS)
    ann.send("/create", "#ops")
    bob = person(router, "bob", Role.USER)
    ann.shown()
    bob.send("/join", "#ops")
    assert events(ann) == [("joined", "bob", "bob", None, None)]


def test_in_the_lobby_comings_and_goings_are_told_in_batches(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    store = store_of(router.chat)
    OpenLobby(parse_name("#lobby"), 0).run(store.connection)
    (lobby,) = load(store.connection, {})
    router.chat.rooms.add(lobby)
    router.chat.rooms.open_lobby(lobby)
    ann, old = User(router, "ann").hello("event"), User(router, "old").hello("presence", "room")
    ann.shown(), old.shown()
    clock.advance(PAUSE)
    ann.shown(), old.shown()
    users = [User(router, f"user{n}") for n in range(3)]
    clock.advance(PAUSE)
    joined = [(x["ev"], x["who"], x["conv"]) for x in ann.xs()]
    assert joined == [("joined", ["user0", "user1", "user2"], "#lobby")]
    for user, goodbye in zip(users, ("bye", "so long", "bye"), strict=True):
        user.send("/quit", goodbye)
        if goodbye == "so long":  # (two together, who said different things)
            clock.pump([PAUSE, PAUSE])
    clock.pump([PAUSE, PAUSE])
    assert [(x["ev"], x["gone"], x["who"], x.get("text")) for x in ann.xs()] == [
        ("left", True, ["user0", "user1"], None),
        ("left", True, ["user2"], "bye"),
    ]
    users = [User(router, f"user{n}") for n in range(3)]
    clock.pump([PAUSE, PAUSE])
    ann.shown()
    users.pop().send("/quit", "so long")
    for user in users:
        user.send("/quit", "so long")
    clock.advance(PAUSE)
    assert [(x["who"], x.get("text")) for x in ann.xs()] == [(["user2"], "so long"), (["user0", "user1"], "so long")]
    assert {x["ev"] for x in old.xs()} <= {"came", "went"}
    assert store.connection.execute("SELECT count(*) FROM log").fetchone() == (0,)


def test_a_page_of_history_shows_the_room_by_its_present_name(router: Router, ann: User) -> None:
    ann.send("#ops", "hi")
    ann.send("/rename", "#ops #pumps")
    ann.shown()
    ann.send("/history", "#pumps")
    packets: list[ServerPacket] = ann.shown()
    shown = [(packet.to, dump(packet.x).get("conv"), packet.msg) for packet in packets[:-1]]
    assert shown == [("#pumps", "#pumps", "hi"), ("#ops", "#ops", "ann renamed #ops: it is #pumps now")]


def test_a_guest_keeps_its_rank_when_it_makes_an_account(router: Router) -> None:
    router.chat.rooms_by = "anyone"
    bob = guest(router, "bob", room="#new")
    bob.send("/register", PASSWORD)
    bob.shown()
    bob.send("/rename", "#new #newer")
    assert bob.msgs() == ["#new is called #newer now."]
    assert store_of(router.chat).connection.execute("SELECT rank FROM ranks").fetchall() == [(3,)]


def test_who_leaves_a_room_may_say_why(router: Router, ann: User) -> None:
    bob, eve = account(router, "bob", "#ops"), guest(router, "eve")
    telnet, page = guest(router, "cat"), log_in(router, "ann", *CAPS)
    telnet.session.gateway = TELNET
    for user in (ann, telnet, page):
        user.shown()
    bob.send("/leave", "#ops gone to\x1b lunch")
    eve.send("/leave", "#ops " + "y" * 300)
    assert telnet.msgs() == ["bob left #ops (gone to\\x1b lunch)", f"eve left #ops ({'y' * 200}...)"]
    for user in (ann, page):
        assert [(ev, who, text) for ev, who, _, text, _ in events(user)] == [
            ("left", "bob", "gone to\\x1b lunch"),
            ("left", "eve", f"{'y' * 200}..."),
        ]
    page.send("/leave", room="#ops", text="bye")
    assert events(page)[-1][:4] == ("left", "ann", "ann", "bye")


def test_nobody_reads_why_somebody_leaves_who_may_not_speak_there(router: Router, ann: User) -> None:
    eve = guest(router, "eve")
    ann.send("/mute", "#ops eve")
    ann.shown()
    eve.send("/leave", "#ops you all are mad")
    assert eve.msgs()[-1] == "You have left #ops."
    assert events(ann) == [("left", "eve", "eve", None, None)]


def test_who_is_gone_from_the_server_is_told_apart_from_who_only_left(router: Router, ann: User) -> None:
    quits, leaves, lost, kicked = (guest(router, name) for name in ("bob", "cat", "dan", "eve"))
    ann.shown()
    leaves.send("/leave", "#ops quit")
    quits.send("/quit", "bye")
    lost.leave()
    router.chat.close(kicked.session, "FORBIDDEN", "out", why="a test")
    xs = [x for x in ann.xs() if x.get("ev") == "left" and x["conv"] == "#ops"]
    assert [(x["who"], x["text"], x.get("gone")) for x in xs] == [
        (["cat"], "quit", None),
        (["bob"], "bye", True),
        (["dan"], "disconnected", True),
        (["eve"], "kicked", True),
    ]


def test_those_in_the_room_read_who_disconnected_a_guest_and_why(router: Router, ann: User) -> None:
    boss, eve, fay = person(router, "boss", Role.OPERATOR), guest(router, "eve"), guest(router, "fay")
    ann.send("/mute", "#ops eve")
    ann.shown()
    boss.send("/kick", "eve spam")
    boss.send("/kick", "fay")
    xs = [x for x in ann.xs() if x.get("ev") == "left"]
    assert [(x["who"], x["text"]) for x in xs] == [(["eve"], "kicked by boss (spam)"), (["fay"], "kicked by boss")]
    assert eve.client.disconnected
    assert fay.client.disconnected


def test_a_new_rank_says_what_it_was_before(router: Router, ann: User) -> None:
    account(router, "bob", "#ops"), guest(router, "eve")
    ann.shown()
    for who in ("bob", "eve"):
        for rank in ("voiced", "operator", "none"):
            ann.send("/rank", f"#ops {who} {rank}")
    ranks = [(x["who"], x.get("was"), x.get("text")) for x in ann.xs() if x.get("ev") == "rank"]
    expected = [(None, "voiced"), ("voiced", "operator"), ("operator", None)]
    assert ranks == [(["bob"], *step) for step in expected] + [(["eve"], *step) for step in expected]
    ann.send("/history", "#ops")
    assert [x.get("was") for x in ann.xs() if x.get("ev") == "rank"] == 2 * [None, "voiced", "operator"], "it is kept"


def test_all_devices_of_an_account_are_told_of_its_rooms_also_when_nobody_else_is_there(router: Router) -> None:
    phone = account(router, "bob")
    laptop, ann = log_in(router, "bob", *CAPS), account(router, "ann")
    laptop.shown()
    phone.send("/create", "#den")
    phone.send("/leave", "#den")
    assert [ev[0] for ev in events(phone)] == [ev[0] for ev in events(laptop)] == ["joined", "left"]
    ann.send("/create", "#ops")
    phone.send("/join", "#ops")
    ann.send("/kick", "#ops bob")
    ann.send("/invite", "bob #ops")
    for device in (phone, laptop):
        assert [ev[0] for ev in events(device)] == ["joined", "kicked", "invited"]


def test_guests_who_enter_at_once_are_told_one_by_one_before_what_they_do_next(
    router: Router, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lanchat.core.room_events.MAX_TOGETHER", 3)
    guests = [User(router, f"guest{n}").hello(*CAPS) for n in range(5)]
    store_of(router.chat).held = True
    for user in guests:
        user.send("/join", "#ops")
    guests[1].send("#ops", "hello")
    guests[2].send("/leave", "#ops")
    guests[2].send("/join", "#ops")
    guests[0].leave()
    store_of(router.chat).release()
    joined = [("joined", f"guest{n}", f"guest{n}", None, None) for n in range(5)]
    left, gone = ("left", "guest2", "guest2", None, None), ("left", "guest0", "guest0", "disconnected", None)
    assert events(ann) == events(guests[4]) == [*joined, left, joined[2], gone]


def test_who_entered_and_left_before_others_were_told_reads_of_both(router: Router, ann: User) -> None:
    bob, eve = (User(router, name).hello(*CAPS) for name in ("bob", "eve"))
    store_of(router.chat).held = True
    for user in (bob, eve):
        user.send("/join", "#ops")
    eve.send("/leave", "#ops")
    store_of(router.chat).release()
    assert [event[:2] for event in events(eve)] == [("joined", "eve"), ("left", "eve")]


def test_a_reader_who_is_behind_is_not_told_of_many_guests(router: Router, ann: User) -> None:
    ann.client.is_behind = True
    bob, eve = (User(router, name).hello(*CAPS) for name in ("bob", "eve"))
    store_of(router.chat).held = True
    for user in (bob, eve):
        user.send("/join", "#ops")
    store_of(router.chat).release()
    assert not events(ann)


def test_at_a_terminal_a_guest_who_enters_or_leaves_reads_only_the_answer(router: Router, ann: User) -> None:
    reader, user = guest(router, "reader", *CAPS), User(router, "bob")
    user.session.gateway = TELNET
    user.shown()
    reader.shown()
    user.send("/join", "#ops")
    user.send("/leave", "#ops")
    assert [msg.split(" ")[0] for msg in user.msgs()] == ["You", "You"]
    assert [event[:2] for event in events(reader)] == [("joined", "bob"), ("left", "bob")]


def test_at_a_terminal_guests_who_enter_at_once_are_told_of_but_not_to_themselves(router: Router, ann: User) -> None:
    reader = guest(router, "reader")
    joining = [User(router, name) for name in ("bob", "eve", "zoe")]
    for user in (reader, *joining):
        user.session.gateway = TELNET
    store_of(router.chat).held = True
    for user in joining:
        user.send("/join", "#ops")
        user.shown()
    store_of(router.chat).release()
    told = [f"{user.session.name.shown} joined #ops" for user in joining]
    assert reader.msgs() == told
    for number, user in enumerate(joining):
        assert user.msgs() == told[:number] + told[number + 1 :]


def test_a_crowd_is_waited_for_a_moment_but_not_longer_than_for_what_comes_next(
    router_and_clock: tuple[Router, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    router, clock = router_and_clock
    monkeypatch.setattr("lanchat.core.room_events.CROWD", 2)
    account(router, "ann", "#ops", made=True).leave()
    reader = guest(router, "reader", "id", "room", "event")

    def enter(*names: str) -> list[User]:
        users = [User(router, name).hello(*CAPS) for name in names]
        for held, user in zip((True, True, False), users, strict=True):
            store_of(router.chat).held = held
            if not held:
                store_of(router.chat).release()
            user.send("/join", "#ops")
        return users

    enter("a", "b", "c")
    assert not reader.shown()
    clock.advance(CROWD_SECONDS)
    assert reader.msgs() == ["a joined #ops", "b joined #ops", "c joined #ops"]
    *_, user = enter("d", "e", "f")
    user.send("#ops", "hello")
    assert reader.msgs() == ["d joined #ops", "e joined #ops", "f joined #ops", "hello"]
    *_, user = enter("g", "h", "i")
    user.send("/leave", "#ops")
    assert reader.msgs() == ["g joined #ops", "h joined #ops", "i joined #ops", "i left #ops"]
    clock.advance(CROWD_SECONDS)
    assert not reader.shown()


def test_a_crowd_is_told_of_when_nobody_else_comes_or_it_has_been_waited_for_long_enough(
    router_and_clock: tuple[Router, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    router, clock = router_and_clock
    monkeypatch.setattr("lanchat.core.room_events.CROWD", 2)
    account(router, "ann", "#ops", made=True).leave()
    reader = guest(router, "reader", "id", "room", "event")

    def enter(name: str) -> str:
        User(router, name).hello(*CAPS).send("/join", "#ops")
        return f"{name} joined #ops"

    store_of(router.chat).held = True
    came = [enter("a"), enter("b")]
    store_of(router.chat).held = False
    store_of(router.chat).release()
    for number in range(3):
        clock.advance(GAP_SECONDS * 0.9)
        came.append(enter(f"c{number}"))
        assert not reader.shown(), "as others still come"
    clock.advance(GAP_SECONDS)
    clock.advance(GAP_SECONDS)
    assert reader.msgs() == came

    store_of(router.chat).held = True
    came = [enter("x"), enter("y")]
    store_of(router.chat).held = False
    store_of(router.chat).release()
    began = clock.seconds()
    while not (told := reader.msgs()) and clock.seconds() < began + 2 * CROWD_SECONDS:
        came.append(enter(f"z{len(came)}"))
        clock.advance(GAP_SECONDS)
    assert told == came
    assert clock.seconds() <= began + CROWD_SECONDS + 2 * GAP_SECONDS
