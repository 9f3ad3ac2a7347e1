"""NICK, AWAY and SETNAME: what people say of themselves, and who is told of it."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.commands.presence import MAX_AWAY
from lanchat.core.router import Router
from lanchat.irc.people_changes import MAX_TOLD
from lanchat.irc_commands.isupport import MAX_REALNAME
from lanchat.model.session import Role
from tests.fakes import PASSWORD, User, log_in, store_of
from tests.irc.wire import IrcWire


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    """An IRC client in #ops, which is told of everything."""
    wire = IrcWire(*chat, "ann", "away-notify account-notify setname")
    wire.ask("JOIN #ops")
    return wire


@pytest.fixture
def eve(chat: tuple[Router, Clock], ann: IrcWire) -> User:
    """A JSON client with an account that is a member of #ops."""
    eve = User(chat[0], "eve").register()
    eve.send("/join", "#ops")
    ann.lines()
    eve.shown()
    return eve


# Nicks.


def test_a_guest_takes_another_nick(chat: tuple[Router, Clock]) -> None:
    bob = IrcWire(*chat, "bob")
    assert bob.ask("NICK rob") == [":bob!~bob@10.0.0.7 NICK rob"]
    assert bob.ask("NICK ROB") == [":rob!~bob@10.0.0.7 NICK ROB"]
    assert bob.ask("NICK ROB") == []


def test_a_nick_that_cant_be_had_is_refused_and_the_old_one_kept(chat: tuple[Router, Clock], eve: User) -> None:
    bob = IrcWire(*chat, "bob")
    told = bob.ask("NICK ann", "NICK eve", "NICK a:b", "NICK :a b", "NICK *", "NICK :", "NICK")
    assert [line.split(" ")[1] for line in told] == ["433", "433", "432", "432", "432", "431", "431"]
    assert told[0].startswith(":irc.lan 433 bob ann :")
    assert bob.ask("ISON bob") == [":irc.lan 303 bob :bob"]


def test_an_account_keeps_its_name(chat: tuple[Router, Clock], eve: User) -> None:
    wire = IrcWire(*chat)
    wire.ask(f"PASS eve:{PASSWORD}", "NICK eve", "USER eve 0 * :Eve")
    assert wire.ask("NICK zoe") == [":irc.lan 447 eve :An account keeps its name."]
    assert wire.ask("NICK eve") == []


# Away.


def test_who_is_away_is_answered_and_the_core_knows_it(chat: tuple[Router, Clock], eve: User) -> None:
    bob = IrcWire(*chat, "bob")
    assert bob.ask("AWAY :at lunch") == [":irc.lan 306 bob :You have been marked as being away"]
    eve.send("bob", "hello?")
    assert "bob is away: at lunch" in eve.msgs()
    bob.lines()
    for back in ("AWAY", "AWAY :", "AWAY"):
        assert bob.ask(back) == [":irc.lan 305 bob :You are no longer marked as being away"]


def test_a_long_text_is_cut(chat: tuple[Router, Clock]) -> None:
    bob = IrcWire(*chat, "bob")
    bob.ask(f"AWAY :{'x' * (MAX_AWAY + 50)}")
    assert bob.connection.session is not None
    assert len(bob.connection.session.away) <= MAX_AWAY


def test_who_is_away_before_the_registration_is_away_after_it(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat)
    told = bob.ask("AWAY :at lunch", "NICK bob", "USER bob 0 * :Bob")
    assert told[0] == ":irc.lan 306 * :You have been marked as being away"
    assert ":irc.lan 301 ann bob :at lunch" in ann.ask("WHOIS bob")


def test_an_account_that_has_gone_is_away_in_its_rooms_and_back_when_it_comes(
    chat: tuple[Router, Clock], ann: IrcWire, eve: User
) -> None:
    eve.leave()
    assert ann.lines() == [":eve!~u@10.0.0.1 AWAY :not online"]
    first = log_in(chat[0], "eve")
    assert ann.lines() == [":eve!~u@10.0.0.1 AWAY"]
    second = log_in(chat[0], "eve")
    second.leave()
    assert ann.lines() == []
    first.send("/away", "asleep")
    ann.lines()
    first.leave()
    log_in(chat[0], "eve")
    assert ann.lines() == [":eve!~u@10.0.0.1 AWAY :not online", ":eve!~u@10.0.0.1 AWAY :asleep"]


def test_nobody_is_told_so_in_large_rooms_or_without_the_capability(
    chat: tuple[Router, Clock], ann: IrcWire, eve: User
) -> None:
    bob = IrcWire(*chat, "bob")
    bob.ask("JOIN #ops")
    room = chat[0].chat.rooms.named("#ops")
    ann.lines()
    eve.leave()
    assert bob.lines() == []
    ann.lines()
    for number in range(MAX_TOLD):
        guest = User(chat[0], f"u{number}").session
        room.sessions[guest] = None
    log_in(chat[0], "eve")
    assert ann.lines() == []


# Accounts and real names.


def test_those_in_a_room_are_told_whose_name_is_an_account_now(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    ben = User(chat[0], "ben")
    ben.send("/join", "#ops")
    ann.lines()
    ben.send("/register", PASSWORD)
    assert ann.lines() == [":ben!~u@10.0.0.1 ACCOUNT ben"]


def test_a_real_name_is_changed_and_told_to_those_in_a_room(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob, amy = IrcWire(*chat, "bob", "setname"), IrcWire(*chat, "amy")
    for wire in (bob, amy):
        wire.ask("JOIN #ops")
    for wire in (ann, amy, bob):
        wire.lines()
    assert bob.ask("SETNAME :Robert  B.") == [":bob!~bob@10.0.0.7 SETNAME :Robert  B."]
    assert ann.lines() == [":bob!~bob@10.0.0.7 SETNAME :Robert  B."]
    assert amy.lines() == []
    assert ":irc.lan 311 ann bob ~bob 10.0.0.7 * :Robert  B." in ann.ask("WHOIS bob")
    assert amy.ask("SETNAME Amy") == []
    assert ":irc.lan 311 ann amy ~amy 10.0.0.7 * Amy" in ann.ask("WHOIS amy")


def test_a_real_name_that_is_empty_or_too_long_is_refused(chat: tuple[Router, Clock]) -> None:
    bob = IrcWire(*chat, "bob", "setname standard-replies")
    for name in (" ", "x" * (MAX_REALNAME + 1)):
        (told,) = bob.ask(f"SETNAME :{name}")
        assert told.startswith(":irc.lan FAIL SETNAME INVALID_REALNAME :")


def test_who_is_muted_does_not_speak_by_a_real_name(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob, boss = IrcWire(*chat, "bob"), User(chat[0], "boss").register()
    boss.session.role = Role.MODERATOR
    boss.send("/mute", "bob")
    bob.lines()
    (told,) = bob.ask("SETNAME :rude words")
    assert told.startswith(":irc.lan 531 bob ")
    assert ":irc.lan 311 ann bob ~bob 10.0.0.7 * :Real bob" in ann.ask("WHOIS bob")


def test_lines_about_people_have_the_tags_that_were_asked_for(chat: tuple[Router, Clock], eve: User) -> None:
    bob = IrcWire(*chat, "bob", "away-notify account-notify server-time account-tag")
    ben = User(chat[0], "ben")
    bob.ask("JOIN #ops")
    ben.send("/join", "#ops")
    bob.lines()
    eve.leave()
    ben.send("/register", PASSWORD)
    assert bob.lines() == [
        "@time=2026-11-20T14:03:22.500Z;account=eve :eve!~u@10.0.0.1 AWAY :not online",
        "@time=2026-11-20T14:03:22.500Z;account=ben :ben!~u@10.0.0.1 ACCOUNT ben",
    ]


def test_who_is_gone_is_named_as_before(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    bob.ask("JOIN #ops")
    ann.lines()
    store_of(chat[0].chat).held = True
    bob.ask("QUIT :so long")
    store_of(chat[0].chat).release()
    assert ann.lines() == [":bob!~bob@10.0.0.7 QUIT :so long"]
