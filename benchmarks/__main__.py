"""`python -m benchmarks`: measure, print the tables, keep the figures. Exits with 1 when something could not be measured."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks import command, report, tables
from benchmarks.measure import measure
from benchmarks.results import Results, machine
from benchmarks.servers import Failed, Server, checkout, known, raise_file_limit
from benchmarks.works import WORKS, Work, small

PROGRAM = "python -m benchmarks"


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = command.parser(
        PROGRAM, "Compare lanchat with other servers on this machine.", rounds=5, written="RESULTS.md and its plots"
    )
    parser.add_argument("--works", metavar="N,N", default="", help="only these rows of the table, 1 to 8")
    parser.add_argument("--servers", metavar="NAME,NAME", default="", help="only these servers")
    parser.add_argument(
        "--also", metavar="NAME=PLACE", action="append", default=[], help="another lanchat: a checkout, or a Python"
    )
    return parser.parse_args(arguments)


def chosen(names: str, there: dict[str, Server | None]) -> tuple[list[Server], list[str]]:
    """The servers to measure, and those that are not installed; raises `Failed` for a name that nobody has."""
    wanted = names.split(",") if names else list(there)
    for name in wanted:
        if name not in there:
            raise Failed(f"--servers: there is no {name!r}; there are {', '.join(there)}")
    servers = [server for name in wanted if (server := there[name])]
    return servers, [name for name in wanted if there[name] is None]


def rows(numbers: str, *, short: bool) -> list[Work]:
    """The rows of the table to measure; raises `Failed` for a number that is none."""
    every = {str(work.number): work for work in WORKS}
    wanted = numbers.split(",") if numbers else list(every)
    if strange := [number for number in wanted if number not in every]:
        raise Failed(f"--works: there is no {strange[0]!r}; there are {', '.join(every)}, and 9 comes with 1 to 4 and 8")
    works = [every[number] for number in wanted]
    return [small(work) for work in works] if short else works


def also(given: list[str], taken: Iterable[str]) -> list[Server]:
    """Further checkouts, from NAME=PLACE; raises `Failed` where there is none."""
    found: dict[str, Server] = {}
    for word in given:
        name, _, place = word.partition("=")
        if not name or not place or name in {*taken, *found}:
            raise Failed(f"--also {word}: write NAME=PLACE, with a name that no other server has")
        found[name] = checkout(name, Path(place))
    return [*found.values()]


def run(asked: argparse.Namespace) -> Results:
    """Measure what was asked for."""
    raise_file_limit()
    there = known()
    servers, missing = chosen(asked.servers, there)
    servers += also(asked.also, there)
    if not servers:
        raise Failed(f"none of these is installed: {', '.join(missing)}")
    works = rows(asked.works, short=asked.short)
    for name in missing:
        command.complain(f"{name} is not installed, so it is left out")
    pace = command.pace(asked)
    loads = list(dict.fromkeys(work.load for work in works))
    total = pace.rounds * sum(not server.lacks(load) for server in servers for load in loads)
    before = machine()
    outcomes = measure(servers, loads, pace, command.progress(total))
    return Results(command.typed(PROGRAM), before, pace, works, servers, missing, outcomes)


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    return command.carry_out(options(arguments), Results, run, tables.everything, report.write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
