"""`python -m benchmarks.sizing`: what a machine must have for so many users who talk, each message stored and acknowledged."""

from __future__ import annotations

import argparse
import statistics
import sys

import msgspec

from benchmarks import alone, command, tables
from benchmarks.measure import Outcome, measure
from benchmarks.servers import Server
from benchmarks.works import Load

USERS, SHORT = (100, 1000, 10_000), (200, 400)
#: Seconds from one message of a user to the next.
EVERY = 10
#: Seconds until everybody has said a first word to somebody, which makes a conversation, and takes longer than the next.
WARM_UP = float(EVERY)
NOTES = f"""
All have accounts and are connected over TLS. Altogether there is a message each {EVERY} s for each user. Each goes to one,
is on the disk before it is delivered, and is acknowledged. It is measured when each has said something. The server has one
core, and the generator the other. Memory is the whole process (RSS) at the end.
"""


def run(asked: argparse.Namespace, server: Server) -> list[Outcome]:
    """Put each number of users on a server of its own, in each round."""
    pace = command.pace(asked)
    if not asked.short:
        pace = msgspec.structs.replace(pace, warm_up=WARM_UP)
    loads = [
        Load("pairs", users, rate=max(1, users // EVERY), sources=8, tls=True, accounts=True)
        for users in (SHORT if asked.short else USERS)
    ]
    return measure([server], loads, pace, command.progress(len(loads) * pace.rounds))


def table(results: alone.Results) -> str:
    """A row for each number of users."""
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


TRIAL = alone.Trial(
    program="python -m benchmarks.sizing",
    about="Measure what a server takes of a machine for 100, 1,000 and 10,000 users who talk.",
    title="What a machine must have",
    file="SIZING",
    notes=NOTES,
    rounds=3,
    measure=run,
    table=table,
)

if __name__ == "__main__":
    sys.exit(TRIAL.main(sys.argv[1:]))
