"""The JSON gateway, from bytes to bytes, with the clock in the test's hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from lanchat import commands
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.gateways.input import FAIR_SHARE
from lanchat.protocol.packet import MAX_BLOCK, MAX_UNFRAMED, Sender, ServerPacket, SharedPacket
from tests.fakes import User, Wire, make_router
from tests.live import line

HELLO = line("/hello", "lanchat", v=1, caps=["id", "ack"])
TIME = line("/time")


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def wire(router_and_clock: tuple[Router, Clock]) -> Wire:
    return Wire(*router_and_clock)


def test_a_classic_client_is_welcomed_and_answered(wire: Wire) -> None:
    wire.send(b"alice\n", TIME)
    assert [msg.split("!")[0][:11] for msg in wire.msgs()] == ["Welcome ali", "Server time"]


def test_a_hello_in_the_same_write_gets_the_only_welcome(wire: Wire) -> None:
    wire.send(b"alice\n" + HELLO + TIME)
    welcome, time = wire.packets()
    assert welcome["x"]["op"] == "welcome"
    assert time["x"]["op"] == "ok"


def test_a_hello_in_a_later_write_gets_a_second_welcome(wire: Wire) -> None:
    wire.send(b"alice\n", HELLO)
    classic, capable = wire.packets()
    assert "x" not in classic
    assert capable["x"]["op"] == "welcome"


def test_a_hello_that_is_wrong_leaves_the_session_classic(wire: Wire) -> None:
    wire.send(b"alice\n" + line("/hello"), TIME)
    packets = wire.packets()
    assert [packet["msg"].split()[0] for packet in packets] == ["Welcome", "/hello", "Server"]
    assert not any("x" in packet for packet in packets)


@given(st.lists(st.integers(min_value=0, max_value=400), max_size=6))
def test_any_segmentation_gives_the_same_answers(places: list[int]) -> None:
    data = b"alice\r\n" + TIME + b"\n" + b"junk\n" + line("bob", "hi") + line("alice", "h\u00e9") + TIME
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    wire = Wire(*make_router())
    wire.send(*(data[a:b] for a, b in zip(bounds, bounds[1:])))  # noqa: B905, RUF007 (Python 3.10's pairwise is the same)
    msgs = wire.msgs()
    assert [msg.split()[0] for msg in msgs] == ["Welcome", "Server", "That", "The", "h\u00e9", "Server"]


def test_who_types_commands_here_is_told_which_port_is_for_that(wire: Wire) -> None:
    wire.send(b"ann\r\n/help\r\nhello?\r\n")
    typed, other = wire.msgs()[1:]
    assert "the --telnet port" in typed
    assert "/standard" in other


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"SERVER\n", "reserved"),
        (b"a b\n", "Try a_b"),
        (b"\xff\xfe\n", "characters"),
        (b'{"from":{"name":"a","ip":""},"to":"b","msg":"c"}\n', "name is missing"),
        (b"x" * 600, "longer than 32"),
    ],
)
def test_a_bad_name_is_answered_and_the_connection_closed(wire: Wire, data: bytes, says: str) -> None:
    wire.send(data)
    wire.wait(0.05)
    (packet,) = wire.packets()
    assert packet["from"] == {"name": "SERVER", "ip": ".".join("0000")}
    assert packet["to"] == "Guest"
    assert says in packet["msg"]
    assert wire.transport.disconnecting
    wire.send(b"alice\n")
    assert wire.bytes() == b""


def test_a_taken_name_is_answered_with_already(router_and_clock: tuple[Router, Clock]) -> None:
    Wire(*router_and_clock).send(b"alice\n")
    second = Wire(*router_and_clock)
    second.send(b"ALICE\n" + HELLO)
    (packet,) = second.packets()
    assert packet["to"] == "Guest"
    assert "already" in packet["msg"]
    assert "x" not in packet
    assert second.transport.disconnecting


def test_a_lost_connection_frees_its_name_at_once(router_and_clock: tuple[Router, Clock]) -> None:
    first = Wire(*router_and_clock)
    first.send(b"alice\n")
    first.lose()
    second = Wire(*router_and_clock)
    second.send(b"alice\n")
    assert "Welcome" in second.msgs()[0]


def test_a_connection_that_never_names_itself_is_closed_after_ten_seconds(wire: Wire) -> None:
    wire.wait(9.9)
    assert not wire.transport.disconnecting
    wire.wait(0.2)
    assert "No name came" in wire.msgs()[0]
    assert wire.transport.disconnecting


def test_trickling_white_space_does_not_hold_the_door_open(wire: Wire) -> None:
    for _ in range(11):
        wire.send(b"\n")
        wire.wait(1)
    assert wire.transport.disconnecting


def test_who_was_refused_takes_no_name_afterwards(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    wire.wait(9.95)
    wire.send(b"ghost")
    wire.wait(0.3)
    assert "No name came" in wire.msgs()[0]
    assert router_and_clock[0].chat.online.find("ghost") is None


def test_a_named_connection_may_be_silent(wire: Wire) -> None:
    wire.send(b"alice\n")
    wire.wait(60)
    assert not wire.transport.disconnecting


# Unframed clients.


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_packet_glued_to_the_name_is_answered(wire: Wire, size: int) -> None:
    data = b"alice" + TIME.strip() + TIME.strip()
    wire.send(*(data[n : n + size] for n in range(0, len(data), size)))
    wire.wait(0.1)
    assert [msg[:11] for msg in wire.msgs()] == ["Welcome ali", "Server time", "Server time"]


def test_a_name_without_newline_is_taken_after_a_tenth_of_a_second(wire: Wire) -> None:
    wire.send(b"ali")
    wire.wait(0.09)
    wire.send(b"ce")
    wire.wait(0.09)
    assert wire.bytes() == b""
    wire.wait(0.05)
    assert wire.msgs()[0].startswith("Welcome alice!")


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_late_newline_makes_the_client_framed_after_all(wire: Wire, newline: bytes) -> None:
    wire.send(b"alice")
    wire.wait(0.2)
    wire.bytes()
    wire.send(newline + line("alice", "x" * 5000))
    assert [len(msg) for msg in wire.msgs()] == [5000]


def test_an_unframed_client_gets_one_packet_a_write_ten_milliseconds_apart(wire: Wire) -> None:
    wire.send(b"alice" + TIME.strip() * 3)
    writes = []
    for _ in range(60):
        wire.clock.advance(0.001)
        if data := wire.transport.value():
            writes.append((wire.clock.seconds(), data))
            wire.transport.clear()
    assert len(writes) == 4
    assert all(data.count(b"\n") == 1 for _, data in writes)
    times = [time for time, _ in writes]
    assert all(b - a >= 0.0099 for a, b in zip(times, times[1:]))  # noqa: B905, RUF007 (as above)


def test_an_unframed_client_reads_each_answer_with_one_recv(wire: Wire) -> None:
    text = "A long text, \u00e9\u4e2d\U0001f600, " * 100
    wire.send(b"alice" + line("alice", text).strip())
    parts: list[str] = []
    for _ in range(200):
        wire.wait(0.01)
        if data := wire.bytes():
            assert len(data) <= MAX_UNFRAMED
            assert data.isascii()
            parts.append(json.loads(data)["msg"])
    count = len(parts) - 1
    assert "".join(part.removeprefix(f"({n}/{count}) ") for n, part in enumerate(parts[1:], 1)) == text


def test_a_hello_makes_an_unframed_client_framed(wire: Wire) -> None:
    wire.send(b"alice" + HELLO + line("alice", "x" * 3000, cid="1"))
    welcome, own, ack = wire.packets()
    assert welcome["x"]["op"] == "welcome"
    assert len(own["msg"]) == 3000
    assert ack["x"]["cid"] == "1"


def test_a_stuck_object_is_given_up_after_a_second(wire: Wire) -> None:
    wire.send(b'alice{"from":')
    wire.wait(0.9)
    wire.bytes()
    wire.wait(0.2)
    assert wire.msgs() == ["The packet was ignored: its braces are not balanced."]
    wire.send(b"x}" + TIME.strip())
    wire.wait(0.1)
    assert [msg[:11] for msg in wire.msgs()] == ["Server time"]


def test_a_framed_client_may_leave_the_newline_out_at_the_end(wire: Wire) -> None:
    wire.send(b"alice\n", TIME.strip())
    assert len(wire.packets()) == 1
    wire.wait(0.15)
    assert [msg[:11] for msg in wire.msgs()] == ["Server time"]


@pytest.mark.parametrize("rest", [b"x" + b"{}" * 32_000, b"{}" * 90 + b'{"a":"}', b"{" * 60_000 + b"}"])
def test_a_silence_is_looked_at_once(wire: Wire, rest: bytes) -> None:
    wire.send(b"alice\n", rest)
    wire.wait(1)
    assert wire.clock.getDelayedCalls() == []
    assert wire.connection.router.chat.counts.received > 64 or rest.startswith(b"x"), "work counts as packets"


def test_so_many_bad_packets_without_a_newline_end_the_connection(wire: Wire) -> None:
    wire.send(b"alice\n", b"{}" * 1000)
    wire.wait(1)
    assert "100 bad packets" in wire.msgs()[-1]
    assert wire.transport.disconnecting


def test_bytes_that_waited_in_a_busy_server_break_the_silence() -> None:
    class TurnClock(Clock):
        """As a reactor does, this leaves a call that is made in a turn for the next one."""

        def callLater(self, delay: float, callable: Callable[..., Any], *args: Any, **kw: Any) -> IDelayedCall:
            return super().callLater(max(delay, 0.001), callable, *args, **kw)

    clock = TurnClock()
    wire = Wire(Router(Chat(clock, "test"), commands.run), clock)
    wire.send(b"ali")
    clock.advance(0.1)  # the time is up, but before anything comes of that the server reads once more
    wire.send(b"ce\n")
    clock.advance(0.001)
    assert wire.msgs()[0].startswith("Welcome alice!")


# Errors.


@pytest.mark.parametrize("bad", [b"junk", b"[]", b"{}", b'{"from":1}', b"\xff", b"NaN", b"[" * 50000, b"x" * 70000])
def test_bad_input_is_answered_and_the_connection_stays_usable(wire: Wire, bad: bytes) -> None:
    wire.send(b"alice\n", bad + b"\n", TIME)
    msgs = wire.msgs()
    assert len(msgs) == 3
    assert msgs[2].startswith("Server time")
    assert not wire.transport.disconnecting


def test_a_capable_client_learns_the_code_and_which_packet_it_was(wire: Wire) -> None:
    wire.send(b"alice\n" + HELLO)
    wire.bytes()
    wire.send(b'{"to":"bob","x":{"cid":"5"}}\n', b"nonsense\n", b"y" * 70000 + b"\n")
    assert [packet["x"] for packet in wire.packets()] == [
        {"op": "fail", "cid": "5", "code": "BAD_PACKET"},
        {"op": "fail", "code": "BAD_JSON"},
        {"op": "fail", "code": "TOO_BIG"},
    ]


def test_the_third_line_over_the_limit_ends_the_connection(wire: Wire) -> None:
    wire.send(b"alice\n")
    for _ in range(3):
        wire.send(b"x" * 70000 + b"\n")
    wire.clock.advance(0)
    assert wire.transport.disconnecting


def test_a_packet_without_newline_dies_with_its_session(router_and_clock: tuple[Router, Clock], wire: Wire) -> None:
    wire.send(b"alice\n", line("alice", "late").strip())
    assert wire.connection.session is not None
    router_and_clock[0].chat.close(wire.connection.session, "FORBIDDEN", "out", why="kicked")
    wire.wait(0.3)
    assert wire.msgs()[-1] == "out"


def test_a_text_that_grows_over_the_limit_of_a_packet_is_refused(wire: Wire) -> None:
    wire.send(b"alice\n" + HELLO)
    wire.bytes()
    packet = line("alice", "\x01" * 10_908, cid="1")
    assert len(packet) <= 65_537
    wire.send(packet, line("alice", "\x01" * 10_500, cid="2"))
    answers = wire.packets()
    assert answers[0]["x"] == {"cid": "1", "op": "fail", "code": "TOO_BIG"}
    assert len(answers[1]["msg"]) == 10_500


def test_the_name_of_an_unknown_member_is_not_echoed_whole(wire: Wire) -> None:
    wire.send(b"alice\n", b'{"' + b"k" * 60_000 + b'":1}\n')
    assert len(wire.msgs()[1]) < 250


def test_nothing_is_served_after_the_end(wire: Wire) -> None:
    wire.send(b"alice\n" + line("/quit") + TIME)
    assert [msg[:7] for msg in wire.msgs()] == ["Welcome", "Goodbye"]
    assert wire.transport.disconnecting
    wire.send(TIME)
    assert wire.bytes() == b""


def test_who_hangs_up_may_still_read_the_answers(wire: Wire) -> None:
    wire.send(b"alice\n" + TIME.strip())
    wire.connection.readConnectionLost()
    assert [msg[:11] for msg in wire.msgs()] == ["Welcome ali", "Server time"]
    assert wire.transport.disconnecting


def test_a_name_alone_is_taken_when_its_sender_hangs_up(wire: Wire) -> None:
    wire.send(b"alice")
    wire.connection.readConnectionLost()
    wire.wait(0.05)
    assert wire.msgs()[0].startswith("Welcome alice!")


def test_a_second_client_of_an_unframed_one_reads_utf_8(router_and_clock: tuple[Router, Clock]) -> None:
    framed, unframed = Wire(*router_and_clock), Wire(*router_and_clock)
    framed.send(b"ann\n")
    unframed.send(b"bob" + line("ann", "h\u00e9").strip())
    assert "h\u00e9".encode() in framed.bytes()


@pytest.mark.parametrize("end", ["a word in a room", "the end of the server"])
def test_the_last_packet_of_a_client_that_does_not_read_is_its_goodbye(wire: Wire, end: str) -> None:
    router = wire.connection.router
    router.chat.limits.set("outbox", 20_000)
    bob = User(router, "bob")
    wire.send(b"alice\n" + HELLO)
    wire.bytes()
    wire.connection.outbox.pauseProducing()
    for text in ["x" * 4800] * 4 + ["y" * 200] * 10:  # the short ones are not encoded yet, and would be too many
        bob.send("alice", text)
    if end == "a word in a room":
        wire.connection.deliver(SharedPacket(Sender("bob", ""), "#ops", "hello?"))
    else:
        wire.connection.goodbye()
    if end == "a word in a room":
        assert wire.packets()[-1]["x"] == {"op": "bye", "code": "SLOW"}
    else:
        assert wire.packets()[-1]["x"] == {"op": "bye", "code": "RELOAD"}
    assert wire.transport.disconnecting


WHAT = {
    "to bob": line("bob", "one", cid="b"),
    "to BOB": line("BOB", "two"),
    "to carol": line("carol", "three", cid="c"),
    "to herself": line("alice", "four", cid="a"),
    "to everyone": line("Everyone", "five", cid="e"),
    "to nobody": line("dave", "six", cid="d"),
    "a command": line("/list", "", cid="l"),
    "junk": b"junk\n",
    "as somebody else": line("bob", "seven", cid="s").replace(b'"name": ""', b'"name": "carol"'),
    "long": line("bob", "x" * 9000),
    "beyond ASCII": line("carol", "h\u00e9"),
}


@given(
    said=st.lists(st.sampled_from(sorted(WHAT)), min_size=1, max_size=12),
    capable=st.sets(st.sampled_from(["alice", "bob"])),
    rate=st.sampled_from(["off", "200", "0.4"]),
)
def test_what_is_said_at_once_is_told_as_if_it_came_line_by_line(said: list[str], capable: set[str], rate: str) -> None:
    lines = [WHAT[what] for what in said]
    assert _told(lines, capable, rate) == _told([b"".join(lines)], capable, rate)


def test_of_a_large_chunk_a_share_is_told_together_in_each_turn(
    router_and_clock: tuple[Router, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    router, clock = router_and_clock
    router.chat.limits.set("packets", "off")
    ann, bob = Wire(router, clock), Wire(router, clock)
    ann.send(b"ann\n")
    bob.send(b"bob\n")
    bob.bytes()
    together: list[int] = []
    deliver_all = bob.connection.deliver_all

    def count(packets: list[ServerPacket]) -> None:
        together.append(len(packets))
        deliver_all(packets)

    monkeypatch.setattr(bob.connection, "deliver_all", count)
    chunk = b"".join(line("bob", str(n)) for n in range(640))
    ann.send(chunk[:-1])  # the last line is cut
    assert router.chat.counts.relayed == FAIR_SHARE
    assert ann.transport.producerState == "paused"
    clock.advance(0)  # all the turns that it takes
    ann.send(chunk[-1:])
    assert bob.msgs() == [str(n) for n in range(640)]
    assert len(together) <= 1 + 640 // FAIR_SHARE + 1 + len(chunk) // MAX_BLOCK + 1


def _told(chunks: list[bytes], capable: set[str], rate: str) -> list[object]:
    """What three are told when one of them says this, and what was counted."""
    router, clock = make_router()
    wires = {name: Wire(router, clock) for name in ("alice", "bob", "carol")}
    for name, wire in wires.items():
        wire.send(f"{name}\n".encode(), *[HELLO] * (name in capable))
        wire.wait(0.2)
        wire.packets()
    router.chat.limits.set("packets", rate)
    wires["alice"].send(*chunks)
    wires["alice"].wait(60)
    told = [[(packet["msg"], packet["from"]["name"], *_known(packet)) for packet in wire.packets()] for wire in wires.values()]
    return [
        *told,
        router.chat.counts.received,
        router.chat.counts.relayed,
        router.chat.counts.sent,
        dict(router.chat.counts.refused),
    ]


def _known(packet: dict[str, Any]) -> list[object]:
    return [packet.get("x", {}).get(member) for member in ("id", "op", "cid", "code")]


def test_whole_lines_are_read_no_further_than_the_rates_allow(router_and_clock: tuple[Router, Clock]) -> None:
    alice, bob = Wire(*router_and_clock), Wire(*router_and_clock)
    for wire, name in ((alice, b"alice\n"), (bob, b"bob\n")):
        wire.send(name)
        wire.packets()
    router_and_clock[0].chat.limits.set("packets", 1)
    alice.send(*[line("bob", "hi") * 4] * 3)
    assert len(bob.msgs()) == 10
    alice.wait(2.1)
    assert len(bob.msgs()) == 2
    router_and_clock[0].chat.limits.set("bytes", 100)
    alice.wait(60)
    alice.send(line("bob", "x" * 2000))
    assert alice.transport.producerState == "paused"
    assert len(bob.msgs()) == 1


def test_a_fault_while_many_are_told_at_once_costs_the_sender_only(
    router_and_clock: tuple[Router, Clock], logged: list[str]
) -> None:
    alice, bob, carol = (Wire(*router_and_clock) for _ in range(3))
    for wire, name in ((alice, b"alice\n"), (bob, b"bob\n"), (carol, b"carol\n")):
        wire.send(name)
        wire.packets()
    bob.connection.outbox = None  # type: ignore[assignment]  # a fault of ours
    alice.send(line("carol", "before") + line("bob", "hi") * 3 + line("carol", "after"))
    assert carol.msgs() == ["before"]
    assert "Internal server error" in alice.msgs()[0]
    assert alice.transport.disconnecting
    assert any("was not served" in text for text in logged)


def test_who_is_closed_for_not_reading_its_acknowledgements_says_no_more(router_and_clock: tuple[Router, Clock]) -> None:
    alice, bob = Wire(*router_and_clock), Wire(*router_and_clock)
    for wire, name in ((alice, b"alice\n"), (bob, b"bob\n")):
        wire.send(name, HELLO)
        wire.packets()
    router_and_clock[0].chat.limits.set("outbox", 2000)
    alice.connection.outbox.pauseProducing()
    alice.send(b"".join(line("bob" if n % 2 else "BOB", str(n), cid=str(n)) for n in range(90)))
    alice.wait(0.1)
    told = [packet["msg"] for packet in bob.packets()]
    assert told == [str(n) for n in range(len(told))]
    assert len(told) < 90
    assert alice.transport.disconnecting
