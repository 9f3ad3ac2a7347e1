"""`python -m benchmarks.sizing`: what a machine must have for so many users who talk, each message stored and acknowledged."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import msgspec

from benchmarks import command, tables
from benchmarks.measure import Outcome, measure
from benchmarks.results import machine
from benchmarks.servers import ROOT, checkout, raise_file_limit
from benchmarks.works import Load

PROGRAM = "python -m benchmarks.sizing"
USERS, SHORT = (100, 1000, 10_000), (200, 400)
#: Seconds from one message of a user to the next.
EVERY = 10
#: Logins at a time: hashes of tokens and pages of the log are read for each.
LOGINS = "20"
NOTES = f"""
All have accounts and are connected over TLS. Altogether there is a message each {EVERY} s for each user. Each goes to one,
is on the disk before it is delivered, and is acknowledged. The server has one core, and the generator the other. Memory is the
whole process (RSS) at the end.
"""


class Results(msgspec.Struct):
    """What each number of users took."""

    command: str
    machine: dict[str, str]
    server: str
    outcomes: list[Outcome]

    def failures(self) -> list[Outcome]:
        """What did not work."""
        return [outcome for outcome in self.outcomes if outcome.failure]


def run(asked: argparse.Namespace) -> Results:
    """Put each number of users on a server of its own, in each round."""
    raise_file_limit()
    server = msgspec.structs.replace(checkout("lanchat", ROOT), generator=["-C", LOGINS])
    loads = [
        Load("pairs", users, rate=max(1, users // EVERY), sources=8, tls=True, accounts=True)
        for users in (SHORT if asked.short else USERS)
    ]
    before, pace = machine(), command.pace(asked)
    outcomes = measure([server], loads, pace, command.progress(len(loads) * pace.rounds))
    return Results(command.typed(PROGRAM), before, server.version, outcomes)


def shown(results: Results) -> str:
    """A row for each number of users."""
    if results.failures():
        return "Something could not be measured."
    loads = list(dict.fromkeys(outcome.load for outcome in results.outcomes))
    head = ["users", "messages/s", "memory, MiB", "CPU, % of a core", "ack p50, ms", "ack p99, ms"]
    return tables.table(head, [_row(load, results.outcomes) for load in loads])


def _row(load: Load, outcomes: list[Outcome]) -> list[str]:
    def median(figure: str) -> float:
        return statistics.median(outcome.figures.get(figure, 0.0) for outcome in outcomes if outcome.load == load)

    return [
        f"{load.users:,}",
        f"{load.rate:,}",
        f"{median('rss2_kb') / 1024:.0f}",
        f"{median('srv_cpu') * 100:.1f}",
        f"{median('ack_p50_us') / 1000:.1f}",
        f"{median('ack_p99_us') / 1000:.1f}",
    ]


def write(results: Results, directory: Path) -> None:
    """Write the report."""
    facts = tables.table(["", ""], [*map(list, results.machine.items()), ["lanchat", results.server]], words=2)
    (directory / "SIZING.md").write_text(
        f"# What a machine must have\n\n    {results.command}\n\n{facts}\n\n{shown(results)}\n{NOTES}"
    )


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    about = "Measure what a server takes of a machine for 100, 1,000 and 10,000 users who talk."
    asked = command.parser(PROGRAM, about, rounds=3, written="SIZING.md").parse_args(arguments)
    return command.carry_out(asked, Results, run, shown, write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
