"""`python -m benchmarks.irc`: lanchat's IRC door beside IRC servers, and whether a server without that door is as it was."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import command, report, tables
from benchmarks.measure import Outcome, generator, measure
from benchmarks.results import Results, machine
from benchmarks.servers import ROOT, Failed, Server, checkout, known, over_irc, raise_file_limit
from benchmarks.works import PAIRS_DEEP, PAIRS_MANY, SHOUT, SHOUT_DEEP, STORM, Load, Work, small

PROGRAM = "python -m benchmarks.irc"
PEERS = ("ngircd", "inspircd")
#: The last commit without the door, and how it is called in tables.
BEFORE, FORMER = "4eaf74b", "before"
#: Seconds before anything is measured.
WARM_UP = 1.0
MOST = {"ngircd": 0.7}
FASTER, AS_FAST = {"inspircd": 1.0}, {FORMER: 1.05}
JOIN, REJOIN = Load("join", users=1000), Load("rejoin", users=1000)
WORKS = (
    Work(1, "50 pairs, 64 in flight each", PAIRS_DEEP, "msgs_s", "messages/s", ratios=MOST),
    Work(2, "500 pairs, 1 in flight each", PAIRS_MANY, "msgs_s", "messages/s", ratios=MOST),
    Work(3, "one shouts in a room of 1,000, 1 in flight", SHOUT, "msgs_s", "messages/s", ratios=MOST),
    Work(4, "one shouts in a room of 1,000, 8 in flight", SHOUT_DEEP, "msgs_s", "messages/s", ratios=MOST),
    Work(5, "1,000 join a room at the same moment", JOIN, "join_s", "s", more=False, ratios=FASTER, digits=3),
    Work(6, "in a room of 1,000, one after another leaves and joins", REJOIN, "joins_s", "joins/s", ratios=FASTER, digits=1),
    Work(7, "memory of a connected user", STORM, "kb_per_conn", "KiB", more=False, limit=6, digits=2),
    Work(8, "memory of a user in a room of 1,000", REJOIN, "kb_at_end", "KiB", more=False, digits=2),
)
WITHOUT = (
    Work(9, "CPU of a message, 50 pairs, 64 in flight each", PAIRS_DEEP, "cpu_s_per_M", "µs", more=False, digits=2),
    Work(10, "CPU of a message, 500 pairs, 1 in flight each", PAIRS_MANY, "cpu_s_per_M", "µs", more=False, digits=2),
    Work(11, "CPU of a delivery, one shouts to 1,000", SHOUT, "cpu_s_per_M", "µs", more=False, digits=2),
    Work(12, "memory of a connected user", STORM, "kb_per_conn", "KiB", more=False, digits=2),
    Work(13, "memory of a server without users", STORM, "rss0_kb", "MiB", scale=1 / 1024, more=False, digits=1),
)
HEAD = """# IRC

Written by `{command}`, which does all of this again; [README.md](README.md) says how.

"""
HOW = """
Each server has one core, and the generator the other. A figure is the median of {pace.rounds} rounds of
{pace.seconds:g} s after {pace.warm_up:g} s of warming up; a ratio is that of the rounds' own ratios.
"""
DOOR = """
## Beside IRC servers

`{server}`. Anyone may make rooms, and nothing is kept, as in the others. What is said in a room goes through lanchat's log
all the same, so that all see it in the same order. In 5, all are there, and join within the same moment; it is over when
nobody is told anything any more: that is {joins:,} lines of JOIN, and 1,000 lists of names. In 6, the next one leaves when
all have seen that the last one is back.
"""
WITHOUT_DOOR = """
## A server without the door

lanchat's JSON port, without `--irc`, beside `{before}`, the last commit that had no such door.
"""


class Irc(msgspec.Struct):
    """What was measured."""

    door: Results
    #: Nothing was measured where the commit before is not there.
    without: Results

    def parts(self) -> list[Results]:
        """Both, if they were measured."""
        return [part for part in (self.door, self.without) if part.works]

    def failures(self) -> list[Outcome]:
        """What did not work."""
        return self.door.failures() + self.without.failures()


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    reads = command.parser(PROGRAM, "Measure lanchat's IRC door.", rounds=5, written="IRC.md")
    reads.add_argument("--only", choices=("door", "without"), help="only this part")
    reads.add_argument("--works", metavar="N,N", default="", help="only these rows of the table")
    reads.add_argument(
        "--before",
        metavar="COMMIT",
        default=BEFORE,
        help=f"what a server without the door is compared with (default: {BEFORE})",
    )
    return reads.parse_args(arguments)


def run(asked: argparse.Namespace) -> Irc:
    """Measure what was asked for."""
    raise_file_limit()
    return Irc(_door(asked), _without(asked))


def _door(asked: argparse.Namespace) -> Results:
    there = known()
    missing = [name for name in PEERS if there[name] is None]
    lanchat = over_irc(checkout("lanchat", ROOT))
    peers = [server for name in PEERS if (server := there[name]) is not None]
    return _compared(asked, "door", WORKS, [lanchat, *peers], missing)


def _without(asked: argparse.Namespace) -> Results:
    if asked.only == "door":
        return _compared(asked, "without", (), [], [])
    works = [msgspec.structs.replace(work, ratios=AS_FAST) for work in WITHOUT]
    try:
        with former(asked.before) as before:
            return _compared(asked, "without", works, [checkout("lanchat", ROOT), before], [])
    except Failed as failed:
        command.complain(f"a server without the door is left out: {failed}")
        return _compared(asked, "without", (), [], [])


def _compared(
    asked: argparse.Namespace, part: str, works: Iterable[Work], servers: list[Server], missing: list[str]
) -> Results:
    """Measure a part, unless only the other one was asked for."""
    before, pace = machine(), command.pace(asked)
    if not asked.short:
        pace = msgspec.structs.replace(pace, warm_up=WARM_UP)
    numbers = asked.works.split(",") if asked.works else [str(work.number) for work in works]
    chosen = [work for work in works if asked.only in {None, part} and str(work.number) in numbers]
    chosen = [small(work) for work in chosen] if asked.short else chosen
    loads = list(dict.fromkeys(work.load for work in chosen))
    tell = command.progress(len(loads) * len(servers) * pace.rounds)
    outcomes = measure(servers, loads, pace, tell) if loads else []
    return Results(command.typed(PROGRAM), before, pace, chosen, servers, missing, outcomes)


@contextmanager
def former(commit: str) -> Iterator[Server]:
    """A lanchat as it was at a commit. Raises `Failed` where there is no such commit."""
    archived = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=False)  # noqa: S603, S607 (ours)
    if archived.returncode:
        raise Failed(f"there is no commit {commit} here")
    with tempfile.TemporaryDirectory(prefix="lanchat-before-") as directory:
        subprocess.run(["tar", "-x", "-C", directory], input=archived.stdout, check=True)  # noqa: S603, S607 (ours)
        server = checkout(FORMER, Path(directory))
        yield msgspec.structs.replace(server, version=server.version.replace("no commit", commit))


def everything(results: Irc) -> str:
    """All tables, as they are printed."""
    parts = [f"{work.number}. {work.title}\n{tables.of_work(part, work)}\n" for part in results.parts() for work in part.works]
    return "\n".join(parts)


def write(results: Irc, directory: Path) -> None:
    """IRC.md."""
    (directory / "IRC.md").write_text("\n".join(_sections(results)))


def _sections(results: Irc) -> Iterator[str]:
    door, without = results.door, results.without
    facts = [*map(list, door.machine.items())]
    facts += [
        [server.name, server.version] for server in {server.name: server for server in without.servers + door.servers}.values()
    ]
    yield HEAD.format(command=door.command) + tables.table(["", ""], facts, words=2)
    yield HOW.format(pace=door.pace)
    if door.pace.at_once > 1:
        yield report.SMALL
    elif report.busy(door.machine):
        yield report.BUSY
    for part in results.parts():
        if part is door:
            yield DOOR.format(server=door.servers[0].shown(), joins=JOIN.users * (JOIN.users + 1) // 2)
        else:
            yield WITHOUT_DOOR.format(before=without.servers[-1].version)
        yield tables.of_targets(part)
        yield from _works(part)
        yield from tables.missing(part)
    yield ""


def _works(part: Results) -> Iterator[str]:
    for work in part.works:
        words = " ".join(["load", *generator(part.servers[0], work.load, part.pace)])
        yield f"\n### {work.number}. {work.title}\n\n`{words}`\n\n{tables.of_work(part, work)}"
        yield from tables.absent(part, work)


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    return command.carry_out(options(arguments), Irc, run, everything, write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
