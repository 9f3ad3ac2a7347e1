"""The core without sockets: the real gateway and router, with sessions on transports in memory, and what each thing takes."""

from __future__ import annotations

import gc
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner, textFileLogObserver

from benchmarks.servers import LIFTED, Failed
from lanchat import commands, core
from lanchat.core import keepalive
from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.model.session import Session
from lanchat.net.admission import Admission, parse_networks

#: Connections that open in one turn of the reactor, and that come and go to be timed when a crowd is there.
TURN, MORE = 100, 500
#: How often a thing is timed; a figure is the median.
TIMES = 5


class Figure(msgspec.Struct, frozen=True):
    """Something that is measured with each number of sessions."""

    name: str
    title: str
    unit: str
    digits: int = 0
    #: What it takes more time for.
    grows: str = ""


FIGURES = (
    Figure("kb", "memory of a session", "KiB", 2),
    Figure("open_us", "each opens, from none to all", "µs", 1, "a place in the sorted names, garbage collection"),
    Figure("more_us", "one more opens", "µs", 1, "a place in the sorted names"),
    Figure("leave_us", "one leaves", "µs", 1, "a place in the sorted names"),
    Figure("welcome_us", "a welcome", "µs", 1),
    Figure("pm_us", "a private message", "µs", 1),
    Figure("list_us", "`/list`", "µs", 0, "names, until a packet is full"),
    Figure("shout_ms", "`/shout`", "ms", 1, "all"),
    Figure("pulse_ms", "a look for the silent, every 15 s", "ms", 2, "those who asked for pings, here all"),
    Figure("gc_ms", "a full garbage collection", "ms", 0, "all"),
    Figure("shutdown_s", "shutdown", "s", 2, "all"),
)


class Core(msgspec.Struct):
    """What was measured with so many sessions."""

    sessions: int
    figures: dict[str, float]


class Turns(ReactorBase):
    """A reactor's timers, as they are, on a clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__()

    def installWaker(self) -> None:
        """Nothing else would wake it."""

    def seconds(self) -> float:
        """What time it is."""
        return self._now

    def advance(self, seconds: float) -> None:
        """One turn, so much later."""
        self._now += seconds
        self.runUntilCurrent()


class Wire:
    """As much of a transport as a connection asks for: it counts what is written, and keeps nothing."""

    __slots__ = ("host", "writes")

    def __init__(self, host: str) -> None:
        self.host = host
        self.writes = 0

    def getPeer(self) -> IPv4Address:
        """Where the client is."""
        return IPv4Address("TCP", self.host, 40000)

    def write(self, data: bytes) -> None:
        """Taken at once, as by a socket whose far end reads."""
        self.writes += 1

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Nobody will be told to pause."""

    def unregisterProducer(self) -> None:
        """Nobody would have been."""

    def loseConnection(self) -> None:
        """It ends when `Chat.lose` says so."""


class Chat:
    """A server in memory, with classic users who say nothing."""

    def __init__(self, sessions: int) -> None:
        self.clock = Turns()
        self.router = Router(core.chat.Chat(self.clock, "scale", self.clock.seconds), commands.run)
        for limit in (*LIFTED, "users=off"):
            self.router.chat.limits.set(*limit.split("="))
        self.door = ChatFactory(
            ChatProtocol,
            self.router,
            Admission(self.router.chat.limits, self.clock, parse_networks([]), self.router.chat.counts),
        )
        # Names come in no order: each has to find its place among the others.
        self._numbers = iter(random.Random(1).sample(range(1, 2**20), sessions + MORE * TIMES + 4))  # noqa: S311 (no secret)

    def enter(self, users: int) -> list[Connection]:
        """So many connect, each from an address of its own, and are welcomed."""
        entered = [self._enter(number) for number in range(users)]
        self.clock.advance(0)
        return entered

    def _enter(self, number: int) -> Connection:
        name = next(self._numbers)
        wire = Wire(f"10.{name >> 16}.{name >> 8 & 255}.{name & 255}")
        connection = cast(Connection, self.door.buildProtocol(wire.getPeer()))
        connection.makeConnection(wire)
        connection.dataReceived(b"u%d\n" % name)
        if not number % TURN:
            self.clock.advance(0)
        return connection

    def hear(self, connection: Connection, data: bytes) -> None:
        """These bytes arrive, in a turn of their own."""
        connection.dataReceived(data)
        self.clock.advance(0)

    def lose(self, connections: list[Connection]) -> None:
        """These hang up."""
        for connection in connections:
            connection.connectionLost()
        self.clock.advance(0)

    def look_for_silent(self) -> None:
        """The clock goes on until the pulse is felt."""
        self.clock.advance(keepalive.EVERY)

    def shut_down(self) -> None:
        """As at the end of the server: everyone is told, and gone. Raises `Failed` when somebody is left."""
        drained = Deferred.fromCoroutine(self.door.drain())
        self.lose([*self.door.connections])
        if not drained.called or len(self.router.chat.online):
            raise Failed("the server in memory did not come to its end")


def measure(sessions: int) -> Core:
    """Open so many and time what happens among them; in a process of its own, for the memory. Raises `Failed`."""
    with Path(os.devnull).open("w") as nowhere:
        globalLogBeginner.beginLoggingTo([textFileLogObserver(nowhere)], redirectStandardIO=False)
        chat = Chat(sessions)
        chat.lose(chat.enter(2))  # what is made once is there
        gc.collect()
        gc.freeze()  # as the server does with what it begins with
        before, began = _resident(), time.perf_counter()
        chat.enter(sessions)
        opened, taken = time.perf_counter() - began, _resident() - before
        figures = {"kb": taken / sessions, "open_us": opened / sessions * 1e6}
        return Core(sessions, figures | _coming_and_going(chat) | _talking(chat) | _of_all(chat))


def _coming_and_going(chat: Chat) -> dict[str, float]:
    came, went = [], []
    for _ in range(TIMES):
        began = time.perf_counter()
        more = chat.enter(MORE)
        between = time.perf_counter()
        chat.lose(more)
        came.append(between - began)
        went.append(time.perf_counter() - between)
    return {"more_us": statistics.median(came) / MORE * 1e6, "leave_us": statistics.median(went) / MORE * 1e6}


def _talking(chat: Chat) -> dict[str, float]:
    alice, bob = chat.enter(2)
    session, to_bob = cast(Session, alice.session), _packet(cast(Session, bob.session).name.shown)
    told = {
        "welcome_us": _each(lambda: chat.router.chat.welcome(session, None), 200) * 1e6,
        "pm_us": _each(lambda: chat.hear(alice, to_bob), 1000) * 1e6,
        "list_us": _each(lambda: chat.hear(alice, _packet("/list")), 10) * 1e6,
        "shout_ms": _each(lambda: chat.hear(alice, _packet("/shout"))) * 1e3,
    }
    heard = cast(Wire, bob.transport).writes
    if heard != TIMES * (1000 + 1) + 1:
        raise Failed(f"one session in memory was written to {heard} times: not all that was said to it, or more")
    return told


def _of_all(chat: Chat) -> dict[str, float]:
    """What looks at every session, and at last ends them all."""
    for session in chat.router.chat.online:
        chat.router.chat.keepalive.watch(session)
    looks = []
    for _ in range(TIMES):
        for session in chat.router.chat.online:
            session.heard = chat.clock.seconds()
        looks.append(_each(chat.look_for_silent, times=1, of=1))
    return {
        "pulse_ms": statistics.median(looks) * 1e3,
        "gc_ms": _each(gc.collect) * 1e3,
        "shutdown_s": _each(chat.shut_down, of=1),
    }


def _each(run: Callable[[], object], times: int = 1, of: int = TIMES) -> float:
    """Seconds that it takes once: run so many times in a row, the median `of` so many rows."""
    found = []
    for _ in range(of):
        began = time.perf_counter()
        for _ in range(times):
            run()
        found.append((time.perf_counter() - began) / times)
    return statistics.median(found)


def _packet(to: str) -> bytes:
    return b'{"from":{"name":"","ip":""},"to":"%s","msg":"%s"}\n' % (to.encode(), b"" if to == "/list" else b"hello")


def _resident() -> float:
    """KiB of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024
