"""A worker process of the load tool, which runs some of its users (`python -m lanchat.stress.worker`).

It takes orders on stdin, one JSON object a line, and answers each "report" with what it has counted since the last one. It ends
when stdin does, so nothing is left behind however the tool ends.
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

from lanchat.client.tls import AuthorityVerifier, FingerprintVerifier, ServerVerifier, TLSEndpoint
from lanchat.protocol.packet import visible
from lanchat.stress.bot import Bot, UnframedBot
from lanchat.stress.histogram import Histogram
from lanchat.stress.plan import Plan, Report
from lanchat.stress.schedule import SECOND, Schedule
from lanchat.stress.tally import Tally, count_text

#: Loopback addresses that the users of one worker connect from, where there are several.
SOURCES = 16
#: Seconds after which a connection that is not accepted counts as refused.
CONNECT_SECONDS = 30
#: Seconds after which a user who has left comes back: at least, and at most.
AWAY_SECONDS = (0.2, 2.0)
#: Texts of the messages.
TEXTS = ("hi", "lunch at noon?", "the build is green again, and this time nobody knows why", "x" * 200)


class AnyServerVerifier(ServerVerifier):
    """Trusts every server."""

    def check(self, certificate: object) -> str:
        """Accept the certificate: it is the administrator's own server."""
        return ""


class Worker(LineOnlyReceiver):
    """Runs some of the users, as it is ordered."""

    delimiter = b"\n"
    MAX_LENGTH = 65536
    run: str

    def __init__(self, reactor: Any) -> None:
        self.tally = Tally()
        self._reactor = reactor
        self._online: list[Bot] = []
        #: Whether users who have left come back.
        self._returning = False
        self._cpu, self._clock = time.process_time(), time.monotonic()

    # Called with orders, or at their end.

    def lineReceived(self, line: bytes) -> None:
        """Carry out one order: `do` is the rest of a method's name, the other members are its arguments."""
        order = json.loads(line)
        getattr(self, "do_" + order.pop("do"))(**order)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop: the load tool has closed stdin."""
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            return

    def do_prepare(self, plan: Plan) -> None:
        """Take the plan of the whole run."""
        self.run = plan["run"]
        self._first, self._step = plan["index"], plan["processes"]
        self._host, self._port = plan["host"], plan["port"]
        self._sources = [f"127.0.{self._first + 1}.{n}" for n in range(1, SOURCES + 1)] if plan["many_addresses"] else []
        self._kind = UnframedBot if plan["unframed"] else Bot
        self._verifier = _verifier(plan) if plan["tls"] else None

    def do_open(self, since: int, to: int, start: int, seconds: float) -> None:
        """Connect this worker's share of the users `since` to `to`, evenly over so many seconds."""
        each = seconds * SECOND / (to - since)
        mine = range(since + (self._first - since) % self._step, to, self._step)
        numbers = iter(mine)
        times = (start + int((number - since) * each) for number in mine)
        Schedule(self._reactor, times, lambda due: self._connect(next(numbers), due), self._lag("opening_lag"))

    def do_talk(self, start: int, seconds: float, rate: float, users: int, actions: dict[str, float]) -> None:
        """Let each user here do `rate` actions a second, for so many seconds; they are chosen at random by weight."""
        kinds, weights = list(actions), list(actions.values())
        self._returning = "leave" in actions

        many = len(self._online)

        def act(due: int) -> None:
            index = random.randrange(many)  # noqa: S311 (not for secrets)
            if index < len(self._online):  # users who are away do nothing
                getattr(self, "_" + random.choices(kinds, weights)[0])(self._online[index], due, users)  # noqa: S311 (not for secrets)

        Schedule(self._reactor, _random_times(start, seconds, rate * many), act, self._lag("lag"))

    def do_stay(self) -> None:
        """Let users who leave from now on stay away."""
        self._returning = False

    def do_report(self) -> None:
        """Report what was counted, and how busy this process was."""
        cpu, clock = time.process_time(), time.monotonic()
        report: Report = {"tally": self.tally.as_json(), "cpu": cpu - self._cpu, "wall": clock - self._clock}
        self.tally, self._cpu, self._clock = Tally(), cpu, clock
        self.sendLine(json.dumps(report).encode())

    # Actions of users; `due` is when they should happen.

    def _message(self, bot: Bot, due: int, users: int) -> None:
        bot.say(random.randrange(users), random.choice(TEXTS), due)  # noqa: S311 (not for secrets)

    def _command(self, bot: Bot, due: int, users: int) -> None:
        bot.ask(random.choice(("/list", "/time", "/help")), due)  # noqa: S311 (not for secrets)

    def _shout(self, bot: Bot, due: int, users: int) -> None:
        bot.shout(random.choice(TEXTS), due)  # noqa: S311 (not for secrets)

    def _leave(self, bot: Bot, due: int, users: int) -> None:
        self._remove(bot)
        bot.leave()

    # Users.

    def bot_welcomed(self, bot: Bot) -> None:
        """Add a bot to those that are online."""
        bot.index = len(self._online)
        self._online.append(bot)

    def bot_disconnected(self, bot: Bot) -> None:
        """Remove a bot; its user may come back."""
        self._remove(bot)
        self._return(bot.number)

    def _remove(self, bot: Bot) -> None:
        """Remove a bot from the list in constant time: the last one takes its index."""
        if bot.index >= 0:
            last = self._online.pop()
            if last is not bot:
                self._online[bot.index], last.index = last, bot.index
            bot.index = -1

    def _return(self, number: int) -> None:
        if self._returning:
            self._reactor.callLater(random.uniform(*AWAY_SECONDS), self._come_back, number)  # noqa: S311 (not for secrets)

    def _come_back(self, number: int) -> None:
        if self._returning:
            self._connect(number, time.monotonic_ns())

    def _connect(self, number: int, due: int) -> None:
        self.tally.counts["opened"] += 1
        factory = Factory.forProtocol(functools.partial(self._kind, self, number, due))
        factory.noisy = False
        self._endpoint(number).connect(factory).addErrback(self._unconnected, number)

    def _unconnected(self, failure: Failure, number: int) -> None:
        count_text(self.tally.refused, visible(failure.getErrorMessage().rstrip("."), 100))
        self._return(number)

    def _endpoint(self, number: int) -> IStreamClientEndpoint:
        source = (self._sources[number // self._step % SOURCES], 0) if self._sources else None
        kind = TCP6ClientEndpoint if ":" in self._host else TCP4ClientEndpoint
        endpoint = kind(self._reactor, self._host, self._port, CONNECT_SECONDS, source)
        if self._verifier is None:
            return endpoint
        return TLSEndpoint(self._reactor, endpoint, self._verifier, _ignore, _ignore)

    def _lag(self, name: str) -> Callable[[], Histogram]:
        return lambda: self.tally.times[name]


def _random_times(start: int, seconds: float, rate: float) -> Iterator[int]:
    """Random times, on average `rate` a second, independent of each other (a Poisson process)."""
    due = float(start)
    while rate and (due := due + random.expovariate(rate) * SECOND) < start + seconds * SECOND:
        yield int(due)


def _verifier(plan: Plan) -> ServerVerifier:
    if plan["ca"]:
        return AuthorityVerifier(plan["server_name"], None, Path(plan["ca"]))
    if plan["fingerprint"]:
        return FingerprintVerifier(plan["server_name"], None, plan["fingerprint"])
    return AnyServerVerifier(plan["server_name"], None)


def _ignore(words: str) -> None:
    """Ignore the reason: an untrusted server is counted where its connection fails."""


def main() -> None:
    """Run until stdin ends. Ctrl-C is ignored: the load tool handles it, and ends this process."""
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
