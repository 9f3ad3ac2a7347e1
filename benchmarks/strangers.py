"""What a stranger may send: each command, at each gateway, and what is no command or not even a packet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from lanchat.commands import COMMANDS
from lanchat.protocol.packet import EVERYONE
from lanchat.webchat.files import STATIC, TYPES

#: Those at which any command may be sent; and all, "http" being requests of browsers.
COMMANDED = ("lines", "capable", "account", "unframed", "telnet", "TLS")
#: Those of IRC clients: of guests, of accounts, and of those who have no nick yet.
IRC, IRC_ACCOUNT, IRC_EARLY = "irc", "irc account", "irc, no nick"
OF_IRC = (IRC, IRC_ACCOUNT, IRC_EARLY)
GATEWAYS = (*COMMANDED, "ws", "http", *OF_IRC)
#: What a capable one asks for.
CAPS = ["id", "ack", "presence", "history", "room", "read", "event", "edit", "react", "typing"]
IRC_CAPS = "batch draft/chathistory draft/read-marker echo-message labeled-response message-tags server-time soju.im/search"
#: The room that everybody is in, and that of the stranger with an account; his name; somebody who is there.
ROOM, OWN_ROOM, OWNER, VICTIM = "#ops", "#mal", "mallory", "victim"
#: His password.
PASSWORD = "password"  # noqa: S105 (nobody's)
#: What is written for an argument of a command.
_SHORT = {"room": ROOM, "target": ROOM, "user": VICTIM, "prefix": "h", "password": "wrong", "duration": "1s", "command": "pm"}
_SHORT |= {"rule": "moderated", "value": "on", "id": "last"}
#: What is written for all arguments of a command, where others would do nothing.
_GIVEN = {"/rank": [OWN_ROOM, OWNER, "owner"], "/rename": [OWN_ROOM, OWN_ROOM], "/notify": [ROOM, "on"]}
#: Texts: their length is their cost.
_LONG = {"long": "x" * 16_000, "escaped": "\x80" * 8_000, "lines": "\n" * 10_000}
#: What a browser sends with each request; and what makes one the handshake of a WebSocket.
_HEADERS = (
    b"Host: localhost\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\n"
)
_HANDSHAKE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)
#: Kinds of WebSocket frames (RFC 6455, 5.2).
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_numbers = count()


class Row(NamedTuple):
    """What is sent over and over again, as bytes; `piece` of them at a time."""

    title: str
    gateway: str
    frame: bytes
    piece: int = 65_536

    @property
    def tls(self) -> bool:
        """Whether it is sent over TLS."""
        return self.gateway == "TLS"


def packet(to: str, msg: str = "", **x: object) -> bytes:
    """A packet, without a newline."""
    members = {"from": {"name": "", "ip": ""}, "to": to, "msg": msg} | ({"x": x} if x else {})
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def written(gateway: str, to: str, msg: str) -> bytes:
    """A packet as the clients of this gateway send it."""
    if gateway == "http":
        return _request("/", b"Connection: close\r\n")
    if gateway in OF_IRC:
        return b"QUIT\r\n" if to == "/quit" else f"PRIVMSG {to} :{msg}\r\n".encode()
    if gateway == "ws":
        return _frame(packet(to, msg))
    if gateway == "telnet" and to == EVERYONE:
        return f"{msg}\r\n".encode()
    if gateway == "telnet":
        return f"{to} {msg}\r\n".encode() if to.startswith(("/", "#")) else f"/pm {to} {msg}\r\n".encode()
    return packet(to, msg) + (b"" if gateway == "unframed" else b"\n")


def opening(gateway: str, token: str, name: str = "") -> bytes:
    """The beginning of a connection: a new name, if none is given, and all that one must be to say anything."""
    if gateway == "http":
        return b""
    name = OWNER if gateway in {"account", IRC_ACCOUNT} else name or f"stranger{os.getpid()}-{next(_numbers)}"
    if gateway == "ws":
        hello = _frame(packet("/hello", "benchmark", v=1, caps=CAPS))
        return _request("/ws", _HANDSHAKE) + _frame(name.encode()) + hello + written(gateway, "/join", ROOM)
    if gateway == IRC_EARLY:
        return b"CAP LS 302\r\nCAP REQ :sasl\r\n"
    if gateway in OF_IRC:
        login = f"PASS {OWNER}:{PASSWORD}\r\n" if gateway == IRC_ACCOUNT else ""
        return f"CAP REQ :{IRC_CAPS}\r\n{login}NICK {name}\r\nUSER u 0 * :u\r\nCAP END\r\nJOIN {ROOM}\r\n".encode()
    begin = name.encode() + {"unframed": b"", "telnet": b"\r\n"}.get(gateway, b"\n")
    if gateway == "capable":
        begin += packet("/hello", "benchmark", v=1, caps=CAPS) + b"\n"
    if gateway == "account":
        begin += packet("/hello", "benchmark", v=1, caps=CAPS, auth={"mech": "TOKEN", "token": token}) + b"\n"
    return begin + written(gateway, "/join", ROOM)


def rows() -> Iterator[Row]:
    """All of them."""
    for gateway in COMMANDED:
        yield from _commands(gateway)
        yield from _messages(gateway)
        yield from _frames(gateway)
    yield from _messages("ws")
    yield from _websocket_frames()
    yield from _requests()


def _request(path: str, more: bytes = b"") -> bytes:
    return f"GET {path} HTTP/1.1\r\n".encode() + _HEADERS + more + b"\r\n"


def _frame(data: bytes, opcode: int = _TEXT, fin: bool = True) -> bytes:
    """A WebSocket frame of a client's, with a mask that changes nothing."""
    size = len(data)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([opcode | fin << 7]) + length + bytes(4) + data


def _commands(gateway: str) -> Iterator[Row]:
    """Each command without arguments, with short ones, and, if it takes a text, with long ones."""
    for name, command in COMMANDS.items():
        given = _GIVEN.get(name) or [_SHORT.get(arg, "hello") for arg in command.args]
        if gateway == "account":
            given = [OWN_ROOM if arg == ROOM and name != "/history" else arg for arg in given]
        yield Row(name, gateway, written(gateway, name, ""))
        if given:
            yield Row(f"{name} {' '.join(given)}", gateway, written(gateway, name, " ".join(given)))
        if "id" in command.args:
            yield Row(f"{name}, by number", gateway, written(gateway, name, " ".join(["2", *given[1:]])))
        if given and gateway in {"capable", "account"}:
            for kind, text in _LONG.items():
                yield Row(f"{name}, {kind}", gateway, written(gateway, name, " ".join([*given[:-1], text])))


def _messages(gateway: str) -> Iterator[Row]:
    """A word to everyone, to a room, to a user and to nobody; and texts whose length is their cost."""
    odd = "\u01c5" * 128
    whom = {"everyone": EVERYONE, "a room": ROOM, "a user": VICTIM, "nobody": "nobody", "an odd name": odd}
    if gateway == "account":
        whom["their own room"] = OWN_ROOM
    for title, to in whom.items():
        yield Row(f"to {title}", gateway, written(gateway, to, "hello"))
        for kind, text in _LONG.items():
            if gateway != "telnet" or kind != "lines":
                yield Row(f"to {title}, {kind}", gateway, written(gateway, to, text))


def _frames(gateway: str) -> Iterator[Row]:
    """What is no packet."""
    end = b"\r\n" if gateway == "telnet" else b"" if gateway == "unframed" else b"\n"
    yield Row("a byte at a time", gateway, written(gateway, VICTIM, "hello"), piece=1)
    yield Row("connecting", gateway, b"")
    yield Row("blank lines", gateway, b"\n" * 1000)
    yield Row("empty objects", gateway, b"{}" + end)
    yield Row("not JSON", gateway, b"x" + end)
    yield Row("a line without an end", gateway, b"x" + b"{}" * 30_000)
    yield Row("objects without an end", gateway, b'{"":' * 15_000 + b"}")
    yield Row("deep JSON", gateway, b"[" * 60_000 + end)
    yield Row("a long line", gateway, b"x" * 70_000 + b"\n")
    if gateway == "telnet":
        yield Row("telnet's own bytes", gateway, b"\xff\xf1" * 500)
        yield Row("a subnegotiation", gateway, b"\xff\xfa" * 500)
        yield Row("telnet's requests", gateway, b"\xff\xfd\x06\xff\xf6" * 500)
        yield Row("keys that erase", gateway, ("\U0001f1e9" * 256 + "\b" * 256 + "\r\n").encode())


def _websocket_frames() -> Iterator[Row]:
    """What is no message, or more of a message than it takes."""
    hello, long = packet(VICTIM, "hello"), packet(VICTIM, "x" * 16_000)
    letters = [_frame(hello[n : n + 1], _TEXT if n == 0 else _CONTINUATION, n == len(hello) - 1) for n in range(len(hello))]
    empty = _frame(b"", _CONTINUATION, fin=False) * 500
    yield Row("connecting", "ws", b"")
    yield Row("a byte at a time", "ws", _frame(hello), piece=1)
    yield Row("pings", "ws", _frame(b"", _PING))
    yield Row("long pings", "ws", _frame(b"x" * 125, _PING))
    yield Row("pongs", "ws", _frame(b"", _PONG))
    yield Row("fragments of a byte", "ws", b"".join(letters))
    yield Row("empty fragments", "ws", _frame(long[:-1], fin=False) + empty + _frame(long[-1:], _CONTINUATION))
    yield Row("half frames", "ws", _frame(long), piece=len(long) // 2)
    yield Row("frames in small pieces", "ws", _frame(b"x" * 65_000), piece=100)
    yield Row("not JSON", "ws", _frame(b"x"))
    yield Row("empty messages", "ws", _frame(b""))
    yield Row("deep JSON", "ws", _frame(b"[" * 60_000))
    yield Row("binary messages", "ws", _frame(b"x", _BINARY))
    yield Row("a frame of 64 MB", "ws", bytes([0x81, 0xFF]) + (64 << 20).to_bytes(8, "big"))
    yield Row("frames that are no frames", "ws", b"\xff" * 100)
    yield Row("closing at once", "ws", _frame(b"", _CLOSE))


def _requests() -> Iterator[Row]:
    """Loads of the page, of parts of it, and what is asked wrongly."""
    files = [f"/{path.relative_to(STATIC).as_posix()}" for path in STATIC.rglob("*") if path.suffix in TYPES]
    yield Row("connecting", "http", b"")
    yield Row("the whole page", "http", b"".join(map(_request, ["/", *files, "/server.json"])))
    yield Row("a file", "http", _request("/vendor/preact.js"))
    yield Row("a file, a byte at a time", "http", _request("/vendor/preact.js"), piece=1)
    yield Row("a file, uncompressed", "http", _request("/vendor/preact.js").replace(b"gzip", b"x"))
    yield Row("a file by another name", "http", _request("/vendor/preact.js?" + "&".join(["a=1"] * 1000)))
    yield Row("/trust", "http", _request("/trust"))
    yield Row("nothing", "http", _request("/nothing"))
    yield Row("many headers", "http", _request("/", b"X-Y: z\r\n" * 55))
    yield Row("a wrong host", "http", _request("/").replace(b"localhost", b"example.org"))
    yield Row("a foreign origin", "http", _request("/ws", _HANDSHAKE + b"Origin: http://example.org\r\n"))
    yield Row("a wrong handshake", "http", _request("/ws", _HANDSHAKE.replace(b"MDEy", b"")))
    yield Row("a body", "http", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    yield Row("headers without an end", "http", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000)
    yield Row("no HTTP", "http", b"x\n")
