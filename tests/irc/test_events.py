"""What IRC clients are told of what others do in their rooms: one line for each thing, as their capabilities want it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lanchat.commands.room_rights import set_rules
from lanchat.core.presence import PAUSE
from lanchat.core.router import Router
from lanchat.irc.server import Settings
from tests.fakes import User, log_in, store_of
from tests.irc.wire import IrcWire, server_of


@pytest.fixture
def router(chat: tuple[Router, Clock]) -> Router:
    return chat[0]


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    """A guest who has made #ops."""
    return client(chat, "ann")


def client(chat: tuple[Router, Clock], nick: str, caps: str = "", room: str = "#ops") -> IrcWire:
    wire = IrcWire(*chat, nick, caps)
    wire.ask(f"JOIN {room}")
    return wire


def account(router: Router, name: str, *rooms: str) -> User:
    """Somebody with an account whose client speaks JSON."""
    user = User(router, name).register()
    for room in rooms:
        user.send("/join", room)
    user.shown()
    return user


def test_who_enters_and_leaves_is_shown_with_the_reason(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = client(chat, "bob")
    assert ann.lines() == [":bob!~bob@10.0.0.7 JOIN #ops"]
    bob.ask("PART #ops :gone to lunch")
    assert ann.lines() == [":bob!~bob@10.0.0.7 PART #ops :gone to lunch"]


def test_extended_join_tells_account_and_real_name(chat: tuple[Router, Clock], router: Router) -> None:
    ann = client(chat, "ann", "extended-join")
    client(chat, "bob")
    assert ann.lines() == [":bob!~bob@10.0.0.7 JOIN #ops * :Real bob"]
    account(router, "cat", "#ops")
    assert ann.lines() == [":cat!~u@10.0.0.1 JOIN #ops cat cat"]


def test_who_has_a_rank_and_is_away_is_shown_so_when_they_enter(chat: tuple[Router, Clock], router: Router) -> None:
    cat = account(router, "cat", "#ops")
    ann, plain = client(chat, "ann", "away-notify multi-prefix"), client(chat, "dan")
    cat.send("/away", "at lunch")
    cat.send("/leave", "#ops")
    ann.lines(), plain.lines()
    cat.send("/join", "#ops")
    assert ann.lines() == [
        ":cat!~u@10.0.0.1 JOIN #ops",
        ":irc.lan MODE #ops +ov cat cat",
        ":cat!~u@10.0.0.1 AWAY :at lunch",
    ]
    assert plain.lines() == [":cat!~u@10.0.0.1 JOIN #ops", ":irc.lan MODE #ops +o cat"]


def test_who_is_gone_quits_once_however_many_rooms_are_shared(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    ann.ask("JOIN #dev,#qa")
    for message in ("bye", "again"):
        bob = IrcWire(*chat, "bob")
        bob.ask("JOIN #ops,#dev,#qa")
        assert len(ann.lines()) == 3
        bob.ask(f"QUIT :{message}")
        (line,) = ann.lines()
        assert line.endswith(f" QUIT :{message}")


def test_who_takes_the_name_of_somebody_who_is_gone_is_told_to_quit_too(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    for command in ("JOIN #ops", "NICK bob"):
        wire = IrcWire(*chat, "bob" if command[:4] == "JOIN" else "cat")
        wire.ask("JOIN #ops", command, "QUIT :bye")
    assert [line.split(" ")[1] for line in ann.lines()] == ["JOIN", "QUIT", "JOIN", "NICK", "QUIT"]


def test_who_is_taken_out_is_kicked(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob, cat = client(chat, "bob"), client(chat, "cat")
    for wire in (ann, bob, cat):
        wire.lines()
    assert ann.ask("KICK #ops bob :enough", "KICK #ops cat") == [
        ":ann!~ann@10.0.0.7 KICK #ops bob :enough",
        ":ann!~ann@10.0.0.7 KICK #ops cat :ann",
    ]
    assert bob.lines() == [":ann!~ann@10.0.0.7 KICK #ops bob :enough"]
    assert cat.lines() == [":ann!~ann@10.0.0.7 KICK #ops bob :enough", ":ann!~ann@10.0.0.7 KICK #ops cat :ann"]


def test_topics_are_shown_to_all_and_a_removed_one_as_empty(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = client(chat, "bob")
    ann.lines()
    assert ann.ask("TOPIC #ops :pumps", "TOPIC #ops :") == [
        ":ann!~ann@10.0.0.7 TOPIC #ops :pumps",
        ":ann!~ann@10.0.0.7 TOPIC #ops :",
    ]
    assert bob.lines() == [":ann!~ann@10.0.0.7 TOPIC #ops :pumps", ":ann!~ann@10.0.0.7 TOPIC #ops :"]


def test_ranks_are_modes_and_each_client_knows_what_is_left(chat: tuple[Router, Clock], router: Router) -> None:
    cat = account(router, "cat", "#ops")
    plain, multi = client(chat, "dan"), client(chat, "eve", "multi-prefix")
    plain.lines()
    for rank in ("voiced", "operator", "voiced", "operator", "none"):
        cat.send("/rank", f"#ops eve {rank}")
    modes = [line.removeprefix(":cat!~u@10.0.0.1 MODE #ops ") for line in plain.lines()]
    assert modes == ["+v eve", "-v+o eve eve", "-o+v eve eve", "-v+o eve eve", "-o eve"]
    modes = [line.removeprefix(":cat!~u@10.0.0.1 MODE #ops ") for line in multi.lines()]
    assert modes == ["+v eve", "+o eve", "-o eve", "+o eve", "-ov eve eve"]


def test_rules_are_modes_and_a_key_is_not_told(chat: tuple[Router, Clock], router: Router) -> None:
    cat, dan = account(router, "cat", "#ops"), client(chat, "dan")
    for rule in ("moderated on", "key secret", "limit 20", "topic anyone", "bots on", "limit off", "key off", "invited on"):
        cat.send("/rules", f"#ops {rule}")
    modes = [line.removeprefix(":cat!~u@10.0.0.1 MODE #ops ") for line in dan.lines()]
    assert modes == ["+m", "+k *", "+l 20", "-t", "-l", "-k *", "+i"]


def test_what_the_operator_does_at_the_prompt_comes_from_the_server(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    room = chat[0].chat.rooms.named("#ops")
    Deferred.fromCoroutine(set_rules(chat[0].chat, room, {"moderated": "on", "limit": "20"}))
    assert ann.lines() == [":irc.lan MODE #ops +ml 20"]


def test_invitations_are_told_to_who_is_invited_and_to_those_who_want_to_know(
    chat: tuple[Router, Clock], router: Router
) -> None:
    cat = account(router, "cat", "#ops")
    plain, curious = client(chat, "dan"), client(chat, "eve", "invite-notify")
    account(router, "fay").leave()
    plain.lines()
    cat.send("/invite", "fay #ops")
    assert plain.lines() == []
    assert curious.lines() == [":cat!~u@10.0.0.1 INVITE fay #ops"]


def test_a_new_name_of_a_room_is_a_rename_or_another_room(
    chat: tuple[Router, Clock], router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat = account(router, "cat", "#ops")
    knows, plain = client(chat, "dan", "draft/channel-rename"), client(chat, "eve")
    knows.lines()
    store, tell = store_of(router.chat), router.chat.room_events.tell

    def tell_later(*args: Any, **more: Any) -> None:
        store.held = True
        tell(*args, **more)

    monkeypatch.setattr(router.chat.room_events, "tell", tell_later)
    cat.send("/rename", "#ops #pumps")
    store.release()
    assert knows.lines() == [":cat!~u@10.0.0.1 RENAME #ops #pumps :"]
    assert plain.lines() == [
        ":eve!~eve@10.0.0.7 PART #ops :cat has renamed it: it is #pumps now",
        ":eve!~eve@10.0.0.7 JOIN #pumps",
        ":irc.lan 353 eve = #pumps :@cat dan eve",
        ":irc.lan 366 eve #pumps :End of /NAMES list",
    ]


def test_everybody_is_taken_out_of_a_room_that_is_closed(chat: tuple[Router, Clock], router: Router) -> None:
    cat, dan = account(router, "cat", "#ops"), client(chat, "dan")
    cat.send("/close", "#ops")
    assert dan.lines() == [":cat!~u@10.0.0.1 KICK #ops dan :closed for good"]


def test_who_is_away_is_told_to_those_who_want_to_know(chat: tuple[Router, Clock], router: Router) -> None:
    cat = account(router, "cat", "#ops")
    knows, plain = client(chat, "dan", "away-notify"), client(chat, "eve")
    knows.lines()
    cat.send("/away", "at lunch")
    cat.send("/back")
    assert knows.lines() == [":cat!~u@10.0.0.1 AWAY :at lunch", ":cat!~u@10.0.0.1 AWAY"]
    assert plain.lines() == []


def test_another_name_of_a_guest_is_a_nick(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = User(chat[0], "bob")
    bob.send("/join", "#ops")
    ann.lines()
    bob.send("/name", "rob")
    assert ann.lines() == [":bob!~u@10.0.0.1 NICK rob"]


def test_tags_tell_when_it_was_and_whose_account(chat: tuple[Router, Clock], router: Router) -> None:
    ann = client(chat, "ann", "server-time account-tag")
    account(router, "cat", "#ops")
    (line,) = ann.lines()
    time, account_tag = line.split(" ")[0].split(";")
    assert time.startswith("@time=2026-11-")
    assert account_tag == "account=cat"


def test_what_happened_earlier_is_not_shown_as_if_it_happened_now(chat: tuple[Router, Clock], router: Router) -> None:
    cat = account(router, "cat", "#ops")
    cat.send("#ops", "is the pump back?")
    cat.send("/topic", "#ops pumps")
    server_of(router.chat, Settings(history=5))
    dan = IrcWire(*chat, "dan")
    told = dan.ask("JOIN #ops")
    assert [line for line in told if " TOPIC " in line or " JOIN " in line] == [":dan!~dan@10.0.0.7 JOIN #ops"]
    assert told[-1].endswith("] is the pump back?")


def test_guests_who_come_to_the_lobby_and_go_are_told_together(chat: tuple[Router, Clock]) -> None:
    router, clock = chat
    ann = client(chat, "ann")
    router.chat.rooms.open_lobby(router.chat.rooms.named("#ops"))
    bob = IrcWire(router, clock, "bob")
    assert ann.lines() == [":bob!~bob@10.0.0.7 JOIN #ops"]
    clock.advance(PAUSE)
    bob.lose()
    assert ann.lines() == [":bob!~bob@10.0.0.7 QUIT :"]
    clock.advance(PAUSE)
    bob = IrcWire(router, clock, "bob")
    ann.lines()
    bob.say("QUIT :so long")
    clock.advance(PAUSE)
    assert ann.lines() == [":bob!~bob@10.0.0.7 QUIT :so long"]
    clock.advance(PAUSE)
    cat, dan, eve = (IrcWire(router, clock, name) for name in ("cat", "dan", "eve"))
    clock.advance(PAUSE)
    clock.advance(PAUSE)
    assert [[line.split("!")[0] for line in wire.lines()] for wire in (ann, cat, dan, eve)] == [
        [":cat", ":dan", ":eve"],
        [":dan", ":eve"],
        [":eve"],
        [],
    ]


def test_another_device_of_an_account_enters_with_topic_and_names(chat: tuple[Router, Clock], router: Router) -> None:
    account(router, "cat", "#ops").leave()
    wire = IrcWire(*chat)
    wire.say("PASS cat:correct horse", "NICK cat", "USER cat 0 * :Cat")
    assert any(" 353 cat = #ops :@cat" in line for line in wire.lines())
    other = log_in(router, "cat", "id", "event")
    other.send("/join", "#dev")
    assert [line.split(" ")[1] for line in wire.lines()] == ["JOIN", "353", "366"]
    other.send("/leave", "#dev")
    assert wire.lines() == [":cat!~u@10.0.0.1 PART #dev"]


def test_clients_that_enter_at_once_are_shown_each_other_and_themselves_once(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    carol = User(chat[0], "carol").hello("id", "room", "event")
    carol.send("/join", "#ops")
    ann.lines()
    carol.shown()
    wires = [IrcWire(*chat, f"u{n}", "extended-join" if n == 1 else "") for n in range(4)]
    store_of(chat[0].chat).held = True
    for wire in wires:
        wire.say("JOIN #ops")
    for _ in range(2):
        store_of(chat[0].chat).release()
    joined = [f":u{n}!~u{n}@10.0.0.7 JOIN #ops" for n in range(4)]
    assert ann.lines() == joined
    assert [packet.msg for packet in carol.shown()] == [f"u{n} joined #ops" for n in range(4)]
    for number, wire in enumerate(wires):
        lines = wire.lines()
        more = [f" * :Real u{n}" if number == 1 else "" for n in range(4)]
        told = [line + added for line, added in zip(joined, more, strict=True)]
        assert lines[0] == told[number]
        assert lines[1].split(":")[2].split(" ") == ["@ann", "carol", *[f"u{n}" for n in range(number + 1)]]
        assert lines[3:] == told[number + 1 :], "the others are among the names"


def test_a_crowd_is_shown_itself_in_parts_and_who_pings_is_shown_it_before_the_answer(
    chat: tuple[Router, Clock], ann: IrcWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lanchat.core.room_events.CROWD", 2)
    monkeypatch.setattr("lanchat.core.room_events.MAX_TOGETHER", 2)
    wires = [IrcWire(*chat, f"u{n}") for n in range(5)]
    joined = [f":u{n}!~u{n}@10.0.0.7 JOIN #ops" for n in range(5)]
    store = store_of(chat[0].chat)
    store.held = True
    for wire in wires:
        wire.say("JOIN #ops")
    store.held = False
    store.release()
    assert not ann.lines(), "as others may still come"
    wires[3].say("PING 1")
    assert ann.lines() == joined
    for number, wire in enumerate(wires):
        names, *told = [line for line in wire.lines() if " 353 " in line or " JOIN " in line or " PONG " in line][1:]
        assert names.endswith(f" u{number}")
        assert told == [*joined[number + 1 :], *[":irc.lan PONG irc.lan 1"] * (number == 3)]


def test_of_guests_who_come_back_at_once_it_is_told_again_when_they_go(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    def enter() -> list[IrcWire]:
        wires = [IrcWire(*chat, name) for name in ("bob", "eve")]
        store_of(chat[0].chat).held = True
        for wire in wires:
            wire.say("JOIN #ops")
        store_of(chat[0].chat).release()
        return wires

    for _ in range(2):
        wires = enter()
        assert ann.lines() == [f":{name}!~{name}@10.0.0.7 JOIN #ops" for name in ("bob", "eve")]
        for wire in wires:
            wire.lose()
        assert [(line.split("!")[0], line.split(" ")[1]) for line in ann.lines()] == [(":bob", "QUIT"), (":eve", "QUIT")]
