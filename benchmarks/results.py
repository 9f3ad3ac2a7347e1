"""What was measured, with all that one has to know to measure it again; and the numbers that follow from it."""

from __future__ import annotations

import datetime
import os
import platform
import re
import statistics
from pathlib import Path

import msgspec

from benchmarks.measure import Outcome, Pace
from benchmarks.servers import Server, cores
from benchmarks.works import Work

#: Who the others are compared with.
OURS = "lanchat"


class Results(msgspec.Struct):
    """All rounds of a comparison."""

    command: str
    machine: dict[str, str]
    pace: Pace
    works: list[Work]
    servers: list[Server]
    #: Servers that would have been compared, and are not installed.
    missing: list[str]
    outcomes: list[Outcome]

    def base(self) -> str:
        """The server that the others are compared with: lanchat, where it was measured."""
        names = [server.name for server in self.servers]
        return OURS if OURS in names else names[0]

    def by_round(self, work: Work, server: str) -> dict[int, float]:
        """The work's figure in each round that gave one."""
        return {
            outcome.round: outcome.figures[work.figure] * work.scale
            for outcome in self.outcomes
            if outcome.server == server and outcome.load == work.load and not outcome.failure
        }

    def median(self, work: Work, server: str) -> float | None:
        """The median of the rounds; None where there is no figure."""
        figures = self.by_round(work, server)
        return statistics.median(figures.values()) if figures else None

    def ratios(self, work: Work, server: str) -> list[float]:
        """The base's figure divided by this server's, round by round, so that what slowed a round down is in both."""
        ours, theirs = self.by_round(work, self.base()), self.by_round(work, server)
        return [ours[number] / theirs[number] for number in ours if theirs.get(number)]

    def failures(self) -> list[Outcome]:
        """What did not work."""
        return [outcome for outcome in self.outcomes if outcome.failure]

    def failure(self, work: Work, server: str) -> str:
        """Why there is no figure."""
        whys = [outcome.failure for outcome in self.failures() if (outcome.server, outcome.load) == (server, work.load)]
        return whys[0] if whys else "it was not measured"

    def ranking(self, work: Work) -> list[str]:
        """The servers that have a figure, the best first."""
        medians = {server.name: self.median(work, server.name) for server in self.servers}
        there = {name: median for name, median in medians.items() if median is not None}
        return sorted(there, key=lambda name: there[name], reverse=work.more)


def machine() -> dict[str, str]:
    """The machine at hand, and how busy it was before."""
    server, generator = cores()
    pinned = "not pinned" if server is None else f"server on core {server}, generator on core {generator}"
    return {
        "date": datetime.datetime.now(tz=datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_first('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores; {pinned}",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) // 1024:,} MiB",
        "system": f"{_first('/etc/os-release', 'PRETTY_NAME')}, {platform.system()} {platform.release()}",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _first(file: str, name: str) -> str:
    """What stands behind the first such name in one of the system's files."""
    try:
        found = re.search(rf"^{name}\s*[:=]\s*(.*)$", Path(file).read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip('"') if found else "0 (unknown)"
