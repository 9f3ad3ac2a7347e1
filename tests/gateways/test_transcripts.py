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
    ann acts in #ops: text          `/me`
    bob reads ann acts: [#ops] text, ann edited: ..., ann reacted: ..., ann withdrew a message in #ops
                                    the same in the words of each dialect
    ann is told: text               what the server answers; `...` stands for anything
    ann is told a list with: text   the same over several lines, of which one has this
    ann sees: text                  what happened in a room, which a terminal shows, and a client with the cap `event`
    ann reads nothing               nothing has come
    ann hangs up

In one script people meet who have different dialects (`TOGETHER`).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

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
    #: What this dialect calls actions, edits and so on, and what scripts call them.
    words: ClassVar[Mapping[str, str]] = {
        r"^(\w+): (\[#\w+\]) \* \1 ": r"\1 acts: \2 ",
        r"^(\w+): (\[#\w+\]) \(edited\) ": r"\1 edited: \2 ",
        r"^(\w+): (\[#\w+\]) \(reacted (\S+) to: .*\)$": r"\1 reacted: \2 \3",
        r"^(\w+): \[(#\w+)\] \(withdrew a message\)$": r"\1 withdrew a message in \2",
    }

    def __init__(self, router: Router, clock: Clock, name: str) -> None:
        self.name = name
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

    def act(self, to: str, text: str) -> None:
        """Do something, as others are to read it."""
        self.send("/me", f"{to} {text}")

    def read(self) -> None:
        """Look at what came: `ann: text`, `ann (private): text`, or `* text` from the server; nobody here asked for rooms."""
        for packet in self.wire.packets():
            self.came(packet)
            if packet["msg"]:  # an ack of a private word has no text for people
                self.show(packet)

    def show(self, packet: dict[str, Any]) -> None:
        """Note a packet as a script has it."""
        who, to = packet["from"]["name"], packet["to"]
        to_many = to == "Everyone" or to.startswith("#")
        shown = "*" if who == "SERVER" else f"{who}:" if to_many else f"{who} (private):"
        self.unread.append(self.plain(f"{shown} {packet['msg']}"))

    def plain(self, shown: str) -> str:
        """A line as a script has it; each dialect has words of its own for what is more than a text."""
        for pattern, told in self.words.items():
            shown = re.sub(pattern, told, shown)
        return shown

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
        if packet.get("x", {}).get("kind") == "action":
            packet["msg"] = packet["msg"].replace("] ", f"] * {packet['from']['name']} ", 1)
        if seq := packet.get("x", {}).get("seq"):
            self.wire.send(line("/ack", "", seq=seq))


class Modern(Capable):
    """Somebody whose client knows all that there is."""

    name_ends = b"\n" + line("/hello", "lanchat", v=1, caps=["id", "ack", "event", "edit", "react", "read", "typing"])

    def read(self) -> None:
        """As others do, but what is more than a text comes as members of `x`."""
        for packet in self.wire.packets():
            self.came(packet)
            x, who = packet.get("x", {}), packet["from"]["name"]
            where, op = x.get("conv", ""), x.get("op")
            if op == "withdraw":
                self.unread.append(f"{who} withdrew a message in {where}")
            elif op in ("edit", "react"):
                self.unread.append(f"{who} {'edited' if op == 'edit' else 'reacted'}: {packet['msg']}")
            elif packet["msg"] and x.get("by") != self.name:
                self.show(packet)


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

    words: ClassVar[Mapping[str, str]] = {
        r"^\[(#\w+)\] \* (\w+) ": r"\2 acts: [\1] ",
        r"^(\w+) \((edited|reacted)\): ": r"\1 \2: ",
        r"^(\w+) \((?:reply|notice)\): ": r"\1: ",
        r"^(\w+): \[(#\w+)\] \(withdrew a message\)$": r"\1 withdrew a message in \2",
    }

    def act(self, to: str, text: str) -> None:
        """Do something where typed lines go."""
        self.wire.send(f"/to {to}\r\n/me {text}\r\n/to\r\n".encode())

    def read(self) -> None:
        """Lines are shown as the script writes them."""
        lines = self.wire.bytes().decode().removeprefix("Your name: ").splitlines()
        self.unread += [self.plain(shown) for shown in lines if not shown.startswith("* Your messages now go to")]


DIALECTS = {"json": Actor, "capable": Capable, "unframed": Unframed, "telnet": Telnet}
#: What those have who meet in one script: two at terminals, one at telnet, one with the first client.
TOGETHER: dict[str, type[Actor]] = {"ann": Modern, "bob": Modern, "eve": Telnet, "joe": Unframed}


class Stage:
    """Plays a script."""

    def __init__(self, dialect: type[Actor], others: Mapping[str, type[Actor]] | None = None) -> None:
        """`others` says who has another dialect."""
        self.dialect, self.others = dialect, others or {}
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
        self.actors[name] = self.others.get(name, self.dialect)(self.router, self.clock, name)

    def sends(self, name: str, to: str, text: str) -> None:
        """Somebody says something to somebody."""
        self.actors[name].send(to, json.loads(f'"{text}"'))

    def shouts(self, name: str, text: str) -> None:
        """Somebody says something to everyone."""
        self.actors[name].send("Everyone", json.loads(f'"{text}"'))
        if self.actors[name].confirmed:
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

    def told_list(self, name: str, text: str) -> None:
        """The server tells somebody something in several lines, and among them is this."""
        came = [self.actors[name].next()]
        while self.actors[name].unread:
            came.append(self.actors[name].next())
        assert any(text in shown for shown in came), f"{name} read {came!r}"

    def acts(self, name: str, to: str, text: str) -> None:
        """Somebody does something, as others are to read it."""
        self.actors[name].act(to, text)

    def sees(self, name: str, text: str) -> None:
        """A terminal shows this, next."""
        if isinstance(self.actors[name], (Telnet, Modern)):
            self.told(name, text)

    def hangs_up(self, name: str) -> None:
        """Somebody goes."""
        self.actors[name].wire.lose()


STEPS: dict[str, Callable[..., None]] = {
    r"(\w+) opens": Stage.opens,
    r"(\w+) sends (\S+): (.*)": Stage.sends,
    r"(\w+) acts in (\S+): (.*)": Stage.acts,
    r"(\w+) shouts: (.*)": Stage.shouts,
    r"(\w+) shouts in vain: (.*)": Stage.shouts_in_vain,
    r"(\w+) types (/\w+)(.*)": Stage.types,
    r"(\w+) is told: (.*)": Stage.told,
    r"(\w+) is told a list with: (.*)": Stage.told_list,
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


@pytest.mark.parametrize("others", [TOGETHER, dict.fromkeys(TOGETHER, Modern)], ids=["different", "modern"])
def test_people_with_other_clients_play_it_together(others: Mapping[str, type[Actor]]) -> None:
    stage = Stage(Actor, others)
    for step in (SCRIPTS[0].parent / "together.chat").read_text().splitlines():
        if step and not step.startswith("#"):
            stage.play(step)


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 4
