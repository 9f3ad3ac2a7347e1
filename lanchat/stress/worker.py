"""The load tool's worker: one of the processes that the users of the load live in (`python -m lanchat.stress.worker`).

It takes orders on stdin, one JSON object a line, and answers each "report" with what it has counted since the last one. It ends
with its stdin, so nothing is left behind when the tool ends in whatever way.
"""

from __future__ import annotations

import functools
import json
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from lanchat.client.tls import Pinned, Signed, TLSEndpoint, Trust
from lanchat.protocol.packet import visible
from lanchat.stress.bot import Bot, UnframedBot
from lanchat.stress.histogram import Histogram
from lanchat.stress.schedule import SECOND, Schedule
from lanchat.stress.tally import Tally, note

#: Addresses of this machine that the users of one worker come from, where they can.
SOURCES = 16
#: Seconds until a connection that is not taken counts as refused.
CONNECT_SECONDS = 30
#: Seconds after which a user who has left comes back, at the least and at the most.
AWAY = (0.2, 2.0)
#: What users add to what they say.
TEXTS = ("hi", "lunch at noon?", "the build is green again, and this time nobody knows why", "x" * 200)


class Anyone(Trust):
    """Believes whatever server there is."""

    def check(self, certificate: object) -> str:
        """It is the administrator's own."""
        return ""


class Worker(LineOnlyReceiver):
    """Some of the users, and the orders they live by."""

    delimiter = b"\n"
    MAX_LENGTH = 65536
    run: str

    def __init__(self, reactor: Any) -> None:
        self.tally = Tally()
        self._reactor = reactor
        self._here: list[Bot] = []
        #: Whether who has left comes back.
        self._restless = False
        self._cpu, self._clock = time.process_time(), time.monotonic()

    # Orders.

    def lineReceived(self, line: bytes) -> None:
        """One order."""
        order = json.loads(line)
        getattr(self, "do_" + order.pop("do"))(**order)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody gives orders any more."""
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            return

    def do_prepare(self, plan: dict[str, Any]) -> None:
        """What holds for the whole run."""
        self.run = plan["run"]
        self._first, self._step = plan["index"], plan["processes"]
        self._host, self._port = plan["host"], plan["port"]
        self._sources = [f"127.0.{self._first + 1}.{n}" for n in range(1, SOURCES + 1)] if plan["many"] else []
        self._kind = UnframedBot if plan["unframed"] else Bot
        self._trust = _trust(plan) if plan["tls"] else None

    def do_open(self, since: int, to: int, start: int, seconds: float) -> None:
        """Connect those of the users `since` to `to` who live here, evenly over so many seconds."""
        each = seconds * SECOND / (to - since)
        mine = range(since + (self._first - since) % self._step, to, self._step)
        numbers = iter(mine)
        times = (start + int((number - since) * each) for number in mine)
        Schedule(self._reactor, times, lambda due: self._connect(next(numbers), due), self._lateness("opening_lag"))

    def do_talk(self, start: int, seconds: float, rate: float, users: int, habits: dict[str, float]) -> None:
        """Each user here does `rate` things a second, for so many seconds; what, is drawn by the weights of `habits`."""
        kinds, weights = list(habits), list(habits.values())
        self._restless = "leave" in habits

        many = len(self._here)

        def act(due: int) -> None:
            place = random.randrange(many)  # noqa: S311 (no secret)
            if place < len(self._here):  # who is away says nothing
                getattr(self, "_" + random.choices(kinds, weights)[0])(self._here[place], due, users)  # noqa: S311 (no secret)

        Schedule(self._reactor, _arrivals(start, seconds, rate * many), act, self._lateness("lag"))

    def do_stay(self) -> None:
        """Who leaves from now on stays away."""
        self._restless = False

    def do_report(self) -> None:
        """Tell what was counted, and how busy this process was."""
        cpu, clock = time.process_time(), time.monotonic()
        told = {"tally": self.tally.as_json(), "cpu": cpu - self._cpu, "wall": clock - self._clock}
        self.tally, self._cpu, self._clock = Tally(), cpu, clock
        self.sendLine(json.dumps(told).encode())

    # What users do.

    def _message(self, bot: Bot, due: int, users: int) -> None:
        bot.say(random.randrange(users), random.choice(TEXTS), due)  # noqa: S311 (no secret)

    def _command(self, bot: Bot, due: int, users: int) -> None:
        bot.ask(random.choice(("/list", "/time", "/help")), due)  # noqa: S311 (no secret)

    def _shout(self, bot: Bot, due: int, users: int) -> None:
        bot.shout(random.choice(TEXTS), due)  # noqa: S311 (no secret)

    def _leave(self, bot: Bot, due: int, users: int) -> None:
        self._forget(bot)
        bot.leave()

    # Who is here.

    def came(self, bot: Bot) -> None:
        """It was welcomed."""
        bot.place = len(self._here)
        self._here.append(bot)

    def gone(self, bot: Bot) -> None:
        """Its connection has ended; it may come again."""
        self._forget(bot)
        self._return(bot.number)

    def _forget(self, bot: Bot) -> None:
        """Take it out of those who are here; the last takes its place."""
        if bot.place >= 0:
            last = self._here.pop()
            if last is not bot:
                self._here[bot.place], last.place = last, bot.place
            bot.place = -1

    def _return(self, number: int) -> None:
        if self._restless:
            self._reactor.callLater(random.uniform(*AWAY), self._come_back, number)  # noqa: S311 (no secret)

    def _come_back(self, number: int) -> None:
        if self._restless:
            self._connect(number, time.monotonic_ns())

    def _connect(self, number: int, due: int) -> None:
        self.tally.counts["opened"] += 1
        factory = Factory.forProtocol(functools.partial(self._kind, self, number, due))
        factory.noisy = False
        self._endpoint(number).connect(factory).addErrback(self._unconnected, number)

    def _unconnected(self, failure: Failure, number: int) -> None:
        note(self.tally.refused, visible(failure.getErrorMessage().rstrip("."), 100))
        self._return(number)

    def _endpoint(self, number: int) -> IStreamClientEndpoint:
        source = (self._sources[number // self._step % SOURCES], 0) if self._sources else None
        kind = TCP6ClientEndpoint if ":" in self._host else TCP4ClientEndpoint
        endpoint = kind(self._reactor, self._host, self._port, CONNECT_SECONDS, source)
        if self._trust is None:
            return endpoint
        return TLSEndpoint(self._reactor, endpoint, self._trust, _unsaid, _unsaid)

    def _lateness(self, name: str) -> Callable[[], Histogram]:
        return lambda: self.tally.times[name]


def _arrivals(start: int, seconds: float, rate: float) -> Iterator[int]:
    """Times at random, `rate` a second on the average: nobody waits for anybody (a Poisson process)."""
    due = float(start)
    while rate and (due := due + random.expovariate(rate) * SECOND) < start + seconds * SECOND:
        yield int(due)


def _trust(plan: dict[str, Any]) -> Trust:
    if plan["ca"]:
        return Signed(plan["named"], None, Path(plan["ca"]))
    if plan["fingerprint"]:
        return Pinned(plan["named"], None, plan["fingerprint"])
    return Anyone(plan["named"], None)


def _unsaid(words: str) -> None:
    """An untrusted server is counted where its connection fails."""


def main() -> None:
    """Run until stdin ends. Ctrl-C is for the tool, which ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    from twisted.internet import reactor  # noqa: PLC0415 (only programs import it)

    _run(reactor)


def _run(reactor: Any) -> None:
    StandardIO(Worker(reactor), reactor=reactor)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
