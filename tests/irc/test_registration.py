"""How IRC clients begin: real ones send all of this in other orders than one would guess."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from tests.fakes import User
from tests.irc.wire import IrcWire, make_chat, numbers


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    return make_chat()


def test_a_nick_and_a_user_name_are_enough(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat).ask("NICK ann", "USER ann 0 * :Ann")
    assert numbers(told)[:5] == ["001", "002", "003", "004", "005"]
    assert numbers(told)[-1] == "422"


def test_what_comes_before_the_registration_is_answered_and_not_fatal(chat: tuple[Router, Clock]) -> None:
    """As irssi does, which sends `JOIN :` with `CAP LS`, and waits for an answer."""
    wire = IrcWire(*chat)
    told = wire.ask("CAP LS 302", "JOIN :", "WHOIS ann")
    assert told[0].startswith(":irc.lan CAP * LS :")
    assert numbers(told[1:]) == ["451", "451"]
    told = wire.ask("CAP REQ :multi-prefix", "CAP END", "USER ann ann 127.0.0.1 :Ann", "NICK :ann")
    assert told[0] == ":irc.lan CAP * ACK :multi-prefix"
    assert numbers(told)[1] == "001"


def test_unknown_capabilities_are_refused_one_by_one_and_the_rest_goes_on(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    told = wire.ask("CAP LS 302", "NICK ann", "USER ann 0 * Ann", "CAP REQ batch", "CAP REQ sea-serpents", "CAP END")
    assert told[1:3] == [":irc.lan CAP * ACK :batch", ":irc.lan CAP * NAK :sea-serpents"]
    assert numbers(told)[3] == "001"


def test_a_nick_that_is_taken_is_told_and_another_one_can_be_chosen(chat: tuple[Router, Clock]) -> None:
    User(chat[0], "ann")
    wire = IrcWire(*chat)
    assert numbers(wire.ask("NICK ann", "USER ann 0 * :Ann")) == ["433"]
    assert numbers(wire.ask("NICK ann_1"))[0] == "001"


def test_who_quits_is_told_and_closed(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    assert ann.ask("QUIT :bye", "PING :later") == ["ERROR :Closing link: Goodbye"]
    assert ann.connection.closed


def test_bytes_that_are_not_utf8_are_refused_with_a_code_and_the_connection_stays(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat)
    ann.send(b"NICK ann\r\nUSER ann 0 * :\xe9va\r\n")
    assert ann.lines() == [":irc.lan FAIL * INVALID_UTF8 :Your message has bytes that are not UTF-8. Set your client to UTF-8."]
    assert any(" 001 " in line for line in ann.ask("USER ann 0 * :\u00e9va"))


def test_how_many_targets_each_command_takes_is_in_005(chat: tuple[Router, Clock]) -> None:
    supported = " ".join(line for line in IrcWire(*chat).ask("NICK ann", "USER ann 0 * :Ann") if " 005 " in line)
    targets = supported.partition(" TARGMAX=")[2].partition(" ")[0].split(",")
    assert {"JOIN:10", "PRIVMSG:4"} <= {*targets}
    assert not any(target.startswith(("PING:", "USER:")) for target in targets)


def test_a_ping_is_answered_before_the_registration_too(chat: tuple[Router, Clock]) -> None:
    assert IrcWire(*chat).ask("PING :one two") == [":irc.lan PONG irc.lan :one two"]


def test_a_login_after_the_registration_is_refused_and_one_that_never_ends_fails(chat: tuple[Router, Clock]) -> None:
    assert numbers(IrcWire(*chat, "ann").ask("AUTHENTICATE PLAIN")) == ["462"]
    wire = IrcWire(*chat)
    told = wire.ask("CAP REQ sasl", "AUTHENTICATE PLAIN", *[f"AUTHENTICATE {'x' * 400}"] * 11)
    assert numbers(told[1:]) == ["AUTHENTICATE", "904"]
    assert numbers(wire.ask("AUTHENTICATE PLAIN", f"AUTHENTICATE {'x' * 401}")) == ["AUTHENTICATE", "905"]
