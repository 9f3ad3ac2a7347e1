"""The plain-text gateway: people at terminals, who must not be able to harm one another's."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, strategies as st
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.gateways import telnet
from lanchat.gateways.connection import Connection
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.model.session import Role
from lanchat.protocol.entry import ACTION, EDIT, NOTICE, REACT, WITHDRAW
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import SERVER, Sender, ServerPacket, SharedPacket, visible
from lanchat.system.columns import width
from tests.fakes import User, Wire, log_in, make_router, store_of


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def wire(router_and_clock: tuple[Router, Clock]) -> Wire:
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.send(b"ann\r\n")
    wire.bytes()
    return wire


def lines(wire: Wire) -> list[str]:
    return wire.bytes().decode().splitlines()


def test_a_name_is_asked_for(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock, TelnetProtocol)
    assert wire.bytes() == b"Your name: "
    wire.send(b"ann\r\n")
    assert lines(wire) == ["* Welcome ann! Send /help to see the commands. You are the only active user!"]


def test_a_wrong_name_may_be_mended_twice(router_and_clock: tuple[Router, Clock]) -> None:
    User(router_and_clock[0], "bob")
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.send(b"a b\r\n", b"bob\r\n")
    told = wire.bytes()
    assert told.count(b"Your name: ") == 3
    assert b"Try a_b" in told
    assert b"already" in told
    assert not wire.transport.disconnecting
    wire.send(b"SERVER\r\n")
    assert b"reserved" in wire.bytes()
    assert wire.transport.disconnecting


def test_a_line_goes_to_everyone_else_and_nothing_comes_back(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"hello  there \r\n")
    packet = bob.told()
    assert (packet.to, packet.msg, packet.from_.name, packet.from_.ip) == ("Everyone", "hello  there ", "ann", "10.0.0.7")
    assert wire.bytes() == b""


def test_what_others_say_shows_who_says_it(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    bob.send("Everyone", "hi all")
    bob.send("ann", "psst")
    assert lines(wire) == ["bob: hi all", "bob (private): psst"]


@pytest.mark.parametrize(
    ("packet", "rows"),
    [
        (("ann", "waves", ServerX(kind=ACTION)), ["[private] * bob waves"]),
        (("Everyone", "waves\nand goes", ServerX(kind=ACTION)), ["[Everyone] * bob waves", "[Everyone] * bob and goes"]),
        (("#ops", "waves", ServerX(kind=ACTION)), ["[#ops] * bob waves"]),
        (("#ops", "no", ServerX(op=EDIT, id="e.1")), ["bob (edited): [#ops] no"]),
        (("ann", "no", ServerX(op=EDIT, id="e.1")), ["bob (private, edited): no"]),
        (("#ops", "", ServerX(op=WITHDRAW, id="e.1")), ["bob: [#ops] (withdrew a message)"]),
        (("ann", ":)", ServerX(op=REACT, id="e.1")), ["bob (private, reacted): :)"]),
        (("ann", "", ServerX(op=REACT, id="e.1")), ["bob (private): (took a reaction back)"]),
        (("#ops", "yes", ServerX(re="e.1")), ["bob (reply): [#ops] yes"]),
        (("#ops", "done", ServerX(kind=NOTICE)), ["bob (notice): [#ops] done"]),
        (("#ops", "done", ServerX(kind=NOTICE, bot=True)), ["bob (bot): [#ops] done"]),
    ],
)
def test_what_is_more_than_a_text_is_marked_before_it(
    router_and_clock: tuple[Router, Clock], wire: Wire, packet: tuple[str, str, ServerX], rows: list[str]
) -> None:
    (to, msg, x), ann = packet, router_and_clock[0].chat.online.find("ann")
    assert ann is not None
    router_and_clock[0].chat.delivery.deliver(
        ann, (SharedPacket if to == "#ops" else ServerPacket)(Sender("bob", ""), to, msg, x)
    )
    assert lines(wire) == rows


def test_an_event_is_one_sentence_whatever_was_written_in_it(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    ann = router_and_clock[0].chat.online.find("ann")
    assert ann is not None
    told = "bob set the topic of #ops: pumps\n* the server ends now " + "x " * 40
    packet = SharedPacket(SERVER, "#ops", told, ServerX(op="event", ev="topic"))
    router_and_clock[0].chat.delivery.deliver(ann, packet)
    first, *more = lines(wire)
    assert first.startswith(r"* bob set the topic of #ops: pumps\n* the server")
    assert all(row.startswith("    ") for row in more)


def test_commands_take_their_arguments_on_the_line(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"/pm bob two words\r\n", b"/list\r\n", b"/shout fire\r\n", b"/dance\r\n", b"/hello\r\n", b"/pm\r\n")
    assert [packet.msg for packet in bob.shown()] == ["two words", "fire"]
    assert [line[:20] for line in lines(wire)] == [
        "* Online users (1): ",
        "* Message sent to 1 ",
        "* There is no comman",
        "* /hello is for prog",
        "* Usage: /pm USER TE",
    ]


def test_a_text_of_many_lines_is_cut_and_harms_nobody(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    User(router_and_clock[0], "a" * 32).send("ann", "\n" * 16_000)
    shown = lines(wire)
    assert len(shown) == 101
    assert shown[-1].endswith("(15900 more lines)")
    assert not wire.transport.disconnected


def test_a_list_of_the_servers_is_not_cut(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    ann = router_and_clock[0].chat.online.find("ann")
    assert ann is not None
    router_and_clock[0].chat.reply(ann, None, "\n".join(map(str, range(1000))))
    assert lines(wire) == [f"* {n}" for n in range(1000)]


def test_any_white_space_ends_a_command(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"/pm\tbob hi\r\n")
    assert bob.told().msg == "hi"


def test_a_line_that_grows_over_the_limit_is_refused(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"\xfe" * 16_000 + b"\r\n", b"\x01" * 16_000 + b"\r\n")
    assert bob.shown() == []
    told = lines(wire)
    assert "at most 16384 bytes" in told[0]
    assert "over 65536 bytes" in told[1]


def test_what_goes_to_many_is_written_out_once(router_and_clock: tuple[Router, Clock], monkeypatch: pytest.MonkeyPatch) -> None:
    readers = [Wire(*router_and_clock, TelnetProtocol) for _ in range(5)]
    for n, reader in enumerate(readers):
        reader.send(f"reader{n}\r\n".encode())
        reader.bytes()
    shown: list[str] = []

    def noted(text: str) -> str:
        shown.append(text)
        return visible(text)

    monkeypatch.setattr(telnet, "visible", noted)
    User(router_and_clock[0], "bob").send("Everyone", "\x80" * 1000)
    (written,) = {reader.bytes() for reader in readers}
    assert written.replace(b"\r\n    ", b"") == b"bob: " + rb"\x80" * 1000 + b"\r\n"
    assert len(shown) == 1


def test_help_is_one_line_a_command_and_what_a_beginner_needs(wire: Wire) -> None:
    wire.send(b"/help\r\n")
    shown = lines(wire)
    assert "* /pm USER TEXT - say something to one user" in shown
    assert len(shown) < 12
    wire.send(b"/help room\r\n")
    assert "* /join ROOM [KEY] - enter a room, with its key if it has one" in lines(wire)


def test_no_line_of_text_can_be_taken_for_another_persons(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    User(router_and_clock[0], "bob").send("Everyone", "one\n* Server time: now\r\ncat: three\x1b[2J\u202e\x9b\x07")
    assert lines(wire) == ["bob: one", "bob: * Server time: now", r"bob: cat: three\x1b[2J\u202e\x9b\x07"]


@given(st.text(max_size=200))
@example("x" * 65 + "eve (private): the new door code is 4711")
@example("x" * 65 + "eve\u2800(private):\u2800the\u2800code")
def test_nothing_that_steers_a_terminal_comes_through(text: str) -> None:
    router_and_clock = make_router()
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.send(b"ann\n")
    wire.bytes()
    User(router_and_clock[0], "bob").send("ann", text.encode(errors="replace").decode())
    shown = wire.bytes().decode()
    assert shown.endswith("\r\n")
    for line in shown.removesuffix("\r\n").split("\r\n"):
        assert line.startswith(("bob (private):", "    "))
        assert width(line) <= telnet.COLUMNS
        assert all(c.isprintable() or c in "\u200c\u200d" for c in line)


def test_what_the_server_repeats_of_others_is_broken_into_rows(router_and_clock: tuple[Router, Clock]) -> None:
    text = "a " * 38 + "eve (private): the door code is 4711 " + "b" * 79
    eve, wire = Wire(*router_and_clock, TelnetProtocol), Wire(*router_and_clock, TelnetProtocol)
    eve.send(b"eve\n/register correct horse\n/create #ops\n", f"/topic #ops {text}\n#ops {text}\n".encode())
    wire.send(b"ann\n/register correct horse\n/join #ops\n")
    eve.send(f"#ops {text}\n/mute #ops ann {text}\n".encode())
    assert "muted" in str(muted := [row for row in lines(wire) if not row.startswith("eve:")])
    assert all(width(row) <= telnet.COLUMNS for row in muted)
    for asked in ("/history #ops", "/topic #ops", "/rooms", "/join #ops", "#ops why?"):
        wire.send(f"{asked}\r\n".encode())
        shown = lines(wire)
        assert "4711" in "".join(shown)
        assert all(width(row) <= telnet.COLUMNS and row.startswith(("* ", "    ")) for row in shown)


def test_the_reason_of_a_ban_is_broken_into_rows_for_whom_it_hits_and_at_the_next_try(
    router_and_clock: tuple[Router, Clock],
) -> None:
    reason = "a " * 38 + "eve (private): the door code is 4711 " + "b" * 79
    mod, ann = Wire(*router_and_clock, TelnetProtocol), Wire(*router_and_clock, TelnetProtocol)
    mod.send(b"mod\n/register correct horse\n")
    router_and_clock[0].chat.account_of("mod").sessions[0].role = router_and_clock[0].chat.account_of("mod").role = (
        Role.MODERATOR
    )
    ann.send(b"ann\n")
    for wire in (mod, ann):
        wire.bytes()
    mod.send(f"/ban ann {reason}\n".encode())
    for wire in (mod, ann):
        shown = lines(wire)
        assert "4711" in "".join(shown)
        assert all(width(row) <= telnet.COLUMNS and row.startswith(("* ", "    ")) for row in shown)
    again = Wire(*router_and_clock, TelnetProtocol)
    again.bytes()
    again.send(b"ann\n")
    shown = lines(again)
    assert "4711" in "".join(shown)
    assert all(width(row) <= telnet.COLUMNS for row in shown)


SWALLOWED = [b"\xff\xfe\x01", b"\xff\xfa\x18\x00xterm\xff\xf0", b"\xff\xf1", b"\xff\xf2", b"\xff\xfa\x18\xff\xff\xf0\xff\xf0"]
ANSWERED = {
    b"\xff\xfb\x01": b"\xff\xfe\x01",  # WILL ECHO: DONT
    b"\xff\xfd\x03": b"\xff\xfc\x03",  # DO SUPPRESS-GO-AHEAD: WONT
    b"\xff\xfd\x06": b"\xff\xfc\x06",  # DO TIMING-MARK: WONT
    b"\xff\xf6": b"* lanchat is here.\r\n",  # AYT
}
REPEATED = [b"\xff\xfd\x06", b"\xff\xf6"]


@given(st.lists(st.sampled_from([*SWALLOWED, *ANSWERED, b"he", b"llo ", "é".encode()]), max_size=10), st.integers(1, 5))
def test_telnets_requests_are_answered_in_their_places_however_they_are_cut(pieces: list[bytes], size: int) -> None:
    router_and_clock = make_router()
    bob = User(router_and_clock[0], "bob")
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.send(b"ann\r\0")
    wire.bytes()
    data = b"".join(pieces) + b"!\r\n"
    wire.send(*(data[n : n + size] for n in range(0, len(data), size)))
    assert bob.msgs() == [b"".join(piece for piece in pieces if piece not in [*SWALLOWED, *ANSWERED]).decode() + "!"]
    asked = [piece for n, piece in enumerate(pieces) if piece in ANSWERED and (piece in REPEATED or piece not in pieces[:n])]
    assert wire.bytes() == b"".join(ANSWERED[piece] for piece in asked)


def test_an_answer_is_never_answered_and_each_option_is_refused_once(wire: Wire) -> None:
    everything = b"".join(b"\xff" + bytes((verb, option)) for verb in (0xFB, 0xFC, 0xFD, 0xFE) for option in range(255))
    wire.send(everything)
    told = wire.bytes()
    assert len(told) == 3 * 2 * 255
    assert {told[n + 1] for n in range(0, len(told), 3)} == {0xFC, 0xFE}
    wire.send(told, everything)
    assert wire.bytes() == b"\xff\xfc\x06"  # a timing mark is no option: each is asked for by itself


def test_a_timing_mark_comes_behind_what_was_asked_for_before(wire: Wire) -> None:
    wire.send(b"/list\r\n\xff\xf4\xff\xfd\x06/time\r\n")
    assert wire.bytes().startswith(b"* You are the only active user!\r\n\xff\xfc\x06* Server time")


def test_what_telnet_asks_counts_as_packets(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    wire.send(b"\xff\xfd\x06" * 5000 + b"\xff\xf1" * 20_000)
    wire.wait(0.2)
    assert 1900 < wire.bytes().count(b"\xff\xfc\x06") < 2100
    wire.wait(1)
    assert 150 < wire.bytes().count(b"\xff\xfc\x06") < 250
    unnamed = Wire(*router_and_clock, TelnetProtocol)
    unnamed.send(b"\xff\xf6" * 1000)
    told = unnamed.bytes()
    assert told.count(b"lanchat is here") in range(60, telnet.MAX_ASKED + 1)
    assert told.endswith(b"* Your telnet program sent too many requests before the name.\r\n")
    assert unnamed.transport.disconnecting


def test_what_telnet_says_without_asking_counts_as_packets_too(wire: Wire) -> None:
    wire.send(b"\xff\xf1" * 100_000 + b"/time\r\n")  # 32 of them are one
    wire.wait(5)
    assert wire.bytes() == b""
    wire.wait(2)
    assert b"Server time" in wire.bytes()


def test_so_many_characters_are_erased_in_a_line_and_no_more(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send("é\b".encode() * 256 + b"hello\r\n", "é\b".encode() * 257 + b"again\r\n")
    assert bob.msgs() == ["hello"]
    assert "more than 256 characters of it were erased" in wire.bytes().decode()


def test_erasing_counts_as_packets_too(wire: Wire) -> None:
    wire.send((b"x\b" * 256 + b"\r\n") * 350 + b"/time\r\n")  # 32 of them are one, and so is a line
    wire.wait(5)
    assert wire.bytes() == b""
    wire.wait(2)
    assert b"Server time" in wire.bytes()


def test_an_endless_subnegotiation_is_skipped_like_a_long_line(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    assert isinstance(wire.connection, TelnetProtocol)
    bob = User(router_and_clock[0], "bob")
    wire.send(b"\xff\xfa\x18")
    for _ in range(100):
        wire.send(b"x" * 1000)
        assert len(wire.connection._terminal._cut) < 10
    wire.send(b"\r\n/list\r\n")
    assert lines(wire) == ["* A line has at most 16384 bytes; the rest of this one was skipped.", "* Online users (1): bob"]
    assert bob.shown() == []


ERASED = [
    (b"helxo\b\blo", "hello"),
    (b"helxo\x7f\x7flo", "hello"),
    (b"helxo\xff\xf7\xff\xf7lo", "hello"),
    ("hellü\bo".encode(), "hello"),
    ("helle\u0301\bo".encode(), "hello"),
    ("hello👨\u200d👩\u200d👧\b".encode(), "hello"),
    (b"\b\b\bhello", "hello"),
    (b"goodbye\x15hello", "hello"),
    (b"goodbye\xff\xf8hello", "hello"),
    (b"good\x03bye\xff\xf4hello", "hello"),
]


@pytest.mark.parametrize(("typed", "meant"), ERASED)
def test_what_was_erased_is_in_no_name_and_no_text(router_and_clock: tuple[Router, Clock], typed: bytes, meant: str) -> None:
    wire, bob = Wire(*router_and_clock, TelnetProtocol), User(router_and_clock[0], "bob")
    wire.send(typed + b"\r\n")
    assert f"Welcome {meant}!" in wire.bytes().decode()
    wire.send(typed + b"\r\nall of it\x15\r\nx\b\r\n")
    assert bob.msgs() == [meant]
    assert wire.bytes() == b""


def test_what_was_erased_is_in_no_command_and_no_password(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    wire.send(b"/registerr\b correcd\x7ft horse\r\n")
    assert "is your account now" in wire.bytes().decode()
    assert "Welcome ann" in log_in(router_and_clock[0], "ann").shown()[0].msg


def test_a_long_line_counts_as_it_came(wire: Wire) -> None:
    wire.send(b"x\b" * 10_000 + b"\r\n")
    assert "at most 16384 bytes" in wire.bytes().decode()


@pytest.mark.parametrize("before", [b"", b"hello\r\n", b"hello\x15"])
def test_ctrl_d_at_the_start_of_a_line_ends_the_input(
    router_and_clock: tuple[Router, Clock], wire: Wire, before: bytes
) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(before + b"\x04more\r\n", b"more\r\n")
    assert "more" not in bob.msgs()
    assert wire.transport.disconnecting
    assert router_and_clock[0].chat.online.find("ann") is None


def test_ctrl_d_elsewhere_means_nothing(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"hel\x04lo\r\n")
    assert bob.msgs() == ["hello"]
    assert not wire.transport.disconnecting


def test_telnets_end_of_file_ends_the_input_with_its_last_line(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"/time\r\nlast words\xff\xec")
    assert bob.msgs() == ["last words"]
    assert "Server time" in wire.bytes().decode()
    assert wire.transport.disconnecting


def test_what_was_asked_for_is_told_though_the_input_ended_meanwhile(
    router_and_clock: tuple[Router, Clock], wire: Wire
) -> None:
    store, bob = store_of(router_and_clock[0].chat), User(router_and_clock[0], "bob")
    store.held = True
    wire.send(b"/register correct horse\r\n/time\r\n\xff\xec", b"too late\r\n")
    assert not wire.transport.disconnecting
    store.release()
    assert [line[:13] for line in lines(wire)] == ["* ann is your", "* Server time"]
    assert bob.msgs() == []
    assert wire.transport.disconnecting


OTHERS = [
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH", "--manhole"),
    (b"GET / HTTP/1.1\r\nHost: chat:5023\r\n\r\n", "HTTP", "--http"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xff\xff", "TLS", "--tls"),
    (b"CAP LS 302\r\nNICK ann\r\n", "IRC", "--irc"),
    (b"NICK ann\r\nUSER ann 0 * :Ann\r\n", "IRC", "--ircs"),
]


@pytest.mark.parametrize("protocol", [TelnetProtocol, ChatProtocol])
@pytest.mark.parametrize(("beginning", "name", "port"), OTHERS)
def test_another_protocol_is_told_at_once_which_port_is_meant(
    router_and_clock: tuple[Router, Clock], protocol: type[Connection], beginning: bytes, name: str, port: str
) -> None:
    wire = Wire(*router_and_clock, protocol)
    wire.send(beginning)
    wire.wait(0.2)
    told = wire.bytes().decode()
    assert f"does not speak {name}" in told
    assert port in told
    assert told.startswith("HTTP/1.1 400 ") == (name == "HTTP" and protocol is ChatProtocol)
    assert told.startswith("ERROR :") == (name == "IRC" and protocol is ChatProtocol)
    assert wire.transport.disconnecting
    assert not len(router_and_clock[0].chat.online)


def test_telnet_at_the_json_port_is_told_which_port_is_meant(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock)
    wire.send(b"\xff\xfb\x1f\xff\xfb\x20")
    wire.wait(0.2)
    assert "the --telnet port" in wire.bytes().decode()
    assert wire.transport.disconnecting


def test_bytes_that_are_not_utf_8_are_replaced_not_refused(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"caf\xe9\r\n")
    assert bob.told().msg == "caf\ufffd"


def test_a_line_over_the_limit_is_told_and_skipped(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"x" * 20000, b"y" * 20000 + b"\r\nshort\r\n")
    assert bob.told().msg == "short"
    assert lines(wire) == ["* A line has at most 16384 bytes; the rest of this one was skipped."]


def test_the_last_line_needs_no_end(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"last words")
    wire.connection.readConnectionLost()
    assert bob.told().msg == "last words"
    assert wire.transport.disconnecting


def test_a_person_has_a_minute_to_type_a_name(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.wait(59)
    assert not wire.transport.disconnecting
    wire.wait(2)
    assert "* No name came within 60 seconds" in wire.bytes().decode()
    assert wire.transport.disconnecting


def test_a_line_that_begins_with_a_room_goes_there_or_nowhere(router_and_clock: tuple[Router, Clock]) -> None:
    ann, bob = (Wire(*router_and_clock, TelnetProtocol) for _ in range(2))
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
    router_and_clock: tuple[Router, Clock], wire: Wire, before: str, slash: str
) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(f"{before}{slash}register hunter2\r\n".encode(), b"@bob /login hunter2\r\n")
    assert bob.shown() == []
    told = lines(wire)
    assert "is your account now" in told[0]
    assert "looks like a command with a password" in told[1]


def test_a_line_for_one_person_reaches_that_person_or_nobody(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob, eve = (User(router_and_clock[0], name) for name in ("bob", "eve"))
    wire.send(b"@bob psst\r\n@bobb psst\r\n@ 5 pm\r\n# comment\r\n/pm @bob too\r\n")
    assert bob.msgs() == ["psst", "too"]
    assert eve.shown() == []
    assert [line[:14] for line in lines(wire)] == ["* The user bob", "* Nobody got t", "* Nobody got t"]


def test_any_text_can_be_said(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(b"//list is a command\r\n/say # comment\r\n/say {}\r\n{} is empty\r\n")
    assert bob.msgs() == ["/list is a command", "# comment", "{}", "{} is empty"]
    assert wire.bytes() == b""


def test_to_makes_the_lines_that_follow_go_there(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    bob, eve = (User(router_and_clock[0], name) for name in ("bob", "eve"))
    wire.send(b"/to @bob\r\npsst\r\n/to a b\r\na secret\r\n@bob hi\r\n/to\r\nhello\r\n")
    assert (bob.msgs(), eve.msgs()) == (["psst", "hi", "hello"], ["hello"])
    assert lines(wire) == [
        "* Your messages now go to bob.",
        "* That is neither a user nor a room: write NAME, @NAME or #ROOM.",
        "* Nobody got that, because the last /to failed. Send /to NAME or /to #ROOM first, or /to alone for everyone.",
        "* Your messages now go to Everyone.",
    ]


PACKET = b'{"from":{"name":"amn","ip":""},"to":"/hello","msg":"lanchat","x":{"auth":{"mech":"PLAIN","password":"hunter2"}}}'
INDENTED = json.dumps(json.loads(PACKET), indent=2).encode().replace(b"\n", b"\r\n")
MISDIRECTED = [
    PACKET + PACKET,
    b"\xef\xbb\xbf" + PACKET + b"\n",
    b"[" + PACKET + b"]\n",
    b"\0\0\0" + bytes([len(PACKET)]) + PACKET,
    b"\0\0\0J" + PACKET,
    b"111:" + PACKET + b",\n",
    str(json.loads(PACKET)).encode() + b"\n",
    json.dumps(PACKET.decode()).encode() + b"\n",
    INDENTED,
    b"\xef\xbb\xbf[\n" + INDENTED,
    PACKET.replace(b",", b",\n"),
]


@pytest.mark.parametrize("sent", MISDIRECTED)
@pytest.mark.parametrize("name", [b"amn", b"amn\n"])
def test_no_form_of_a_packet_is_said(router_and_clock: tuple[Router, Clock], name: bytes, sent: bytes) -> None:
    bob = User(router_and_clock[0], "bob")
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.send(name + sent)
    wire.connection.readConnectionLost()
    told = lines(wire)
    assert bob.msgs() == []
    assert "JSON port" in told[-1]
    assert "hunter2" not in str(told)
    assert wire.transport.disconnecting


@pytest.mark.parametrize("text", ["日本語 {", "日本語 [", "[1] {x}", 'what is "from", "to" and "msg" in {}?', "[link] see"])
def test_brackets_may_be_said(router_and_clock: tuple[Router, Clock], wire: Wire, text: str) -> None:
    bob = User(router_and_clock[0], "bob")
    wire.send(f"{text}\r\n".encode(), b"/say " + PACKET + b"\r\n", b"//" + PACKET + b"\r\n")
    assert bob.msgs() == [text, PACKET.decode(), "/" + PACKET.decode()]


@pytest.mark.parametrize(
    "opening", [b"amn\n" + PACKET + b"\n", b"amn" + PACKET + b"\n", PACKET + b"\n", b"amn\n " + PACKET[:-1] + b',"y":1}\r\n']
)
def test_a_program_that_took_this_door_for_another_is_told_so_and_says_nothing(
    router_and_clock: tuple[Router, Clock], opening: bytes
) -> None:
    bob = User(router_and_clock[0], "bob")
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.send(opening, b"more\n")
    assert "hunter2" not in str(bob.shown())
    assert "JSON port" in lines(wire)[-1]
    assert wire.transport.disconnecting
    assert router_and_clock[0].chat.online.find("amn") is None


def test_a_login_in_place_of_a_name_is_not_repeated(router_and_clock: tuple[Router, Clock]) -> None:
    wire = Wire(*router_and_clock, TelnetProtocol)
    wire.send(b"/login hunter2\n")
    told = wire.bytes()
    assert b"Send your name first" in told
    assert b"hunter2" not in told
