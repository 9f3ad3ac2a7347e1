"""The plain-text gateway: people at terminals, who must not be able to harm one another's."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from twisted.internet.task import Clock

from lanchat.gateways import telnet
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.packet import visible
from lanchat.router import Router
from tests.fakes import User, Wire, make_router


@pytest.fixture
def house() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def wire(house: tuple[Router, Clock]) -> Wire:
    wire = Wire(*house, TelnetProtocol)
    wire.send(b"ann\r\n")
    wire.bytes()
    return wire


def lines(wire: Wire) -> list[str]:
    return wire.bytes().decode().splitlines()


def test_a_name_is_asked_for(house: tuple[Router, Clock]) -> None:
    wire = Wire(*house, TelnetProtocol)
    assert wire.bytes() == b"Your name: "
    wire.send(b"ann\r\n")
    assert lines(wire) == ["* Welcome ann! Send /help to see the commands. You are the only active user!"]


def test_a_wrong_name_may_be_mended_twice(house: tuple[Router, Clock]) -> None:
    User(house[0], "bob")
    wire = Wire(*house, TelnetProtocol)
    wire.send(b"a b\r\n", b"bob\r\n")
    told = wire.bytes()
    assert told.count(b"Your name: ") == 3
    assert b"Try a_b" in told
    assert b"already" in told
    assert not wire.transport.disconnecting
    wire.send(b"SERVER\r\n")
    assert b"reserved" in wire.bytes()
    assert wire.transport.disconnecting


def test_a_line_goes_to_everyone_else_and_nothing_comes_back(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"hello  there \r\n")
    packet = bob.told()
    assert (packet.to, packet.msg, packet.from_.name, packet.from_.ip) == ("Everyone", "hello  there ", "ann", "10.0.0.7")
    assert wire.bytes() == b""


def test_what_others_say_shows_who_says_it(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    bob.send("Everyone", "hi all")
    bob.send("ann", "psst")
    assert lines(wire) == ["bob: hi all", "bob (private): psst"]


def test_commands_take_their_arguments_on_the_line(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"/pm bob two words\r\n", b"/list\r\n", b"/shout fire\r\n", b"/dance\r\n", b"/hello\r\n", b"/pm\r\n")
    assert [packet.msg for packet in bob.shown()] == ["two words", "fire"]
    assert [line[:20] for line in lines(wire)] == [
        "* Online users (1): ",
        "* Message sent to 1 ",
        "* There is no comman",
        "* A hello is for pro",
        "* Usage: /pm USER TE",
    ]


def test_a_text_of_many_lines_is_cut_and_harms_nobody(house: tuple[Router, Clock], wire: Wire) -> None:
    User(house[0], "a" * 32).send("ann", "\n" * 16_000)
    shown = lines(wire)
    assert len(shown) == 101
    assert shown[-1].endswith("(15900 more lines)")
    assert not wire.transport.disconnected


def test_any_white_space_ends_a_command(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"/pm\tbob hi\r\n")
    assert bob.told().msg == "hi"


def test_a_line_that_grows_over_the_limit_is_refused(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"\xfe" * 16_000 + b"\r\n", b"\x01" * 16_000 + b"\r\n")
    assert bob.shown() == []
    told = lines(wire)
    assert "at most 16384 bytes" in told[0]
    assert "over 65536 bytes" in told[1]


def test_what_goes_to_many_is_written_out_once(house: tuple[Router, Clock], monkeypatch: pytest.MonkeyPatch) -> None:
    readers = [Wire(*house, TelnetProtocol) for _ in range(5)]
    for n, reader in enumerate(readers):
        reader.send(f"reader{n}\r\n".encode())
        reader.bytes()
    shown: list[str] = []

    def noted(text: str) -> str:
        shown.append(text)
        return visible(text)

    monkeypatch.setattr(telnet, "visible", noted)
    User(house[0], "bob").send("Everyone", "\x80" * 1000)
    assert {reader.bytes() for reader in readers} == {b"bob: " + rb"\x80" * 1000 + b"\r\n"}
    assert len(shown) == 1


def test_help_is_one_line_a_command(wire: Wire) -> None:
    wire.send(b"/help\r\n")
    assert "* /pm USER TEXT - say something to one user" in lines(wire)


def test_no_line_of_text_can_be_taken_for_another_persons(house: tuple[Router, Clock], wire: Wire) -> None:
    User(house[0], "bob").send("Everyone", "one\n* Server time: now\r\ncat: three\x1b[2J\u202e\x9b\x07")
    assert lines(wire) == ["bob: one", "bob: * Server time: now", r"bob: cat: three\x1b[2J\u202e\x9b\x07"]


@given(st.text(max_size=200))
def test_nothing_that_steers_a_terminal_comes_through(text: str) -> None:
    house = make_router()
    wire = Wire(*house, TelnetProtocol)
    wire.send(b"ann\n")
    wire.bytes()
    User(house[0], "bob").send("ann", text.encode(errors="replace").decode())
    shown = wire.bytes().decode()
    assert shown.endswith("\r\n")
    for line in shown.removesuffix("\r\n").split("\r\n"):
        assert line.startswith("bob (private): ")
        assert all(c.isprintable() or c in "\u200c\u200d" for c in line)


NEGOTIATION = [
    b"\xff\xfb\x01",
    b"\xff\xfd\x03",
    b"\xff\xfa\x18\x00xterm\xff\xf0",
    b"\xff\xf1",
    b"\xff\xff",
    b"\xff\xfa\x18\xff\xff\xf0\xff\xf0",
]


@given(st.lists(st.sampled_from([*NEGOTIATION, b"he", b"llo ", "é".encode()]), max_size=10), st.integers(1, 5))
def test_telnet_bytes_are_swallowed_however_they_are_cut(pieces: list[bytes], size: int) -> None:
    house = make_router()
    bob = User(house[0], "bob")
    wire = Wire(*house, TelnetProtocol)
    wire.send(b"ann\r\0")
    data = b"".join(pieces) + b"!\r\n"
    wire.send(*(data[n : n + size] for n in range(0, len(data), size)))
    text = b"".join(piece for piece in pieces if piece not in NEGOTIATION).decode() + "!"
    assert [packet.msg for packet in bob.shown()] == [text]


def test_an_endless_negotiation_is_not_kept(wire: Wire) -> None:
    assert isinstance(wire.connection, TelnetProtocol)
    wire.send(b"\xff\xfa")
    for _ in range(100):
        wire.send(b"\xff\xfa\x18" + b"x" * 1000)
    assert len(wire.connection._command) < 10
    wire.send(b"\xff\xf0/list\r\n")
    assert lines(wire) == ["* You are the only active user!"]


def test_bytes_that_are_not_utf_8_are_replaced_not_refused(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"caf\xe9\r\n")
    assert bob.told().msg == "caf\ufffd"


def test_a_line_over_the_limit_is_told_and_skipped(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"x" * 20000, b"y" * 20000 + b"\r\nshort\r\n")
    assert bob.told().msg == "short"
    assert lines(wire) == ["* A line is at most 16384 bytes; the rest of this one is skipped."]


def test_the_last_line_needs_no_end(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"last words")
    wire.connection.readConnectionLost()
    assert bob.told().msg == "last words"
    assert wire.transport.disconnecting


def test_a_person_has_a_minute_to_type_a_name(house: tuple[Router, Clock]) -> None:
    wire = Wire(*house, TelnetProtocol)
    wire.wait(59)
    assert not wire.transport.disconnecting
    wire.wait(2)
    assert "* No name came within 60 seconds" in wire.bytes().decode()
    assert wire.transport.disconnecting


def test_a_line_that_begins_with_a_room_goes_there_or_nowhere(house: tuple[Router, Clock]) -> None:
    ann, bob = (Wire(*house, TelnetProtocol) for _ in range(2))
    ann.send(b"ann\n/register secret\n/create #ops\n")
    bob.send(b"bob\n/join #ops\n")
    for wire in (ann, bob):
        wire.bytes()
    ann.send(b"#ops the pump is back\n#opps the code is 2\n")
    assert bob.bytes() == b"ann: [#ops] the pump is back\r\n"
    assert lines(ann) == ["* The room #opps is not available. Send /rooms to see those there are."]


@pytest.mark.parametrize("before", [" ", "\xa0", "\ufeff", "\u3000", "\u200b"])
@pytest.mark.parametrize("slash", ["/", "\uff0f"])
def test_a_password_is_said_to_nobody_whatever_stands_before_the_command(
    house: tuple[Router, Clock], wire: Wire, before: str, slash: str
) -> None:
    bob = User(house[0], "bob")
    wire.send(f"{before}{slash}register hunter2\r\n".encode(), b"@bob /login hunter2\r\n")
    assert bob.shown() == []
    told = lines(wire)
    assert "is your account now" in told[0]
    assert "looks like a command with a password" in told[1]


def test_a_line_for_one_person_reaches_that_person_or_nobody(house: tuple[Router, Clock], wire: Wire) -> None:
    bob, eve = (User(house[0], name) for name in ("bob", "eve"))
    wire.send(b"@bob psst\r\n@bobb psst\r\n@ 5 pm\r\n# comment\r\n/pm @bob too\r\n")
    assert bob.msgs() == ["psst", "too"]
    assert eve.shown() == []
    assert [line[:14] for line in lines(wire)] == ["* The user bob", "* Nobody got t", "* Nobody got t"]


def test_any_text_can_be_said(house: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(house[0], "bob")
    wire.send(b"//list is a command\r\n/say # comment\r\n/say {}\r\n{} is empty\r\n")
    assert bob.msgs() == ["/list is a command", "# comment", "{}", "{} is empty"]
    assert wire.bytes() == b""


def test_to_makes_the_lines_that_follow_go_there(house: tuple[Router, Clock], wire: Wire) -> None:
    bob, eve = (User(house[0], name) for name in ("bob", "eve"))
    wire.send(b"/to @bob\r\npsst\r\n/to a b\r\n/to\r\nhello\r\n")
    assert (bob.msgs(), eve.msgs()) == (["psst", "hello"], ["hello"])
    assert lines(wire) == [
        "* What you say goes to bob now.",
        "* That is no user and no room: write NAME, @NAME or #ROOM.",
        "* What you say goes to Everyone now.",
    ]


PACKET = b'{"from":{"name":"amn","ip":""},"to":"/hello","msg":"lanchat","x":{"auth":{"mech":"PLAIN","password":"hunter2"}}}'


@pytest.mark.parametrize(
    "opening", [b"amn\n" + PACKET + b"\n", b"amn" + PACKET + b"\n", PACKET + b"\n", b"amn\n " + PACKET[:-1] + b',"y":1}\r\n']
)
def test_a_program_that_took_this_door_for_another_is_told_so_and_says_nothing(
    house: tuple[Router, Clock], opening: bytes
) -> None:
    bob = User(house[0], "bob")
    wire = Wire(*house, TelnetProtocol)
    wire.send(opening, b"more\n")
    assert "hunter2" not in str(bob.shown())
    assert "JSON port" in lines(wire)[-1]
    assert wire.transport.disconnecting
    assert house[0].registry.find("amn") is None


def test_a_login_in_place_of_a_name_is_not_repeated(house: tuple[Router, Clock]) -> None:
    wire = Wire(*house, TelnetProtocol)
    wire.send(b"/login hunter2\n")
    told = wire.bytes()
    assert b"The first line is your name" in told
    assert b"hunter2" not in told
