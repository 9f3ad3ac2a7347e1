"""`python -m benchmarks.files`: files sent to lanchat and fetched from it, beside nginx; and what chatters feel of it."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from benchmarks import command, report, tables
from benchmarks.measure import Outcome, build
from benchmarks.results import machine
from benchmarks.sending import BASE, Sender, curl, forget_peak, longest_turn, memory, seconds
from benchmarks.servers import ROOT, Failed, Server, checkout, cores, pinned, raise_file_limit, running

PROGRAM = "python -m benchmarks.files"
SIZE, SMALL_SIZE = 50_000_000, 500_000
#: How many files are sent at once beside chatters, how many those are, and how many messages a second they say together.
UPLOADS, CHATTERS, RATE = 20, 1000, 2000
#: How often a file is sent, and fetched, in a round.
TIMES = 5
#: What was to be reached.
UP, DOWN, MEMORY_MIB, TURN_MS, SLOWER = 0.8, 0.5, 5.0, 20.0, 2.0
HEAD = """# Files

Written by `{command}`, which does all of this again; [README.md](README.md) says how.

"""
HOW = """
lanchat (`{lanchat}`) and nginx (configured as in [peers/nginx.conf](peers/nginx.conf)) run all the time on the
same core, and curl on the other. In each of {rounds} rounds, each of them is sent a file of {size:,} bytes
{times} times, and then asked for it as often, in turns. A ratio is that of a round; the table has the median of all, with the
smallest and the largest; of memory and of turns, it has the largest. lanchat also hashes the file, syncs it and its message
to the disk, and tells the recipient before it answers; nginx does none of this.

The longest turn is that of the reactor while files are sent and fetched. On a machine that is busy with other things, it is
lengthened whenever those have the core; so the one that took the processor for longest is there, too, which they do not
lengthen.

Chatters are {chatters:,} users in pairs, who say {rate:,} messages a second; the time is that from saying to reading. It
is measured first without files, and then while {uploads} are sent at the same time, again and again.
"""


class Round(msgspec.Struct):
    """What was measured in a round."""

    #: Seconds of each file.
    up: list[float]
    up_nginx: list[float]
    down: list[float]
    down_nginx: list[float]
    #: MiB of memory that the peak was above what there was before.
    memory: float
    #: Milliseconds of the longest turn, and of the one that took the processor for longest.
    turn: float
    busy_turn: float
    #: Milliseconds within which 99 % of messages came, without files and beside them, and how many files were sent meanwhile.
    alone: float
    beside: float
    sent: int

    def ratio(self, ours: str) -> float:
        """Our throughput divided by nginx's."""
        theirs: list[float] = getattr(self, f"{ours}_nginx")
        own: list[float] = getattr(self, ours)
        return statistics.median(theirs) / statistics.median(own)


class Files(msgspec.Struct):
    """All rounds."""

    command: str
    machine: dict[str, str]
    lanchat: Server
    nginx: str
    size: int
    rounds: list[Round]
    short: bool = False

    def failures(self) -> list[Outcome]:
        """Nothing: what fails ends it."""
        return []


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    return command.parser(PROGRAM, "Measure what files cost.", rounds=5, written="FILES.md").parse_args(arguments)


def servers() -> tuple[Server, Server]:
    """The servers: lanchat and nginx. Raises `Failed` without nginx."""
    lifted = ("packets=off", "bytes=off", "opens=off", "requests=off", "files=off", "account-files=off", "address-uploads=off")
    ours = checkout("lanchat", ROOT, lifted)
    words = [ours.command[0], "-m", "benchmarks.timed_twistd", *ours.command[3:]]
    http = ["--http", "tcp:@TLS@:interface=127.0.0.1"]
    ours = msgspec.structs.replace(ours, command=words, plain=[*ours.plain, *http], tls=[])
    try:
        said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True, env=_with_sbin()).stderr  # noqa: S607 (Debian's)
    except (OSError, subprocess.CalledProcessError):
        raise Failed("there is no nginx to compare with: apt install nginx-light") from None
    nginx = ["nginx", "-p", "@DIRECTORY@", "-c", "@CONF@", "-e", "@DIRECTORY@/error.log"]
    return ours, Server("nginx", "http", nginx, said.partition("/")[2].strip(), conf="nginx.conf", env=_with_sbin())


def _with_sbin() -> dict[str, str]:
    return {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}


class Pair:
    """A lanchat and an nginx that run, and a file."""

    def __init__(self, ours: tuple[int, int], nginx_port: int, place: Path, size: int) -> None:
        """`ours` are lanchat's process and port; it runs in `place`, where the file is made, too."""
        self.pid, self.port = ours
        self.place, self._nginx = place, f"{BASE}:{nginx_port}/file.bin"
        self.size = size
        self.file = place / "file.bin"
        self.file.write_bytes(os.urandom(size))
        self.sender = Sender(self.port)

    def up(self, url: str, **how: bool) -> float:
        """The seconds that a file took."""
        return seconds(curl("-H", "Expect:", "-T", str(self.file), url, **how), self.size)

    def link(self) -> str:
        """A link to the file, which is sent."""
        done = subprocess.run(  # noqa: S603 (ours)
            ["curl", "-s", "-T", str(self.file), self.sender.ticket(self.size)],  # noqa: S607
            capture_output=True, check=True,
        )  # fmt: skip
        return str(json.loads(done.stdout)["url"])

    def moved(self) -> tuple[dict[str, list[float]], float, tuple[float, float]]:
        """The seconds of files sent and fetched in turns, the memory that took, and the longest turns."""
        longest_turn(self.pid, self.place)
        before = forget_peak(self.pid)
        link = self.link()
        self.up(self._nginx)
        found: dict[str, list[float]] = {"up": [], "up_nginx": [], "down": [], "down_nginx": []}
        for _ in range(TIMES):
            found["up"].append(self.up(self.sender.ticket(self.size)))
            found["up_nginx"].append(self.up(self._nginx))
        for _ in range(TIMES):
            found["down"].append(seconds(curl(link), self.size))
            found["down_nginx"].append(seconds(curl(self._nginx), self.size))
        return found, (memory(self.pid) - before) / 1024, longest_turn(self.pid, self.place)

    @contextmanager
    def flood(self, uploads: int) -> Iterator[list[int]]:
        """Have so many files sent at the same time, again and again; how many arrived is in the list then."""
        over, arrived, tickets = threading.Event(), [0], threading.Lock()

        def send() -> None:
            while not over.is_set():
                with tickets:
                    url = self.sender.ticket(self.size)
                with suppress(Failed):
                    self.up(url, nice=True)
                    arrived[0] += 1

        threads = [threading.Thread(target=send) for _ in range(uploads)]
        for thread in threads:
            thread.start()
        yield arrived
        over.set()
        for thread in threads:
            thread.join()


def run(asked: argparse.Namespace) -> Files:
    """Measure what was asked for."""
    raise_file_limit()
    before, (ours, nginx) = machine(), servers()
    size, rounds = (SMALL_SIZE, 1) if asked.short else (SIZE, asked.rounds)
    tell: Callable[[str], None] = command.progress(rounds)
    found = []
    with tempfile.TemporaryDirectory(prefix="lanchat-files-", dir="/var/tmp") as kept:
        places = [Path(kept) / name for name in ("lanchat", "nginx")]
        for place in (*places, places[1] / "files"):
            place.mkdir()
        program = build(Path(kept))
        with running(ours, places[0]) as started, running(nginx, places[1]) as (_, port):
            pair = Pair(started, port, places[0], size)
            for number in range(rounds):
                found.append(_round(pair, program, short=asked.short, length=asked.seconds))
                tell(f"round {number + 1}")
    return Files(command.typed(PROGRAM), before, ours, nginx.version, size, found, asked.short)


def _round(pair: Pair, program: Path, *, short: bool, length: float) -> Round:
    moved, extra, turns = pair.moved()
    chatters, rate, uploads = (20, 100, 2) if short else (CHATTERS, RATE, UPLOADS)
    words = ["-d", "json", "-w", "pairs", "-n", str(chatters), "-r", str(rate), "-t", f"{0.5 if short else length:g}"]
    chat = [str(program), *words, "-u", "0.5", "-p", str(pair.port), "-P", str(pair.pid)]
    alone = _p99(chat)
    with pair.flood(uploads) as arrived:
        beside = _p99(chat)
    return Round(**moved, memory=extra, turn=turns[0], busy_turn=turns[1], alone=alone, beside=beside, sent=arrived[0])


def _p99(chat: list[str]) -> float:
    """The milliseconds within which 99 % of messages came. Raises `Failed`."""
    done = subprocess.run(pinned(cores()[1], chat), capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise Failed(f"the load generator ended with {done.returncode}: {done.stderr.strip()}") from None
    if not found["delivered"] or found["dead_end"]:
        raise Failed("the chatters could not talk")
    return float(found["p99_us"]) / 1000


def rows(results: Files) -> list[list[str]]:
    """The table."""

    def row(what: str, figures: list[float], unit: str, goal: float, *, more: bool = False) -> list[str]:
        middle = max(figures) if unit else statistics.median(figures)
        met = middle >= goal if more else middle <= goal
        span = f"{min(figures):.2f} to {max(figures):.2f}"
        return [what, f"{middle:.2f}{unit}", span, f"{'≥' if more else '≤'} {goal:g}{unit}", "met" if met else "not met"]

    all_rounds = results.rounds
    return [
        row("sent: throughput / nginx's", [one.ratio("up") for one in all_rounds], "", UP, more=True),
        row("fetched: throughput / nginx's", [one.ratio("down") for one in all_rounds], "", DOWN, more=True),
        row("memory at the peak, above that before", [one.memory for one in all_rounds], " MiB", MEMORY_MIB),
        row("longest turn of the reactor", [one.turn for one in all_rounds], " ms", TURN_MS),
        row("longest turn, time on the processor", [one.busy_turn for one in all_rounds], " ms", TURN_MS),
        row("chatters' p99 beside uploads / without", [one.beside / one.alone for one in all_rounds], "", SLOWER),
    ]


def figures(results: Files) -> list[list[str]]:
    """What the ratios are made of."""

    def row(what: str, values: list[float], unit: str, digits: int = 0) -> list[str]:
        return [
            what,
            f"{statistics.median(values):,.{digits}f} {unit}",
            f"{min(values):,.{digits}f} to {max(values):,.{digits}f}",
        ]

    def rates(name: str) -> list[float]:
        return [results.size / 1e6 / one for each in results.rounds for one in getattr(each, name)]

    names = (
        ("sent to lanchat", "up"),
        ("sent to nginx", "up_nginx"),
        ("fetched from lanchat", "down"),
        ("fetched from nginx", "down_nginx"),
    )
    return [
        *(row(what, rates(name), "MB/s") for what, name in names),
        row("chatters' p99 without uploads", [one.alone for one in results.rounds], "ms", 2),
        row("chatters' p99 beside uploads", [one.beside for one in results.rounds], "ms", 2),
        row("files that arrived meanwhile", [one.sent for one in results.rounds], "files"),
    ]


def everything(results: Files) -> str:
    """All tables, as they are printed."""
    return "\n".join((
        tables.table(["", "reached", "min to max", "target", ""], rows(results)),
        "",
        tables.table(["", "median", "min to max"], figures(results)),
    ))  # fmt: skip


def write(results: Files, directory: Path) -> None:
    """FILES.md."""
    facts = [*map(list, results.machine.items()), ["lanchat", results.lanchat.version], ["nginx", results.nginx]]
    how = HOW.format(
        lanchat=results.lanchat.shown().replace("@TLS@", "PORT"), rounds=len(results.rounds), size=results.size, times=TIMES,
        chatters=CHATTERS, rate=RATE, uploads=UPLOADS,
    )  # fmt: skip
    note = report.SMALL if results.short else report.BUSY if report.busy(results.machine) else ""
    head = HEAD.format(command=results.command) + tables.table(["", ""], facts, words=2)
    (directory / "FILES.md").write_text(f"{head}\n{how}\n{note}\n{everything(results)}\n")


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    return command.carry_out(options(arguments), Files, run, everything, write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
