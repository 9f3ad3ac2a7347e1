"""`python -m benchmarks.stored`: what it costs that messages are stored, and synced to the disk, before they are delivered."""

from __future__ import annotations

import argparse
import statistics
import sys

import msgspec

from benchmarks import alone, command, tables
from benchmarks.measure import Outcome, measure
from benchmarks.servers import Server
from benchmarks.works import PAIRS_MANY, Load

NOTES = """
500 pairs, one message in flight each: relayed between guests who are told nothing; relayed between accounts that said hello,
and acknowledged (a server with `--ephemeral`); and the same stored: committed and synced (`synchronous=FULL`) before it is
delivered and acknowledged. An acknowledgement is a third call of the system beside the two that a relayed message takes. The
server has one core, its writing thread included, and the generator the other. In the last row messages are sent at a fixed
rate, and times are taken from when each was due.
"""
#: The server that keeps nothing.
FORGETFUL = "ephemeral"
STORED = msgspec.structs.replace(PAIRS_MANY, accounts=True)


def run(asked: argparse.Namespace, server: Server) -> list[Outcome]:
    """Measure the ways in turns, and then the times at half the speed that storing reached."""
    forgetful = msgspec.structs.replace(server, name=FORGETFUL, plain=[*server.plain, "--ephemeral"])
    pace, stored = command.pace(asked), STORED.small() if asked.short else STORED
    relayed = msgspec.structs.replace(stored, accounts=False)
    tell = command.progress(5 * pace.rounds)
    outcomes = measure([server, forgetful], [relayed, stored], pace, tell)
    speed = statistics.median(figures.get("msgs_s", 0.0) for figures in _of(outcomes, "lanchat", stored))
    return outcomes + measure([server], [msgspec.structs.replace(stored, rate=max(1, int(speed / 2)))], pace, tell)


def table(results: alone.Results) -> str:
    """The figures as a table, and the ratios within each round."""
    stored = next(outcome.load for outcome in results.outcomes if outcome.load.accounts and not outcome.load.rate)
    relayed = msgspec.structs.replace(stored, accounts=False)
    ways = {
        "relayed": _of(results.outcomes, "lanchat", relayed),
        "relayed and acknowledged": _of(results.outcomes, FORGETFUL, stored),
        "stored": _of(results.outcomes, "lanchat", stored),
        "stored, at half of that": [outcome.figures for outcome in results.outcomes if outcome.load.rate],
    }
    rows = [[name, *_row(rounds)] for name, rounds in ways.items()]
    head = ["", "messages/s", "min to max", "p50, ms", "p99, ms", "ack p50, ms", "ack p99, ms"]
    told = "; ".join(f"stored / {way}: {_ratio(ways['stored'], ways[way])}" for way in ("relayed", "relayed and acknowledged"))
    return f"{tables.table(head, rows)}\n\n{told}"


def _of(outcomes: list[Outcome], server: str, load: Load) -> list[dict[str, float]]:
    return [outcome.figures for outcome in outcomes if outcome.server == server and outcome.load == load]


def _ratio(ours: list[dict[str, float]], others: list[dict[str, float]]) -> str:
    """Within each round: the median, the least and the most."""
    ratios = [one["msgs_s"] / other["msgs_s"] for one, other in zip(ours, others, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _row(rounds: list[dict[str, float]]) -> list[str]:
    speeds = [figures["msgs_s"] for figures in rounds]
    times = [[figures.get(name, 0.0) / 1000 for figures in rounds] for name in ("p50_us", "p99_us", "ack_p50_us", "ack_p99_us")]
    shown = [f"{statistics.median(time):.2f}" if any(time) else "" for time in times]
    return [f"{statistics.median(speeds):,.0f}", f"{min(speeds):,.0f} to {max(speeds):,.0f}", *shown]


TRIAL = alone.Trial(
    program="python -m benchmarks.stored",
    about="Measure what it costs that messages are stored, and synced to the disk, before they are delivered.",
    title="What it costs to store",
    file="STORED",
    notes=NOTES,
    rounds=5,
    measure=run,
    table=table,
)

if __name__ == "__main__":
    sys.exit(TRIAL.main(sys.argv[1:]))
