"""`python -m benchmarks.abuse`: what one stranger can make the server do, and what others feel of it."""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import command, crowd, irc_strangers, tables
from benchmarks.honest import HONEST, PAUSE, Honest
from benchmarks.measure import Outcome
from benchmarks.results import machine
from benchmarks.servers import ROOT, Failed, Server, checkout, free_port, raise_file_limit, running
from benchmarks.strangers import CAPS, GATEWAYS, OWN_ROOM, OWNER, PASSWORD, ROOM, Row, rows

PROGRAM = "python -m benchmarks.abuse"
#: Silent ones of each kind, who read what is said to all and in the room.
SILENT = 10
#: The bounds: in ordinary messages of the same bytes, and in milliseconds; and with how many strangers at once.
MOST, MOST_MS, TOGETHER = 10.0, 100.0, 50
#: Rows that are put to the test with so many at once: the dearest of so many different kinds.
WORST = 3
#: Seconds of peace. A server is at rest when it takes less CPU than this in a tenth of a second, beside what the honest take.
PEACE, QUIET = 2.0, 0.003
#: Sizes of ordinary messages that are measured; between them it is a straight line.
SIZES = (100, 16_000)
NOTES = """
A stranger sends the same thing over and over again, as fast as the limits and the server allow, and reads all that comes; when
it is closed it comes again, {opens:g} times a second at the most. {honest} honest clients are there, and {silent} silent ones
of each kind (lines, capable, unframed, telnet, IRC) in a room that has a log with long messages in it. *CPU* is what the server
takes for that in {seconds:g} s, and at once after that, threads included. *Times* is that beside as many ordinary messages of
that size as the limits allow in this time (or as were served, if that is more, as a new connection has a new allowance): from
one guest to another, each sent by itself. What came after the end of a connection, which is read and dropped, counts as
ordinary messages of {large:,} bytes. What it takes to connect has rows of its own, and is left out of all others. A session
that was quiet may send ten seconds' worth at once, and that is most of it. *p50* and *p99* are what the honest wait for the
time of day meanwhile, and *closed* is how often one of them was closed, as it did not read as fast as others talked (they
share a core with the strangers). Commands that need an account are asked by one that owns a room.
"""


class Figures(msgspec.Struct):
    """What was measured of a row."""

    title: str
    gateway: str
    #: Bytes of a frame.
    size: int
    #: Seconds of the server's CPU, and how much that is beside ordinary messages of that size.
    cpu: float
    times: float
    #: Milliseconds that the honest waited.
    p50: float
    p99: float
    #: How often one of them was closed, as it did not read as fast as others talked.
    closed: int


class Results(msgspec.Struct):
    """All that was measured."""

    command: str
    machine: dict[str, str]
    server: str
    seconds: float
    #: Microseconds of CPU for ordinary messages of `SIZES`.
    ordinary: list[float]
    #: Seconds of CPU for a connection that quits at once, by gateway.
    connect: dict[str, float]
    rows: list[Figures]
    #: What the honest wait in peace, and with many strangers at once.
    peace: Figures
    together: list[Figures]

    def failures(self) -> list[Outcome]:
        """Each row has figures, or the command ends."""
        return []


class Trial:
    """A server with everybody at it."""

    def __init__(self, pid: int, ports: crowd.Ports, honest: Honest, seconds: float) -> None:
        self._pid, self._ports, self._honest, self._seconds = pid, ports, honest, seconds
        self._idle = 0.0  # seconds of CPU that the honest take in a second
        #: Seconds of CPU for a connection that quits at once, by gateway, before there was any storm.
        self.connect: dict[str, float] = {}
        #: Microseconds of CPU for ordinary messages of `SIZES`.
        self.ordinary: list[float] = []

    def peace(self) -> Figures:
        """Nobody storms."""
        figures = self._measured(Row("peace", "", b""), lambda: time.sleep(PEACE))
        self._idle = figures.cpu / PEACE
        return figures

    def calibrate(self) -> None:
        """What ordinary messages take, and connections."""
        for size in SIZES:
            self.ordinary.append(statistics.median(crowd.alone(self._ports, size, self._pid) for _ in range(5)) * 1e6)
            time.sleep(0.1)
        for gateway in GATEWAYS:
            self.connect[gateway] = self._connecting(gateway, self._seconds)

    def storm(self, row: Row, strangers: int = 1, longer: int = 1) -> Figures:
        """So many strangers, so many times as long as one."""
        seconds = self._seconds * longer
        before = crowd.received(self._ports)
        figures, stormed = self._stormed(row, strangers, seconds)
        served = crowd.received(self._ports) - before - HONEST / PAUSE * seconds
        left = figures.cpu
        if row.frame:  # what it takes to connect grows with the log, so it is measured again where it counts
            often = stormed.connected > strangers
            each = self._connecting(row.gateway, self._seconds) if often else self.connect[row.gateway]
            left = max(0.0, left - stormed.connected * each)
        size = max(len(row.frame), SIZES[0])
        ordinary = self._ordinary(size) * max(served, strangers * crowd.allowed(size, seconds))
        late = max(0.0, stormed.ended - served * len(row.frame))  # bytes that came after the end of a connection
        figures.times = left / (ordinary + self._ordinary(SIZES[-1]) * late / SIZES[-1])
        return figures

    def _connecting(self, gateway: str, seconds: float) -> float:
        """Seconds of CPU for a connection that quits at once, as it is now."""
        figures, stormed = self._stormed(Row("connecting", gateway, b""), 1, seconds)
        return figures.cpu / stormed.connected

    def _stormed(self, row: Row, strangers: int, seconds: float) -> tuple[Figures, crowd.Stormed]:
        """What a storm took, less what the honest take, and what the strangers did."""
        stormed = crowd.Stormed(0)

        def storm() -> None:
            nonlocal stormed
            stormed = crowd.storm(self._ports, row, strangers, seconds)

        figures = self._measured(row, storm)
        figures.cpu = max(0.0, figures.cpu - self._idle * seconds)
        return figures, stormed

    def _ordinary(self, size: int) -> float:
        """Seconds of CPU for an ordinary message of that size."""
        (small, large), (least, most) = SIZES, self.ordinary
        return (least + (most - least) * (size - small) / (large - small)) / 1e6

    def _rest(self) -> float:
        """Wait until the server has done what it does later, or two seconds; the seconds of CPU that this took."""
        rest = 0.0
        for _ in range(20):
            before = crowd.cpu(self._pid)
            time.sleep(0.1)
            used = crowd.cpu(self._pid) - before - self._idle / 10
            rest += used
            if used < QUIET or not self._idle:
                break
        return rest

    def _measured(self, row: Row, run: Callable[[], None]) -> Figures:
        before = crowd.cpu(self._pid)
        self._honest.begin()
        run()
        delays = self._honest.end()
        used = crowd.cpu(self._pid) - before + self._rest()
        return Figures(row.title, row.gateway, len(row.frame), used, 0.0, *_percentiles(delays.seconds), delays.closed)


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    """In milliseconds."""
    ordered = sorted(seconds) or [0.0]
    return statistics.median(ordered) * 1000, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000


@contextmanager
def prepared_server(server: Server, directory: Path) -> Iterator[tuple[int, crowd.Ports]]:
    """A server with its default limits, a room with a log, an account for strangers, and those who are silent."""
    telnet, tls, web, http, irc = (free_port() for _ in range(5))
    more = ["--telnet", f"tcp:{telnet}:interface=127.0.0.1", "--tls", f"tcp:{tls}:interface=127.0.0.1"]
    more += ["--web", f"tcp:{web}:interface=127.0.0.1", "--http", f"tcp:{http}:interface=127.0.0.1"]
    more += ["--irc", f"tcp:{irc}:interface=127.0.0.1"]
    with running(msgspec.structs.replace(server, plain=[*server.plain, *more]), directory) as (pid, json):
        ports = crowd.Ports(json, telnet, tls, web, http, irc)
        owner = _account(ports, "owner")
        crowd.ask(owner, "/create", ROOM)
        for n in range(100):
            crowd.ask(owner, ROOM, f"message {n}" if n % 6 else "\x80" * 8_000)
        mallory = _account(ports, OWNER)
        crowd.ask(mallory, "/create", OWN_ROOM)
        crowd.ask(mallory, OWN_ROOM, "hello")
        with crowd.silent(ports, SILENT):
            yield pid, ports


def _account(ports: crowd.Ports, name: str) -> socket.socket:
    """Somebody new, with an account; the token of the last is kept."""
    peer = crowd.connect(ports.json)
    peer.sendall(name.encode() + b"\n")
    crowd.ask(peer, "/hello", "benchmark", v=1, caps=[*CAPS, "token"])
    ports.token = crowd.ask(peer, "/register", PASSWORD).get("token", "")
    return peer


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = command.parser(PROGRAM, "Measure what one stranger can make the server do.", rounds=1, written="ABUSE.md")
    parser.set_defaults(seconds=1.0)
    parser.add_argument("--only", metavar="WORDS", default="", help="only rows with one of these words, as in /rank,/rules")
    return parser.parse_args(arguments)


def run(asked: argparse.Namespace) -> Results:
    """Measure what was asked for."""
    raise_file_limit()
    seconds = 0.2 if asked.short else asked.seconds
    server = checkout("lanchat", ROOT, lifted=())
    words = asked.only.split(",")
    chosen = [row for row in (*rows(), *irc_strangers.rows()) if any(word in f"{row.gateway}: {row.title}" for word in words)]
    chosen = chosen[:: 40 if asked.short else 1]
    if not chosen:
        raise Failed(f"--only {asked.only}: no row has such a word")
    tell = command.progress(len(chosen) + WORST)
    before = machine()
    with (
        tempfile.TemporaryDirectory(prefix="lanchat-abuse-") as directory,
        prepared_server(server, Path(directory)) as (pid, ports),
    ):
        honest = Honest(ports.json)
        try:
            trial = Trial(pid, ports, honest, seconds)
            time.sleep(0.5)
            peace = trial.peace()
            trial.calibrate()
            found = {}
            for row in chosen:
                tell(f"{row.gateway}: {row.title}")
                found[row] = trial.storm(row)
            ordered = sorted(found, key=lambda row: -found[row].times)
            together = []
            dearest: dict[str, Row] = {}  # of each kind, from the dearest on
            for row in ordered:
                dearest.setdefault(row.title, row)
            for row in list(dearest.values())[:WORST]:
                tell(f"{TOGETHER} at once, {row.gateway}: {row.title}")
                together.append(trial.storm(row, TOGETHER, 5))
        finally:
            honest.stop()
    figures = [found[row] for row in ordered]
    return Results(
        command.typed(PROGRAM), before, server.version, seconds, trial.ordinary, trial.connect, figures, peace, together
    )


def shown(results: Results) -> str:
    """The rows, dearest first; then what many do together."""
    head = ["", "", "bytes", "CPU, ms", "times", "p50, ms", "p99, ms", "closed"]
    dear = [_cells(row) for row in results.rows]
    many = [[*_cells(row), f"{row.cpu / results.seconds / 5:.2f}"] for row in results.together]
    over = [row for row in results.rows if row.times > MOST]
    slow = [row for row in results.together if row.p99 > MOST_MS]
    small, large = results.ordinary
    about = (
        f"An ordinary message takes {small:.0f} us ({SIZES[0]} bytes) to {large:.0f} us ({SIZES[1]:,} bytes); in peace an\n"
        f"answer takes {results.peace.p50:.1f} ms, p99 {results.peace.p99:.1f} ms. At first it takes to connect, in ms:\n"
        f"{', '.join(f'{taken * 1000:.1f} ({gateway})' for gateway, taken in results.connect.items())}.\n"
        f"{len(over)} of {len(results.rows)} rows take more than {MOST:.0f} times as much; none is the aim.\n"
        f"Beside {TOGETHER} of the worst, p99 is {'above' if slow else 'at most'} {MOST_MS:.0f} ms, which is the aim."
    )
    return f"{about}\n\n{tables.table([*head, 'cores'], many, words=2)}\n\n{tables.table(head, dear, words=2)}"


def _cells(row: Figures) -> list[str]:
    figures = (
        f"{row.size:,}",
        f"{row.cpu * 1000:,.0f}",
        f"{row.times:.1f}",
        f"{row.p50:.1f}",
        f"{row.p99:.1f}",
        f"{row.closed or ''}",
    )
    return [row.title, row.gateway, *figures]


def write(results: Results, directory: Path) -> None:
    """The report."""
    facts = tables.table(["", ""], [*map(list, results.machine.items()), ["lanchat", results.server]], words=2)
    notes = NOTES.format(opens=crowd.OPENS, honest=HONEST, silent=SILENT, seconds=results.seconds, large=SIZES[-1])
    text = f"# What one stranger can do\n\n    {results.command}\n\n{facts}\n{notes}\n{shown(results)}\n"
    (directory / "ABUSE.md").write_text(text)


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    return command.carry_out(options(arguments), Results, run, shown, write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
