"""MONITOR: nicks that are watched, and what those are told who watch them."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.connection import IrcProtocol
from lanchat.irc.monitor import MAX_WATCHED
from tests.fakes import PASSWORD, User, log_in
from tests.irc.wire import IrcWire, make_chat, server_of


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "ann")


OFFLINE = ":irc.lan 731 ann :bob"


def test_who_is_watched_is_told_of_at_once_and_when_they_come_and_go(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    assert ann.ask("MONITOR + bob") == [":irc.lan 731 ann :bob"]
    bob = User(chat[0], "Bob")
    assert ann.lines() == [":irc.lan 730 ann :Bob!~u@10.0.0.1"]
    bob.leave()
    assert ann.lines() == [":irc.lan 731 ann :Bob"]


def test_several_are_told_of_in_one_line_for_each_state(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    User(chat[0], "bob"), User(chat[0], "eve")
    expected = [":irc.lan 730 ann :bob!~u@10.0.0.1,eve!~u@10.0.0.1", ":irc.lan 731 ann :dan,zoe"]
    assert ann.ask("MONITOR + bob,dan,eve,zoe") == expected
    assert ann.ask("MONITOR S") == expected


def test_the_list_is_shown_taken_from_and_cleared(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    ann.ask("MONITOR + bob,eve,dan")
    assert ann.ask("MONITOR - EVE,nobody") == []
    assert ann.ask("MONITOR l") == [":irc.lan 732 ann :bob,dan", ":irc.lan 733 ann :End of MONITOR list"]
    assert ann.ask("MONITOR C") == []
    assert ann.ask("MONITOR L") == [":irc.lan 733 ann :End of MONITOR list"]
    User(chat[0], "bob")
    assert ann.lines() == []


def test_a_long_list_is_shown_in_several_lines(ann: IrcWire) -> None:
    names = [f"somebody.with.a.long.name.{number}" for number in range(30)]
    ann.ask(f"MONITOR + {','.join(names[:15])}", f"MONITOR + {','.join(names[15:])}")
    *lists, end = ann.ask("MONITOR L")
    assert len(lists) > 1
    assert max(len(line.encode()) for line in lists) <= 510
    assert ",".join(line.split(":")[2] for line in lists).split(",") == names
    assert " 733 " in end


def test_a_client_watches_only_so_many(ann: IrcWire) -> None:
    for start in range(0, MAX_WATCHED, 25):
        ann.ask(f"MONITOR + {','.join(f'u{number}' for number in range(start, start + 25))}")
    told = ann.ask("MONITOR + U1,v1,v2")
    assert told == [f":irc.lan 734 ann {MAX_WATCHED} v1,v2 :Monitor list is full.", ":irc.lan 731 ann :U1"]


def test_masks_and_what_can_be_no_nick_are_not_watched(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    assert ann.ask("MONITOR + *!*@10.0.0.1,a:b") == [":irc.lan 731 ann :*!*@10.0.0.1,a:b"]
    User(chat[0], "bob")
    assert ann.lines() == []
    assert ann.ask("MONITOR L") == [":irc.lan 733 ann :End of MONITOR list"]


def test_wrong_requests_are_answered(ann: IrcWire) -> None:
    assert ann.ask("MONITOR ?") == [":irc.lan 400 ann MONITOR :MONITOR takes one of + - C L S."]
    assert ann.ask("MONITOR +") == [":irc.lan 461 ann MONITOR :Not enough parameters"]


def test_another_name_is_a_going_and_a_coming_unless_only_the_case_changes(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    ann.ask("MONITOR + bob,rob")
    bob = User(chat[0], "bob")
    ann.lines()
    bob.send("/name", "rob")
    assert ann.lines() == [":irc.lan 731 ann :bob", ":irc.lan 730 ann :rob!~u@10.0.0.1"]
    bob.send("/name", "ROB")
    assert ann.lines() == []


def test_an_account_is_online_while_any_of_its_devices_is(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = User(chat[0], "bob").register()
    ann.ask("MONITOR + bob")
    second = log_in(chat[0], "bob")
    bob.leave()
    assert ann.lines() == []
    second.leave()
    assert ann.lines() == [OFFLINE]


def test_nothing_is_kept_of_those_who_have_gone(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    people = server_of(chat[0].chat).people
    ann.ask("MONITOR + bob,eve")
    assert people.monitor.watching("bob")
    ann.lose()
    assert not people.monitor.watching("bob")
    assert not people.monitor.watched_by(ann.connection)  # type: ignore[arg-type]  # an IRC client's
    assert people.clients == {}
    User(chat[0], "bob").leave()


def test_changes_of_those_who_are_watched_are_told_with_the_capabilities_for_them(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann", "extended-monitor away-notify account-notify setname")
    without = IrcWire(*chat, "amy", "extended-monitor")
    bob, ben = IrcWire(*chat, "bob", "setname"), User(chat[0], "ben")
    for wire in (ann, without):
        wire.ask("MONITOR + bob,ben")
    bob.ask("AWAY :at lunch", "AWAY", "SETNAME :Robert")
    ben.send("/away", "asleep")
    ben.send("/register", PASSWORD)
    mask = ":bob!~bob@10.0.0.7"
    assert ann.lines() == [
        f"{mask} AWAY :at lunch",
        f"{mask} AWAY",
        f"{mask} SETNAME :Robert",
        ":ben!~u@10.0.0.1 AWAY :asleep",
        ":ben!~u@10.0.0.1 ACCOUNT ben",
    ]
    assert without.lines() == []


def test_without_extended_monitor_only_who_comes_and_goes_is_told(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann", "away-notify setname")
    bob = IrcWire(*chat, "bob")
    ann.ask("MONITOR + bob")
    bob.ask("AWAY :at lunch", "SETNAME :Robert")
    assert ann.lines() == []


def test_who_shares_a_room_is_told_once(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann", "extended-monitor setname away-notify")
    bob = IrcWire(*chat, "bob")
    for wire in (ann, bob):
        wire.ask("JOIN #ops", "JOIN #lounge")
    ann.ask("MONITOR + bob")
    ann.lines()
    bob.ask("SETNAME :Robert", "AWAY :at lunch")
    assert ann.lines() == [":bob!~bob@10.0.0.7 SETNAME :Robert", ":bob!~bob@10.0.0.7 AWAY :at lunch"]


def test_a_connection_that_is_refused_is_no_watcher(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat, protocol=IrcProtocol)
    assert wire.ask("MONITOR + bob") == [":irc.lan 451 * :You have not registered"]


def test_nicks_cost_what_it_takes_to_check_them() -> None:
    router, clock = make_chat()
    ann = IrcWire(router, clock, "ann")
    router.chat.limits.values["packets"] = 1
    nicks = ",".join(f"é{number}" for number in range(95))
    assert " 731 " in ann.ask(f"MONITOR + {nicks}")[0]
    clock.advance(2)
    assert " 263 " in ann.ask(f"MONITOR + {nicks}")[0]


def test_who_is_behind_is_not_sent_more_by_those_who_come_and_go(
    chat: tuple[Router, Clock], ann: IrcWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.ask("MONITOR + bob")
    monkeypatch.setattr(IrcProtocol, "behind", lambda client: True)
    User(chat[0], "bob").leave()
    assert ann.lines() == []
    monkeypatch.undo()
    User(chat[0], "bob")
    assert ann.lines() == [":irc.lan 730 ann :bob!~u@10.0.0.1"]
