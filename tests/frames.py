"""Frames of WebSockets as a client sends and reads them, byte by byte, so that tests can also send wrong ones."""

from __future__ import annotations

from typing import NamedTuple

from lanchat.gateways.factory import ChatFactory
from tests.fakes import Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x13\x57\x9b\xdf"
#: What a browser asks for to open a WebSocket, without the first line, the end and an Origin.
HANDSHAKE = (
    b"Host: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Frame(NamedTuple):
    """One that came from the server."""

    opcode: int
    data: bytes
    fin: bool = True


def frame(data: bytes | str, opcode: int = TEXT, fin: bool = True, mask: bytes = MASK) -> bytes:
    """One that a client sends; with an empty mask, one that it must not send."""
    payload = data.encode() if isinstance(data, str) else data
    size, masked = len(payload), 0x80 if mask else 0
    head = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        head += bytes([masked | size])
    elif size < 65536:
        head += bytes([masked | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([masked | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


def close(code: int = 1000, reason: str = "") -> bytes:
    """The end that a client sends."""
    return frame(code.to_bytes(2, "big") + reason.encode(), CLOSE)


def frames(data: bytes) -> list[Frame]:
    """Those that a server wrote; they are not masked, and no part of one is left."""
    found = []
    while data:
        first, size, at = data[0], data[1], 2
        assert size < 0x80, "a server must not mask"
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at], "big")
        assert len(data) >= at + size, "a frame is cut"
        found.append(Frame(first & 0x0F, data[at : at + size], bool(first & 0x80)))
        data = data[at + size :]
    return found


def ended(found: list[Frame]) -> tuple[int, str]:
    """The code and the reason of the last of these, which must be a close frame, and the only one."""
    assert [one.opcode for one in found].count(CLOSE) == 1
    assert found[-1].opcode == CLOSE
    return int.from_bytes(found[-1].data[:2], "big"), found[-1].data[2:].decode()


class SocketWire(Wire):
    """A WebSocket in memory, after its handshake."""

    factory: ChatFactory

    def say(self, *messages: bytes | str) -> None:
        """Send text messages, one frame each, all at once."""
        self.send(b"".join(map(frame, messages)))

    def frames(self) -> list[Frame]:
        """What was written since the last look."""
        return frames(self.bytes())
