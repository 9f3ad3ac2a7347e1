"""`python -m benchmarks.scale`: what grows with the number of users, on sockets and without. Writes SCALE.md and a plot."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import command, core, report, tables
from benchmarks.core import FIGURES, Core
from benchmarks.measure import Outcome, generator, measure
from benchmarks.results import Results, machine
from benchmarks.servers import HERE, ROOT, Failed, checkout, cores, raise_file_limit
from benchmarks.works import Load, Work

PROGRAM = "python -m benchmarks.scale"
#: Numbers of users between the first and the last.
STEPS = (1000, 3000, 10_000, 30_000)
SHORT_USERS, SHORT_SESSIONS = [100, 300], [500, 2000]
#: Files that a server keeps for itself, and a load generator.
OWN_FILES = 32
#: Connections that may be opening at the same time: the system's queues have room for them, and nobody has to try again.
AT_ONCE = 1000
CROWD = Load("pairs", users=0, rate=10_000, sources=8, talkers=1000, quiet=10.0)
PANELS = (
    Work(1, "memory of a user", CROWD, "kb_per_conn", "KiB", more=False, digits=2),
    Work(2, "opening", CROWD, "conn_per_s", "users/s"),
    Work(3, "CPU when all are silent", CROWD, "idle_cpu", "% of a core", scale=100, more=False, limit=1, digits=3),
    Work(4, "p99 when some talk", CROWD, "p99_us", "ms", scale=1e-3, more=False, digits=2),
    Work(5, "p50 when some talk", CROWD, "p50_us", "ms", scale=1e-3, more=False, digits=2),
    Work(6, "CPU when some talk", CROWD, "srv_cpu", "% of a core", scale=100, more=False),
)
HEAD = """# Scale

Written by `{command}`, which does all of this again: what grows with the number of users, and
what does not. By hand is only the last section, from [SCALE-NOTES.md](SCALE-NOTES.md).

"""
SOCKETS = """
## Users on sockets

For each number of users a server is started afresh. They connect from {load.sources} addresses of the loopback,
{at_once:,} at a time; all are silent for {load.quiet:g} s; then {load.talkers:,} of them send {load.rate:,} messages a second
in pairs, for {pace.seconds:g} s, while the others stay silent. A process may have {files:,} open files here, the generator as
well as the server. Rounds: {pace.rounds}; a figure is their median. The last row is `{words}`.

"""
SESSIONS = """
## Sessions without sockets

The real gateway, router and log, with transports in memory ({wire} bytes of a session's memory are such a one) and a clock that
stands still; a process for each number. Each session is classic, and has an address of its own. Times are medians of
{times}. "most / fewest" is the figure for the most sessions divided by that for the fewest.

"""


class Scale(msgspec.Struct):
    """What was measured, on sockets and without."""

    sockets: Results
    cores: list[Core]
    #: Files that a process may have open.
    files: int

    def failures(self) -> list[Outcome]:
        """What did not work."""
        return self.sockets.failures()

    def loads(self) -> list[Load]:
        """What was put on the servers, the fewest users first."""
        return list(dict.fromkeys(work.load for work in self.sockets.works))

    def row(self, load: Load) -> list[tuple[Work, float | None]]:
        """The works of this load with their medians."""
        works = [work for work in self.sockets.works if work.load == load]
        return [(work, self.sockets.median(work, self.sockets.base())) for work in works]


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = command.parser(PROGRAM, "Measure what grows with the number of users.", rounds=3, written="SCALE.md and its plot")
    parser.add_argument("--to", type=command.whole("users"), default=19_000, help="most users on sockets (default: 19,000)")
    parser.add_argument(
        "--sessions", type=command.whole("sessions"), default=100_000, help="most sessions without sockets (default: 100,000)"
    )
    return parser.parse_args(arguments)


def steps(most: int) -> list[int]:
    """The numbers of users to measure with."""
    return [*(step for step in STEPS if step < most), most]


def loads(asked: argparse.Namespace) -> list[Load]:
    """A load for each number of users on sockets. Raises `Failed` when they cannot have as many files."""
    if asked.to > resource.getrlimit(resource.RLIMIT_NOFILE)[1] - OWN_FILES:
        raise Failed(f"--to {asked.to}: each user is an open file, and `ulimit -Hn` allows fewer; raise it, or ask for fewer")
    crowd = msgspec.structs.replace(CROWD, talkers=50, rate=1000, quiet=0.3) if asked.short else CROWD
    return [
        msgspec.structs.replace(crowd, users=users, talkers=min(users, crowd.talkers))
        for users in (SHORT_USERS if asked.short else steps(asked.to))
    ]


def run(asked: argparse.Namespace) -> Scale:
    """Measure what was asked for."""
    raise_file_limit()
    pace, put = command.pace(asked), loads(asked)
    server = msgspec.structs.replace(checkout("lanchat", ROOT), generator=["-C", str(AT_ONCE)])
    sessions = SHORT_SESSIONS if asked.short else steps(asked.sessions)
    tell = command.progress(pace.rounds * len(put) + len(sessions))
    before = machine()
    outcomes = measure([server], put, pace, tell)
    works = [msgspec.structs.replace(panel, load=load) for load in put for panel in PANELS]
    results = Results(command.typed(PROGRAM), before, pace, works, [server], [], outcomes)
    return Scale(results, in_memory(sessions, tell), resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def in_memory(sessions: list[int], tell: Callable[[str], None]) -> list[Core]:
    """The core with each number of sessions, in a fresh process on the server's core."""
    found = []
    with multiprocessing.get_context("spawn").Pool(1, _pin, maxtasksperchild=1) as pool:
        for measured in pool.imap(core.measure, sessions):
            tell(f"{measured.sessions:,} sessions without sockets")
            found.append(measured)
    return found


def _pin() -> None:
    own = cores()[0]
    if own is not None:
        os.sched_setaffinity(0, {own})


def everything(scale: Scale) -> str:
    """Both tables."""
    return f"{of_sockets(scale)}\n\n{of_cores(scale.cores)}"


def of_sockets(scale: Scale) -> str:
    """A row for each number of users."""
    head = [f"{panel.title}, {panel.unit}" for panel in PANELS]
    rows = [
        [f"{load.users:,}", *("" if seen is None else tables.number(work, seen) for work, seen in scale.row(load))]
        for load in scale.loads()
    ]
    return tables.table(["users", *head], rows, words=0)


def of_target(scale: Scale) -> str:
    """What silent users cost beside what they may."""
    seen = [(median, work) for load in scale.loads() for work, median in scale.row(load) if work.limit and median is not None]
    if not seen:
        return "What silent users cost was not measured."
    most, work = max(seen, key=lambda pair: pair[0])
    told = "met" if most < (work.limit or 0) else "not met"
    return f"{work.title}: {tables.number(work, most)} {work.unit} at the most, to be below {work.limit:g}: {told}."


def of_cores(measured: list[Core]) -> str:
    """A row for each thing, a column for each number of sessions."""
    rows = [
        [
            figure.title,
            figure.unit,
            *(f"{core.figures[figure.name]:,.{figure.digits}f}" for core in measured),
            f"{measured[-1].figures[figure.name] / measured[0].figures[figure.name]:.1f}",
            figure.grows,
        ]
        for figure in FIGURES
    ]
    return tables.table(["", "", *(f"{core.sessions:,}" for core in measured), "most / fewest", "grows with"], rows, words=2)


def write(scale: Scale, directory: Path) -> None:
    """SCALE.md and its plot. Raises `Failed` when matplotlib is not installed."""
    sockets, last = scale.sockets, scale.loads()[-1]
    words = " ".join(["load", *generator(sockets.servers[0], last, sockets.pace)])
    (directory / "SCALE.md").write_text(
        HEAD.format(command=sockets.command)
        + tables.table(["", ""], [*map(list, sockets.machine.items()), ["lanchat", sockets.servers[0].version]], words=2)
        + "\n"
        + (report.SMALL if sockets.pace.at_once > 1 else "")
        + (report.BUSY if report.busy(sockets.machine) else "")
        + "\n![memory, opening, idle CPU and p99 over the number of users](scale.png)\n"
        + SOCKETS.format(load=last, at_once=AT_ONCE, pace=sockets.pace, words=words, files=scale.files)
        + of_sockets(scale)
        + f"\n\n{of_target(scale)}\n"
        + SESSIONS.format(wire=sys.getsizeof(core.Wire("")), times=core.TIMES)
        + of_cores(scale.cores)
        + "\n"
        + f"\n{(HERE / 'SCALE-NOTES.md').read_text()}"
    )
    plot(scale, directory / "scale.png")


def plot(scale: Scale, path: Path) -> None:
    """Four panels over the number of users: on sockets, and without where there is such a figure."""
    figure, panels = report.pyplot().subplots(1, 4, figsize=(12.8, 3.2))
    for work, panel in zip(PANELS, panels, strict=False):
        seen = [
            (load.users, median) for load in scale.loads() for kind, median in scale.row(load) if kind.number == work.number
        ]
        panel.plot(*zip(*seen, strict=True), marker="o", color="tab:orange", label="on sockets")
    without = {0: lambda core: core.figures["kb"], 1: lambda core: 1e6 / core.figures["open_us"]}
    for number, read in without.items():
        measured = [(core.sessions, read(core)) for core in scale.cores]
        panels[number].plot(*zip(*measured, strict=True), marker="o", color="tab:gray", label="without")
        panels[number].legend(fontsize=7, loc="lower left")
    for work, panel in zip(PANELS, panels, strict=False):
        _dress(panel, work)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def _dress(panel: Any, work: Work) -> None:
    if work.limit is not None:
        panel.axhline(work.limit, color="tab:red", linewidth=1)
    panel.set_xscale("log")
    panel.set_ylim(bottom=0)
    panel.set_title(f"{work.title} ({work.unit})", fontsize=8)
    panel.set_xlabel("users", fontsize=8)
    panel.tick_params(labelsize=7)


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    return command.carry_out(options(arguments), Scale, run, everything, write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
