"""How IRC clients begin: real ones send all of this in other orders than one would guess."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.protocol.errors import Full
from tests.fakes import User
from tests.irc.wire import IrcWire, make_chat, numbers


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
    assert {"JOIN:50", "PRIVMSG:4"} <= {*targets}
    assert not any(target.startswith(("PING:", "USER:")) for target in targets)


def test_a_ping_is_answered_before_the_registration_too(chat: tuple[Router, Clock]) -> None:
    assert IrcWire(*chat).ask("PING :one two") == [":irc.lan PONG irc.lan :one two"]


def test_a_login_after_the_registration_is_refused_and_one_that_never_ends_fails(chat: tuple[Router, Clock]) -> None:
    assert numbers(IrcWire(*chat, "ann").ask("AUTHENTICATE PLAIN")) == ["462"]
    wire = IrcWire(*chat)
    told = wire.ask("CAP REQ sasl", "AUTHENTICATE PLAIN", *[f"AUTHENTICATE {'x' * 400}"] * 11)
    assert numbers(told[1:]) == ["AUTHENTICATE", "904"]
    assert numbers(wire.ask("AUTHENTICATE PLAIN", f"AUTHENTICATE {'x' * 401}")) == ["AUTHENTICATE", "905"]


#: What clients send before they are welcomed, in whatever order.
OPENING = [
    "CAP LS 302", "CAP REQ :batch", "CAP REQ nothing", "PASS secret", "PING 1", "JOIN :", "WHOIS ann", "AUTHENTICATE *",
    "REGISTER * * :correct horse", "USER x 0 * :X", "NICK ann", "LUSERS", "CAP LIST", "CAP NOTHING", "nonsense", "",
]  # fmt: skip


@given(st.permutations(OPENING), st.lists(st.integers(1, 40)))
def test_every_order_and_every_split_into_packets_ends_in_one_welcome(lines: list[str], sizes: list[int]) -> None:
    wire = IrcWire(*make_chat())
    data = "\r\n".join([*lines, "CAP END", "PING end", ""]).encode()
    for size in sizes:
        piece, data = data[:size], data[size:]
        wire.send(piece)
    wire.send(data)
    told = numbers(wire.lines())
    assert told.count("001") == 1
    assert told[-1] == "PONG"
    assert not wire.connection.closed


def test_nobody_waits_for_ever(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    wire.ask("CAP LS 302", "NICK ann", "USER x 0 * :X")
    wire.wait(61)
    assert numbers(wire.lines()) == ["ERROR"]
    assert wire.connection.closed


def test_a_nick_that_can_t_be_had_gives_time_for_another_but_not_for_ever(chat: tuple[Router, Clock]) -> None:
    User(chat[0], "ann")
    wire = IrcWire(*chat)
    wire.ask("USER x 0 * :X")
    for _ in range(3):
        assert numbers(wire.ask("NICK ann")) == ["433"]
        wire.wait(50)
        assert not wire.connection.closed
    assert numbers(wire.ask("NICK ann")) == ["433"]
    wire.wait(20)
    assert wire.connection.closed


def test_a_flood_before_the_registration_ends(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    for _ in range(30):
        wire.ask(*["CAP LS 302"] * 10)
    assert wire.connection.closed


@pytest.mark.parametrize("nick", ["ann|away", "[ann]", "a b", "1.2.3.4", "admin", "SERVER", "x" * 40, "\u202eann"])
def test_nicks_that_break_the_rules_are_told_and_another_one_can_be_chosen(chat: tuple[Router, Clock], nick: str) -> None:
    wire = IrcWire(*chat)
    told = wire.ask("USER x 0 * :X", f"NICK :{nick}")
    assert numbers(told) == ["432"]
    assert told[0].split(" ")[3] != ""
    assert numbers(wire.ask("NICK ann"))[0] == "001"


def test_an_empty_user_name_or_nick_is_told(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat).ask("NICK", "NICK :", "USER x 0 *", "USER x 0 * :", "PASS")
    assert numbers(told) == ["431", "431", "461", "461", "461"]


def test_who_is_registered_registers_no_more(chat: tuple[Router, Clock]) -> None:
    assert numbers(IrcWire(*chat, "ann").ask("USER x 0 * :X", "PASS x")) == ["462", "462"]


def test_user_names_have_only_letters_digits_and_some_marks(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat).ask("USER ~a!n@n\u00e9\u0007 0 * :  Ann \x1b[31m ", "NICK ann")
    assert told[0].endswith("Welcome to irc.lan, ann!~ann@10.0.0.7")
    for user in ("\u2603", "!" * 50):
        assert "!~u@" in IrcWire(*make_chat()).ask(f"USER {user} 0 * :X", "NICK ann")[0]


def test_a_server_that_goes_down_says_so_before_and_after_the_registration(chat: tuple[Router, Clock]) -> None:
    ann, other = IrcWire(*chat, "ann"), IrcWire(*chat)
    other.ask("NICK bob")
    for wire in (ann, other):
        wire.connection.goodbye()
        assert wire.lines() == ["ERROR :Closing link: The server is shutting down. Goodbye!"]
        assert wire.connection.closed


def test_a_server_that_is_full_says_so(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    wire.connection.refuse_excess(Full("The server is full. Try again later."))
    assert wire.lines() == ["ERROR :The server is full. Try again later."]
    assert wire.connection.closed
