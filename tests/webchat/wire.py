"""HTTP and WebSocket (RFC 6455) byte by byte, for what no browser sends; and a peer that speaks as it should."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from http.client import HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection

from tests.live import PATIENCE, line

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
FIN, COMPRESSED, MASKED = 0x80, 0x40, 0x80
#: What a browser asks for a WebSocket with, besides Host and Origin.
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Answer:
    """An answer of HTTP, whole."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read() if response.status != 101 else b""
        self.text = self.body.decode("utf-8", "replace")


class Raw:
    """A connection to a port for browsers: bytes out, answers or frames in. With `authority`, over TLS."""

    def __init__(self, port: int, authority: Path | None = None) -> None:
        self.port = port
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if authority is not None:
            context = ssl.create_default_context(cafile=str(authority))
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._reader = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def ask(self, path: str = "/", method: str = "GET", **headers: str | None) -> Answer:
        """Send a request, with the server's address as Host unless `headers` say otherwise; the answer.

        In the names of `headers`, `_` stands for `-`; None leaves one out.
        """
        lines = {"Host": f"127.0.0.1:{self.port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        return self.answer(method)

    def answer(self, method: str = "GET") -> Answer:
        """The next answer."""
        response = HTTPResponse(self.socket, method=method)
        response.fp.close()
        response.fp = _Shared(self._reader)  # type: ignore[assignment]  # what is read ahead stays for what follows
        response.begin()
        return Answer(response)

    def upgrade(self, path: str = "/ws", **headers: str | None) -> Answer:
        """Ask for a WebSocket, as a program does unless there is an Origin."""
        asked: dict[str, str | None] = {**UPGRADE, **headers}
        return self.ask(path, "GET", **asked)

    def frame(self, payload: bytes | str = b"", opcode: int = TEXT, head: int = FIN, mask: int = MASKED) -> None:
        """Send a frame; its first byte is `head` and `opcode`."""
        self.send(frame(payload, opcode, head, mask))

    def say(self, to: str, msg: str = "", **x: Any) -> None:
        """Send a packet."""
        self.frame(line(to, msg, **x)[:-1])

    def open(self, name: str) -> Raw:
        """Become a WebSocket, give a name with a hello, and wait for the welcome."""
        assert self.upgrade().status == 101
        self.send(frame(name) + frame(line("/hello", "lanchat", v=1, caps=["id"])[:-1]))
        assert "Welcome" in self.packet()["msg"]
        return self

    def receive(self) -> tuple[int, bytes]:
        """The opcode and the payload of the next frame."""
        head = self._read(2)
        size = head[1]
        if size == 126:
            (size,) = struct.unpack("!H", self._read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._read(8))
        assert head[0] & 0xF0 == FIN, "the server's messages are in one frame each, and not compressed"
        return head[0] & 0x0F, self._read(size)

    def packet(self) -> dict[str, Any]:
        """The next packet; pongs before it are passed over."""
        opcode = PONG
        while opcode == PONG:
            opcode, payload = self.receive()
        assert opcode == TEXT, (opcode, payload)
        packet: dict[str, Any] = json.loads(payload)
        return packet

    def wait_for(self, text: str) -> dict[str, Any]:
        """The next packet whose `msg` has this text; those before it are passed over."""
        while text not in (packet := self.packet())["msg"]:
            continue
        return packet

    def closed(self) -> tuple[int, str]:
        """The code and the reason of the close frame, after whatever comes before it, and nothing after it."""
        opcode = TEXT
        while opcode != CLOSE:
            opcode, payload = self.receive()
        assert self.at_end()
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    def rest(self) -> bytes:
        """All that comes before the server closes the connection."""
        data: bytes = self._reader.read()
        return data

    def at_end(self) -> bool:
        """Whether the server closes the connection, after whatever it still sends."""
        try:
            while self._reader.read(65536):
                continue
        except ConnectionResetError:
            pass
        return True

    def _read(self, size: int) -> bytes:
        data = self._reader.read(size)
        assert len(data) == size, "the connection was closed"
        return data

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self.socket.close()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Shared:
    """A file that an answer is read from, and that stays open after it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Leave it open."""


def frame(payload: bytes | str = b"", opcode: int = TEXT, head: int = FIN, mask: int = MASKED) -> bytes:
    """A frame as a client sends it, masked with zeros."""
    data = payload.encode() if isinstance(payload, str) else payload
    return frame_head(len(data), opcode, head, mask) + data


def frame_head(size: int, opcode: int = TEXT, head: int = FIN, mask: int = MASKED) -> bytes:
    """The head of a frame with a payload of so many bytes."""
    key = bytes(4) if mask else b""
    if size < 126:
        return bytes((head | opcode, mask | size)) + key
    if size < 65536:
        return struct.pack("!BBH", head | opcode, mask | 126, size) + key
    return struct.pack("!BBQ", head | opcode, mask | 127, size) + key


def hello(connection: ClientConnection, name: str, **x: Any) -> dict[str, Any]:
    """Say a name and a hello at once on a WebSocket of the library; the packet that answers."""
    connection.send(name)
    connection.send(line("/hello", "lanchat", **({"v": 1, "caps": ["id", "ack", "ping"]} | x)).decode())
    return receive(connection)


def receive(connection: ClientConnection, text: str = "") -> dict[str, Any]:
    """The next packet that has this text."""
    while True:
        packet: dict[str, Any] = json.loads(connection.recv(PATIENCE))
        if text in packet["msg"]:
            return packet
