"""The WebSocket gateway, from frames to frames, with the clock in the test's hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from twisted.internet.task import Clock
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State

from lanchat.core.router import Router
from lanchat.gateways import websocket
from lanchat.gateways.input import FAIR_SHARE
from lanchat.gateways.websocket import WebSocketProtocol
from lanchat.gateways.websocket_connection import MAX_OPENING_FRAMES, MAX_REASON
from lanchat.model.session import Session
from lanchat.protocol.packet import MAX_BLOCK, MAX_PACKET, Sender, ServerPacket, SharedPacket
from tests.fakes import User, Wire, make_router, store_of
from tests.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, SocketWire, close, ended, frame
from tests.live import line

HELLO = line("/hello", "page", v=1, caps=["id", "ack"])[:-1]
TIME = line("/time")[:-1]


class Page(SocketWire):
    """A WebSocket in memory, and the packets in its messages."""

    def __init__(self, router: Router, clock: Clock) -> None:
        super().__init__(router, clock, WebSocketProtocol)

    def packets(self) -> list[dict[str, Any]]:
        """The packets since the last look; there must be no other frames than text messages."""
        found = self.frames()
        assert {one.opcode for one in found} <= {TEXT}
        return [json.loads(one.data) for one in found]

    def ended(self) -> tuple[int, str]:
        """The code and the reason with which the connection was closed; the packets before do not matter."""
        return ended(self.frames())

    def opened(self, name: str = "ann") -> Page:
        """Be there, with a hello; what was answered is read."""
        self.say(name, HELLO)
        assert self.packets()[-1]["x"]["op"] == "welcome"
        return self

    @property
    def session(self) -> Session:
        """The session, which must be there."""
        assert self.connection.session is not None
        return self.connection.session


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def page(router_and_clock: tuple[Router, Clock]) -> Page:
    return Page(*router_and_clock)


# Messages.


def test_a_name_then_packets_each_a_message(page: Page) -> None:
    page.say("ann")
    page.say(TIME)
    welcome, time = page.packets()
    assert welcome["msg"].startswith("Welcome ann!")
    assert time["msg"].startswith("Server time")
    assert "x" not in welcome


def test_a_hello_in_the_same_read_gets_the_only_welcome(page: Page) -> None:
    page.say("ann", HELLO, TIME)
    welcome, time = page.packets()
    assert welcome["x"]["op"] == "welcome"
    assert time["x"]["op"] == "ok"


def test_a_session_is_one_of_this_gateway_and_reads_packets_of_any_length(page: Page) -> None:
    page.opened()
    assert page.session.gateway == "ws"
    assert page.session.framed


def test_what_is_no_packet_is_answered_and_the_connection_stays(page: Page) -> None:
    page.opened().say("junk", '{"to":"bob"}', b"\xff\xfe", "", TIME)
    assert [packet["x"]["op"] for packet in page.packets()] == ["fail"] * 4 + ["ok"]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_packets_of_all_sizes_are_one_message_each(page: Page, size: int) -> None:
    page.opened()
    packet = ServerPacket(Sender("bob", ""), "ann", "x")
    empty = len(packet.classic) - 2
    page.connection.deliver(ServerPacket(Sender("bob", ""), "ann", "x" * max(0, size - empty)))
    (found,) = page.frames()
    assert (found.opcode, found.fin) == (TEXT, True)
    assert json.loads(found.data)["from"]["name"] == "bob"
    assert size <= empty or len(found.data) == size


def test_a_packet_for_many_is_encoded_once(router_and_clock: tuple[Router, Clock], monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [Page(*router_and_clock).opened(f"page{n}") for n in range(3)]
    encoded: list[ServerPacket] = []
    encode = websocket._classic_frame

    def count(packet: ServerPacket) -> bytes:
        encoded.append(packet)
        return encode(packet)

    monkeypatch.setattr(websocket, "_frame", count)
    monkeypatch.setattr(websocket, "_classic_frame", count)
    shared = SharedPacket(Sender("bob", "10.0.0.9"), "Everyone", "hello")
    for page in pages:
        page.connection.deliver(shared)
    assert [page.frames()[-1].data for page in pages] == [shared.classic[:-1]] * 3
    assert encoded == [shared]


# Frames.


def conversation() -> bytes:
    """What a page may send: whole messages, fragments with pings between them, a pong, a wrong packet, and the end."""
    half, rest = frame(TIME[:9], fin=False), frame(TIME[9:], CONTINUATION)
    long = line("ann", "\u20ac" * 3000)[:-1]
    parts = [frame(long[:700], fin=False), frame(b"", CONTINUATION, fin=False), frame(long[700:], CONTINUATION)]
    begin = [frame("ann"), frame(HELLO), half, frame(b"are you there?", PING), rest, frame(b"", PONG)]
    return b"".join([*begin, frame(long), frame("junk"), *parts, frame(TIME), close()])


def answers(pieces: list[bytes]) -> tuple[list[str], list[bytes], tuple[int, str]]:
    """What these get for an answer: the kinds of packets, the pongs, and the end."""
    page = Page(*make_router())
    for piece in pieces:
        page.send(piece)
        page.wait(0.01)
    found = page.frames()
    said = [json.loads(one.data) for one in found if one.opcode == TEXT]
    pongs = [one.data for one in found if one.opcode == PONG]
    return [packet["x"]["op"] if "op" in packet.get("x", {}) else packet["msg"][:4] for packet in said], pongs, ended(found)


WHOLE = (["welcome", "ok", "\u20ac" * 4, "fail", "\u20ac" * 4, "ok"], [b"are you there?"], (1000, ""))


def test_fragments_pongs_and_packets_are_answered_in_order_before_the_close_frame() -> None:
    assert answers([conversation()]) == WHOLE


@given(st.lists(st.integers(min_value=0, max_value=20_000), max_size=12))
@settings(max_examples=60)
def test_any_cut_of_the_same_bytes_gives_the_same_answers(places: list[int]) -> None:
    data = conversation()
    bounds = [len(frame("ann") + frame(HELLO)), *(place % (len(data) + 1) for place in places)]
    bounds = [0, *sorted(max(place, bounds[0]) for place in bounds), len(data)]  # (the hello comes with the name)
    assert answers([data[a:b] for a, b in zip(bounds, bounds[1:])]) == WHOLE  # noqa: B905, RUF007 (Python 3.10's pairwise is the same)


def test_frames_may_come_a_byte_at_a_time() -> None:
    data = frame("ann") + frame(TIME, fin=False) + frame(b"x", PING) + frame(b"", CONTINUATION) + close(1001)
    page = Page(*make_router())
    for n in range(len(data)):
        page.send(data[n : n + 1])
    assert [one.opcode for one in page.frames()] == [TEXT, PONG, TEXT, CLOSE]


def test_a_real_client_of_the_library_agrees(page: Page) -> None:
    from websockets.uri import parse_uri  # noqa: PLC0415 (used once)

    peer = ClientProtocol(parse_uri("ws://localhost/ws"), state=State.OPEN)
    peer.send_text(b"ann")
    page.send(b"".join(peer.data_to_send()))
    peer.receive_data(page.bytes())
    assert b"Welcome ann!" in peer.events_received()[0].data  # type: ignore[union-attr]  # a frame
    peer.send_text(HELLO)
    peer.send_ping(b"1")
    peer.send_close(1000)
    page.send(b"".join(peer.data_to_send()))
    peer.receive_data(page.bytes())
    assert [one.opcode for one in peer.events_received()] == [Opcode.TEXT, Opcode.PONG, Opcode.CLOSE]  # type: ignore[union-attr]  # frames
    assert peer.close_rcvd is not None
    assert peer.close_rcvd.code == 1000


# Limits.


def test_a_page_is_served_a_fair_share_in_a_turn(page: Page) -> None:
    page.opened()
    page.send(frame(TIME) * (FAIR_SHARE + 50))
    assert page.transport.producerState == "paused"
    page.wait(1)
    assert page.transport.producerState == "producing"
    assert len(page.packets()) == FAIR_SHARE + 50


@pytest.mark.parametrize("kind", ["pings", "pongs", "fragments", "messages"])
def test_every_frame_is_charged_to_the_rate_of_packets(page: Page, kind: str) -> None:
    limits = page.connection.router.chat.limits
    limits.set("packets", 10)
    page.opened()
    one = {
        "pings": frame(b"", PING),
        "pongs": frame(b"", PONG),
        "fragments": frame(b"", CONTINUATION, fin=False),
        "messages": frame(TIME),
    }[kind]
    if kind == "fragments":
        page.send(frame(b" ", fin=False))
    for _ in range(150):
        page.send(one)
        page.wait(0.01)
    assert page.transport.producerState == "paused"
    assert limits.met["packets"] > 0


def test_bytes_that_complete_no_frame_are_charged(page: Page) -> None:
    limits = page.connection.router.chat.limits
    limits.set("bytes", 1000)
    page.opened().send(frame("x" * 60_000)[:50_000])
    assert page.transport.producerState == "paused"


def test_pongs_wait_in_the_outbox_and_who_does_not_read_them_is_closed(page: Page) -> None:
    limits = page.connection.router.chat.limits
    limits.set("outbox", 5_000)
    page.opened()
    page.connection.outbox.pauseProducing()
    for _ in range(100):
        page.send(frame(b"x" * 125, PING))
        page.wait(0.1)
    page.connection.outbox.resumeProducing()
    code, reason = page.ended()
    assert code == 4008
    assert "too slowly" in reason
    assert limits.met["outbox"] == 1


def test_a_flood_of_pings_leaves_no_more_than_the_outbox_allows(page: Page) -> None:
    page.opened()
    page.connection.outbox.pauseProducing()
    most = 0
    for _ in range(200):
        page.send(frame(b"x" * 125, PING) * 120)
        page.wait(0.05)
        most = max(most, page.connection.outbox.waiting)
    assert most <= page.connection.router.chat.limits["outbox"] + MAX_BLOCK
    assert page.connection.closed


def test_a_message_over_the_limit_closes_with_its_code_at_once(page: Page) -> None:
    page.opened().send(frame(b"x" * (MAX_PACKET + 1))[:14])  # the head says it already
    code, _ = page.ended()
    assert code == 1009
    assert page.connection.session not in page.connection.router.chat.online


def test_fragments_over_the_limit_together_close_too(page: Page) -> None:
    page.opened()
    page.send(frame(b"x" * 40_000, fin=False), frame(b"x" * 40_000, CONTINUATION))
    page.wait(1)
    assert page.ended()[0] == 1009


def test_frames_before_a_name_are_few(page: Page) -> None:
    page.send(frame(b"", PING) * (MAX_OPENING_FRAMES + 1))
    code, reason = page.ended()
    assert code == 1008
    assert "name first" in reason


# How a connection ends.


def test_a_name_that_is_refused_is_told_and_closed_with_the_reason(router_and_clock: tuple[Router, Clock]) -> None:
    Page(*router_and_clock).opened("ann")
    second = Page(*router_and_clock)
    second.say("ANN", HELLO)
    found = second.frames()
    assert json.loads(found[0].data)["to"] == "Guest"
    assert ended(found) == (1008, "The name ANN is already taken. Try ANN2.")
    assert second.transport.disconnecting


@pytest.mark.parametrize(
    "name", ["SERVER", "a b", "", "x" * 40_000, '{"from":{"name":"a","ip":""},"to":"b","msg":"c"}', "ann\nbob"]
)
def test_names_are_checked_as_everywhere(page: Page, name: str) -> None:
    page.say(name)
    assert page.ended()[0] == 1008
    assert page.connection.session is None


def test_the_reason_is_cut_between_letters(page: Page) -> None:
    page.opened()
    page.connection.router.chat.close(page.session, "BANNED", "\u20ac" * 100, why="test")
    code, reason = page.ended()
    assert (code, reason) == (1008, "\u20ac" * (MAX_REASON // 3))


ENDS = [("GONE", 1000), ("RELOAD", 1001), ("INTERNAL", 1011), ("SLOW", 4008), ("IDLE", 4009), ("FULL", 4013), ("BANNED", 1008)]


@pytest.mark.parametrize("greeted", [True, False], ids=["capable", "classic"])
@pytest.mark.parametrize(("code", "close_code"), ENDS)
def test_each_end_has_its_code(page: Page, code: str, close_code: int, greeted: bool) -> None:
    page.say("ann", *[HELLO] * greeted)
    page.connection.router.chat.close(page.session, code, "That was it.", why="test")
    assert page.ended() == (close_code, "That was it.")


def test_who_quits_gets_the_normal_code(page: Page) -> None:
    page.opened().say(line("/quit")[:-1])
    assert page.ended() == (1000, "Goodbye")


def test_a_server_that_shuts_down_says_so_with_a_session_and_without(router_and_clock: tuple[Router, Clock]) -> None:
    named, nameless = Page(*router_and_clock).opened(), Page(*router_and_clock)
    for page in (named, nameless):
        page.connection.goodbye()
        assert page.ended() == (1001, "The server is shutting down. Goodbye!")


def test_who_sends_no_name_is_told_that_it_took_too_long(page: Page) -> None:
    page.wait(10.1)
    code, reason = page.ended()
    assert code == 4009
    assert "No name came" in reason


def test_one_too_many_learns_that(page: Page) -> None:
    from lanchat.protocol.errors import Full  # noqa: PLC0415 (used once)

    page.connection.refuse_excess(Full("The server is full. Try again later."))
    assert page.ended() == (4013, "The server is full. Try again later.")


def test_a_binary_message_is_refused(page: Page) -> None:
    page.opened().send(frame(TIME) + frame(b"\0", BINARY) + frame(TIME))
    found = page.frames()
    assert [one.opcode for one in found] == [TEXT, CLOSE]  # what came before is answered, what came after is not
    assert ended(found)[0] == 1003


WRONG = {
    "not masked": (frame(TIME, mask=b""), 1002),
    "a reserved bit": (bytes([0xC1, 0x80]) + b"mask", 1002),
    "an unknown opcode": (frame(b"", 3), 1002),
    "a continuation of nothing": (frame(b"", CONTINUATION), 1002),
    "a message in a message": (frame(b"", fin=False) + frame(b""), 1002),
    "a ping in parts": (frame(b"", PING, fin=False), 1002),
    "a long ping": (frame(b"x" * 126, PING), 1002),
    "an end of one byte": (frame(b"x", CLOSE), 1002),
    "an end with a forbidden code": (frame((1005).to_bytes(2, "big"), CLOSE), 1002),
    "an end that is no text": (frame((1000).to_bytes(2, "big") + b"\xff", CLOSE), 1007),
    "64 MB": (bytes([0x81, 0xFF]) + (64 << 20).to_bytes(8, "big") + b"mask", 1009),
    "8 EB": (bytes([0x81, 0xFF]) + b"\x7f" + b"\xff" * 7 + b"mask", 1009),
}


@pytest.mark.parametrize("opened", [True, False], ids=["with a session", "before a name"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_websocket_is_closed_with_a_code(page: Page, wrong: str, opened: bool) -> None:
    if opened:
        page.opened()
    data, code = WRONG[wrong]
    page.send(data)
    assert page.ended()[0] == code
    assert page.connection.router.chat.counts.refused["BAD_PACKET"] == (not opened)
    page.send(frame(TIME))
    assert page.bytes() == b""


def test_what_was_sent_before_the_end_is_stored_and_acknowledged_before_the_close_frame() -> None:
    router, clock = make_router()
    User(router, "bob").register()
    page = Page(router, clock).opened()
    store_of(router.chat).held = True
    page.send(frame(line("bob", "one last thing", cid="1")[:-1]) + close(1000))
    assert page.frames() == []
    store_of(router.chat).release()
    page.wait(0.1)
    found = page.frames()
    assert json.loads(found[0].data)["x"]["op"] == "ack"
    assert ended(found) == (1000, "")


def test_nothing_is_sent_after_a_close_frame(page: Page) -> None:
    page.opened()
    page.connection.router.chat.close(page.session, "GONE", "bye", why="test")
    page.connection.deliver(ServerPacket(Sender("bob", ""), "ann", "late"))
    page.send(frame(b"x", PING) + close())
    assert page.frames()[-1].opcode == CLOSE
    assert page.bytes() == b""


def test_a_page_that_leaves_frees_its_name_at_once(router_and_clock: tuple[Router, Clock]) -> None:
    Page(*router_and_clock).opened().send(close(4000))
    Page(*router_and_clock).opened()


def test_a_client_that_hangs_up_without_a_close_frame_is_answered_first(page: Page) -> None:
    page.opened().send(frame(TIME))
    page.connection.readConnectionLost()
    found = page.frames()
    assert [one.opcode for one in found] == [TEXT, CLOSE]
    assert ended(found)[0] == 1000


def test_a_telnet_user_and_a_page_talk(router_and_clock: tuple[Router, Clock]) -> None:
    page, plain = Page(*router_and_clock).opened(), Wire(*router_and_clock)
    plain.send(b"bob\n", line("ann", "hello"))
    assert page.packets()[-1]["msg"] == "hello"
    page.say(line("bob", "h\u00e9")[:-1])
    assert plain.msgs()[-1] == "h\u00e9"
