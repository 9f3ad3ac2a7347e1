"""Conversations as scripts that anyone can read (`scripts/*.chat`), each played once through every gateway.

A line is one of:

    ann opens                       a connection with that name, and its welcome
    ann sends bob: text             a private word
    ann sends #ops: text            a word in a room
    ann shouts: text                a word to everyone else
    ann shouts in vain: text        the same, which will be refused
    ann types /command arguments    a command
    bob reads ann: text             what ann said to everyone
    bob reads ann (private): text   what ann said to bob alone
    bob reads ann: [#ops] text      what ann said in a room
    ann is told: text               what the server answers; `...` stands for anything
    ann sees: text                  what happened in a room, which a terminal shows, and a client with the cap `event`
    ann reads nothing               nothing has come
    ann hangs up
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from tests.fakes import Wire, make_router
from tests.live import line

#: A capable client never uses one twice.
CIDS = itertools.count()
SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("*.chat"))


class Actor:
    """Somebody in a script, who speaks classic JSON."""

    protocol: type[Connection] = ChatProtocol
    name_ends = b"\n"
    confirmed = True  #: whether a word to everyone is answered with a count

    def __init__(self, router: Router, clock: Clock, name: str) -> None:
        self.wire = Wire(router, clock, self.protocol)
        self.unread: list[str] = []
        self.wire.send(name.encode() + self.name_ends)
        self.wire.wait(0.2)

    def packet(self, to: str, msg: str) -> bytes:
        """A packet in this dialect."""
        return line(to, msg)

    def send(self, to: str, msg: str) -> None:
        """Say something to somebody, or run a command."""
        self.wire.send(self.packet(to, msg))

    def read(self) -> None:
        """Look at what came: `ann: text`, `ann (private): text`, or `* text` from the server; nobody here asked for rooms."""
        for packet in self.wire.packets():
            self.came(packet)
            who, to = packet["from"]["name"], packet["to"]
            if packet["msg"]:  # an ack of a private word has no text for people
                to_many = to == "Everyone" or to.startswith("#")
                shown = "*" if who == "SERVER" else f"{who}:" if to_many else f"{who} (private):"
                self.unread.append(f"{shown} {packet['msg']}")

    def came(self, packet: dict[str, Any]) -> None:
        """A packet came."""

    def next(self) -> str:
        """The next thing that came, waiting for as long as an unframed client must."""
        for _ in range(100):
            self.read()
            if self.unread:
                return self.unread.pop(0)
            self.wire.wait(0.01)
        return "nothing"


class Capable(Actor):
    """Somebody whose client says hello."""

    name_ends = b"\n" + line("/hello", "lanchat", v=1, caps=["id", "ack"])

    def packet(self, to: str, msg: str) -> bytes:
        """A packet that asks for an answer."""
        return line(to, msg, cid=str(next(CIDS)))

    def came(self, packet: dict[str, Any]) -> None:
        """Say of what came from the log that it has come: it is shown again otherwise."""
        if seq := packet.get("x", {}).get("seq"):
            self.wire.send(line("/ack", "", seq=seq))


class Unframed(Actor):
    """Somebody with one of the first clients."""

    name_ends = b""

    def packet(self, to: str, msg: str) -> bytes:
        """A packet without its newline."""
        return super().packet(to, msg).strip()


class Telnet(Actor):
    """Somebody at a terminal."""

    protocol = TelnetProtocol
    confirmed = False

    def packet(self, to: str, msg: str) -> bytes:
        """What a person types."""
        typed = msg if to == "Everyone" else f"{to} {msg}" if to.startswith("/") else f"/pm {to} {msg}"
        return typed.encode() + b"\r\n"

    def read(self) -> None:
        """Lines are shown as the script writes them."""
        self.unread += self.wire.bytes().decode().removeprefix("Your name: ").splitlines()


DIALECTS = {"json": Actor, "capable": Capable, "unframed": Unframed, "telnet": Telnet}


class Stage:
    """Plays a script."""

    def __init__(self, dialect: type[Actor]) -> None:
        self.dialect = dialect
        self.router, self.clock = make_router()
        self.actors: dict[str, Actor] = {}

    def play(self, step: str) -> None:
        """Do what one line says."""
        for pattern, do in STEPS.items():
            if match := re.fullmatch(pattern, step):
                do(self, *match.groups())
                return
        pytest.fail(f"no such step: {step}")

    def opens(self, name: str) -> None:
        """Somebody comes."""
        self.actors[name] = Actor.__new__(self.dialect)
        self.dialect.__init__(self.actors[name], self.router, self.clock, name)

    def sends(self, name: str, to: str, text: str) -> None:
        """Somebody says something to somebody."""
        self.actors[name].send(to, json.loads(f'"{text}"'))

    def shouts(self, name: str, text: str) -> None:
        """Somebody says something to everyone."""
        self.actors[name].send("Everyone", json.loads(f'"{text}"'))
        if self.dialect.confirmed:
            self.told(name, "Message sent to ... users")

    def shouts_in_vain(self, name: str, text: str) -> None:
        """Somebody says something to everyone, who may not."""
        self.actors[name].send("Everyone", json.loads(f'"{text}"'))

    def types(self, name: str, command: str, arguments: str) -> None:
        """Somebody runs a command."""
        self.actors[name].send(command, arguments.strip())

    def reads(self, name: str, text: str) -> None:
        """Somebody is shown exactly this, next."""
        wanted = ".*".join(re.escape(part) for part in text.split("..."))
        came = self.actors[name].next()
        assert re.fullmatch(wanted, came, re.DOTALL), f"{name} read {came!r}, not {text!r}"

    def told(self, name: str, text: str) -> None:
        """The server tells somebody this, next."""
        self.reads(name, f"* {text}")

    def sees(self, name: str, text: str) -> None:
        """A terminal shows this, next."""
        if self.dialect is Telnet:
            self.told(name, text)

    def hangs_up(self, name: str) -> None:
        """Somebody goes."""
        self.actors[name].wire.lose()


STEPS: dict[str, Callable[..., None]] = {
    r"(\w+) opens": Stage.opens,
    r"(\w+) sends (\S+): (.*)": Stage.sends,
    r"(\w+) shouts: (.*)": Stage.shouts,
    r"(\w+) shouts in vain: (.*)": Stage.shouts_in_vain,
    r"(\w+) types (/\w+)(.*)": Stage.types,
    r"(\w+) is told: (.*)": Stage.told,
    r"(\w+) sees: (.*)": Stage.sees,
    r"(\w+) reads (.*)": Stage.reads,
    r"(\w+) hangs up": Stage.hangs_up,
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_script_plays_the_same_through_every_gateway(script: Path, dialect: str) -> None:
    stage = Stage(DIALECTS[dialect])
    for step in script.read_text().splitlines():
        if step and not step.startswith("#"):
            stage.play(step)


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 4
