"""WHOIS, WHOWAS, ISON and USERHOST: what is known of people, and of those who have gone."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.client import IrcClient
from lanchat.irc.people_changes import MAX_FORMER
from lanchat.model.room_rules import RoomRules
from lanchat.model.session import Role
from tests.fakes import User, log_in
from tests.irc.wire import IrcWire


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "ann")


def told(lines: list[str]) -> dict[str, str]:
    """What lines say, by their numerics, without the nick of the client; several of one numeric are joined."""
    found: dict[str, str] = {}
    for line in lines:
        _, number, _, rest = line.split(" ", 3)
        found[number] = f"{found[number]} | {rest}" if number in found else rest
    return found


def test_a_stranger_is_told_who_somebody_is_and_where(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    bob.ask("JOIN #ops", "JOIN #lounge", "AWAY :at lunch")
    lines = ann.ask("WHOIS BOB")
    assert told(lines) == {
        "311": "bob ~bob 10.0.0.7 * :Real bob",
        "319": "bob :@#ops @#lounge",
        "312": "bob irc.lan :lanchat 0.1.0",
        "301": "bob :at lunch",
        "317": "bob 0 1795183402 :seconds idle, signon time",
        "318": "BOB :End of /WHOIS list",
    }
    assert lines[0].split(" ")[1] == "311"
    assert lines[-1].split(" ")[1] == "318"


def test_an_account_is_known_with_all_that_it_is(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    eve = User(chat[0], "eve").register()
    chat[0].chat.account_of("eve").role = eve.session.role = Role.OPERATOR
    found = told(ann.ask("WHOIS eve"))
    assert found["330"] == "eve eve :is logged in as"
    assert found["313"] == "eve :is an operator of this server"
    assert "378" not in found


def test_somebody_who_is_not_online_is_shown_with_a_word_about_that(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    eve = User(chat[0], "eve").register()
    ann.ask("JOIN #ops")
    eve.send("/join", "#ops")
    eve.leave()
    ann.lines()
    found = told(ann.ask("WHOIS eve"))
    assert found["311"] == "eve ~u offline * eve"
    assert found["301"] == "eve :is not online. What you write is kept"
    assert found["319"] == "eve :#ops"
    assert "317" not in found


def test_nobody_and_another_server_are_answered_with_an_error(ann: IrcWire) -> None:
    assert told(ann.ask("WHOIS zoe")) == {"401": "zoe :No such nick/channel", "318": "zoe :End of /WHOIS list"}
    assert told(ann.ask("WHOIS other.lan ann")) == {"402": "other.lan :No such server"}
    assert told(ann.ask("WHOIS")) == {"461": "WHOIS :Not enough parameters"}
    assert ann.ask("WHOIS :") == [":irc.lan 431 ann :No nickname given"]


def test_the_server_or_the_nick_itself_may_be_asked(ann: IrcWire) -> None:
    assert told(ann.ask("WHOIS irc.lan ann"))["311"] == told(ann.ask("WHOIS ann ann"))["311"]


def test_ones_own_connections_are_told_in_full_and_nobody_elses(chat: tuple[Router, Clock]) -> None:
    eve = User(chat[0], "eve").register()
    wire = IrcWire(*chat)
    wire.ask("PASS eve:correct horse", "NICK eve", "USER eve 0 * :Eve")
    found = told(wire.ask("WHOIS eve"))
    assert found["378"].count("is connecting from") == 2
    assert "~eve@10.0.0.7 (irc, idle for 1s)" in found["378"]
    assert "~u@10.0.0.1 (json" in found["378"]
    eve.leave()
    assert "378" not in told(IrcWire(*chat, "bob").ask("WHOIS eve"))


def test_secret_channels_and_those_of_the_invisible_are_shown_only_to_those_in_them(
    chat: tuple[Router, Clock], ann: IrcWire
) -> None:
    bob = IrcWire(*chat, "bob")
    bob.ask("JOIN #open", "JOIN #hidden")
    chat[0].chat.rooms.named("#hidden").rules = RoomRules(secret=True)
    assert told(ann.ask("WHOIS bob"))["319"] == "bob :@#open"
    assert told(bob.ask("WHOIS bob"))["319"] == "bob :@#open @#hidden"
    assert isinstance(bob.connection, IrcClient)
    bob.connection.umodes = "iB"
    found = told(ann.ask("WHOIS bob"))
    assert "319" not in found
    assert found["335"] == "bob :is a bot"
    ann.ask("JOIN #open")
    assert told(ann.ask("WHOIS bob"))["319"] == "bob :@#open"


def test_those_who_have_gone_are_remembered_the_latest_first(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    for user in ("first", "second"):
        wire = IrcWire(*chat)
        wire.ask("NICK bob", f"USER {user} 0 * :Real {user}", "QUIT")
    lines = ann.ask("WHOWAS BOB")
    assert [line.split(" ")[1] for line in lines] == ["314", "312", "314", "312", "369"]
    assert lines[0] == ":irc.lan 314 ann bob ~second 10.0.0.7 * :Real second"
    assert lines[2] == ":irc.lan 314 ann bob ~first 10.0.0.7 * :Real first"
    assert len(ann.ask("WHOWAS bob 1")) == 3
    assert len(ann.ask("WHOWAS bob -1")) == len(ann.ask("WHOWAS bob 0")) == len(ann.ask("WHOWAS bob x")) == 5


def test_nobody_of_that_name_was_there(ann: IrcWire) -> None:
    assert told(ann.ask("WHOWAS zoe")) == {"406": "zoe :There was no such nickname", "369": "zoe :End of WHOWAS"}


def test_a_nick_that_was_given_up_is_remembered_too_and_old_ones_are_forgotten(
    chat: tuple[Router, Clock], ann: IrcWire
) -> None:
    IrcWire(*chat, "bob").ask("NICK rob")
    assert told(ann.ask("WHOWAS bob"))["314"].startswith("bob ~bob ")
    for number in range(MAX_FORMER):
        User(chat[0], f"u{number}").leave()
    assert "406" in told(ann.ask("WHOWAS bob"))


def test_an_account_is_gone_only_with_its_last_device(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    eve = User(chat[0], "eve").register()
    second = log_in(chat[0], "eve")
    eve.leave()
    assert "406" in told(ann.ask("WHOWAS eve"))
    second.leave()
    assert "314" in told(ann.ask("WHOWAS eve"))


def test_ison_and_userhost_tell_who_is_online(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    bob.ask("AWAY :at lunch")
    User(chat[0], "eve").register().leave()
    assert bob.connection.session is not None
    bob.connection.session.role = Role.OPERATOR
    assert told(ann.ask("ISON zoe BOB eve ann"))["303"] == ":bob ann"
    assert told(ann.ask("ISON :ann bob"))["303"] == ":ann bob"
    assert told(ann.ask("ISON zoe"))["303"] == ":"
    assert told(ann.ask("USERHOST bob zoe eve ANN"))["302"] == ":bob*=-~bob@10.0.0.7 ann=+~ann@10.0.0.7"
