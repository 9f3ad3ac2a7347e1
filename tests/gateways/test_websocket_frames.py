"""What is read fast is read as `websockets` reads it, and what is written is what it reads."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given, strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from lanchat.gateways.outbox import Outbox
from lanchat.gateways.websocket import WebSocketProtocol
from lanchat.gateways.websocket_connection import ConnectionEnded
from lanchat.gateways.websocket_frames import read_messages, size_from_client, write_message
from lanchat.protocol.packet import MAX_BLOCK, MAX_PACKET
from tests.fakes import make_router

#: Bytes on the wire that are no frame of a client: a reserved bit, an unknown opcode, no mask, a ping that is too long.
BAD = [b"\xc1\x80", b"\x83\x80", b"\x81\x05hello", b"\x89\xfe\x00\x7e" + bytes(130)]
PADDED = b"\x81\xfe\x00\x01\0\0\0\0a"  # a length of 1 in two bytes, which `websockets` allows

texts = st.one_of(
    st.binary(max_size=40), st.integers(120, 130).map(bytes), st.sampled_from([MAX_BLOCK - 8, 65535, MAX_PACKET + 1]).map(bytes)
)


def from_client(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def fragments(parts: list[bytes]) -> bytes:
    """A message in as many frames, with a ping between them."""
    last = len(parts) - 1
    frames = [from_client(Opcode.CONT if i else Opcode.TEXT, part, fin=i == last) for i, part in enumerate(parts)]
    return from_client(Opcode.PING, b"between").join(frames)


wire = st.one_of(
    texts.map(lambda text: from_client(Opcode.TEXT, text)),
    st.lists(texts, min_size=1, max_size=3).map(fragments),
    st.binary(max_size=125).map(lambda data: from_client(Opcode.PING, data)),
    st.binary(max_size=125).map(lambda data: from_client(Opcode.PONG, data)),
    st.sampled_from(
        [
            *BAD,
            PADDED,
            from_client(Opcode.BINARY, b"binary"),
            from_client(Opcode.CONT, b"of nothing"),
            from_client(Opcode.TEXT, b"begun", fin=False),
            from_client(Opcode.CLOSE, Close(1000, "bye").serialize()),
            from_client(Opcode.CLOSE, b"\x03"),
        ]
    ),
)


def chunks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut at these places, counted from the cut before."""
    found, at = [], 0
    for cut in cuts:
        found.append(data[at : at + cut])
        at += cut
    return [*found, data[at:]]


def as_the_gateway_reads(chunks: list[bytes]) -> tuple[list[bytes], list[bytes], ServerProtocol]:
    """The messages, what is answered, and the codec behind."""
    connection, answers = WebSocketProtocol(make_router()[0]), list[bytes]()
    connection.outbox = cast(Outbox, SimpleNamespace(send=answers.append))
    found: list[bytes] = []
    for chunk in chunks:
        rest = chunk
        while rest and connection._codec.state is State.OPEN:
            packets, frames, rest = connection.split(rest)
            assert not packets  # as there is no session yet
            found += [frame for frame in frames or () if frame is not None and not isinstance(frame, ConnectionEnded)]
    return found, answers + connection._codec.data_to_send(), connection._codec


def as_websockets_reads(chunks: list[bytes]) -> tuple[list[bytes], list[bytes], ServerProtocol]:
    codec = ServerProtocol(state=State.OPEN, max_size=MAX_PACKET)
    found, parts, answers = list[bytes](), b"", list[bytes]()
    for chunk in chunks:
        for at in range(0, len(chunk), MAX_BLOCK):
            if codec.state is not State.OPEN:
                break
            codec.receive_data(chunk[at : at + MAX_BLOCK])
            for frame in _until_binary(codec):
                if frame.opcode in (Opcode.TEXT, Opcode.CONT):
                    parts += frame.data
                    if frame.fin:
                        found.append(parts)
                        parts = b""
            answers += codec.data_to_send()
    return found, answers, codec


def _until_binary(codec: ServerProtocol) -> Iterator[Any]:
    frames: list[Any] = codec.events_received()
    for frame in frames:
        if frame.opcode is Opcode.BINARY:
            if codec.state is State.OPEN:
                codec.fail(CloseCode.UNSUPPORTED_DATA, "Send text messages, each with one packet.")
            return
        yield frame


@given(st.lists(wire, max_size=8), st.lists(st.integers(0, 300), max_size=12))
@example([PADDED, fragments([b"a", b"", b"c"]), from_client(Opcode.TEXT, b"after")], [])
@example([from_client(Opcode.TEXT, b"begun", fin=False), from_client(Opcode.TEXT, b"another")], [11])
@example([from_client(Opcode.TEXT, b"whole"), from_client(Opcode.TEXT, b"cut"), from_client(Opcode.TEXT, b"whole again")], [13])
def test_however_frames_are_cut_all_is_as_websockets_reads_it(frames: list[bytes], cuts: list[int]) -> None:
    chunks = chunks_of(b"".join(frames), cuts)
    found, answers, codec = as_the_gateway_reads(chunks)
    wanted, replies, other = as_websockets_reads(chunks)
    assert found == wanted
    assert b"".join(answers) == b"".join(replies)
    assert (codec.state, codec.close_sent, codec.close_rcvd) == (other.state, other.close_sent, other.close_rcvd)


def test_whole_messages_never_reach_the_codec() -> None:
    connection = WebSocketProtocol(make_router()[0])
    connection._codec = cast(ServerProtocol, SimpleNamespace(state=State.OPEN, current_size=None))
    _, frames, rest = connection.split(b"".join(from_client(Opcode.TEXT, bytes(size)) for size in (2, 125, 126, 5000)))
    assert ([len(frame) for frame in frames or ()], rest) == ([2, 125, 126, 5000], b"")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_the_size_of_a_frame_is_that_of_its_bytes(size: int) -> None:
    frame = Frame(Opcode.TEXT, bytes(size))
    assert size_from_client(frame) == len(frame.serialize(mask=True))


def test_bytes_that_are_no_whole_message_are_left() -> None:
    whole = from_client(Opcode.TEXT, b"hello")
    for other in (*BAD, whole[:-1], from_client(Opcode.TEXT, b"he", fin=False), from_client(Opcode.PING, b"ping")):
        assert read_messages(whole + other) == ([b"hello"], len(whole))


@given(texts)
def test_what_is_written_is_a_text_message(text: bytes) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=None)
    client.receive_data(write_message(text))
    (frame,) = cast(list[Frame], client.events_received())
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, text)
