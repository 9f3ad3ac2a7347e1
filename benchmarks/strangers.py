"""What a stranger may send: each command, at each gateway, and what is no command or not even a packet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from lanchat.commands import COMMANDS
from lanchat.protocol.packet import EVERYONE

GATEWAYS = ("lines", "capable", "account", "unframed", "telnet", "TLS")
#: What a capable one asks for.
CAPS = ["id", "ack", "presence", "history", "room", "read", "event", "edit", "react", "typing"]
#: The room that everybody is in, and that of the stranger with an account; his name; somebody who is there.
ROOM, OWN_ROOM, OWNER, VICTIM = "#ops", "#mal", "mallory", "victim"
#: What is written for an argument of a command.
_SHORT = {"room": ROOM, "target": ROOM, "user": VICTIM, "prefix": "h", "password": "wrong", "duration": "1s", "command": "pm"}
_SHORT |= {"rule": "moderated", "value": "on", "id": "last"}
#: What is written for all arguments of a command, where others would do nothing.
_GIVEN = {"/rank": [OWN_ROOM, OWNER, "owner"], "/rename": [OWN_ROOM, OWN_ROOM], "/notify": [ROOM, "on"]}
#: Texts: their length is their cost.
_LONG = {"long": "x" * 16_000, "escaped": "\x80" * 8_000, "lines": "\n" * 10_000}
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
    if gateway == "telnet" and to == EVERYONE:
        return f"{msg}\r\n".encode()
    if gateway == "telnet":
        return f"{to} {msg}\r\n".encode() if to.startswith(("/", "#")) else f"/pm {to} {msg}\r\n".encode()
    return packet(to, msg) + (b"" if gateway == "unframed" else b"\n")


def opening(gateway: str, token: str, name: str = "") -> bytes:
    """The beginning of a connection: a new name, if none is given, and all that one must be to say anything."""
    name = OWNER if gateway == "account" else name or f"stranger{os.getpid()}-{next(_numbers)}"
    begin = name.encode() + {"unframed": b"", "telnet": b"\r\n"}.get(gateway, b"\n")
    if gateway == "capable":
        begin += packet("/hello", "benchmark", v=1, caps=CAPS) + b"\n"
    if gateway == "account":
        begin += packet("/hello", "benchmark", v=1, caps=CAPS, auth={"mech": "TOKEN", "token": token}) + b"\n"
    return begin + written(gateway, "/join", ROOM)


def rows() -> Iterator[Row]:
    """All of them."""
    for gateway in GATEWAYS:
        yield from _commands(gateway)
        yield from _messages(gateway)
        yield from _frames(gateway)


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
