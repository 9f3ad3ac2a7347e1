"""`python -m benchmarks`: measure, print the tables, keep the figures. Exits with 1 when something could not be measured."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from benchmarks import report, tables
from benchmarks.measure import Outcome, Pace, measure
from benchmarks.results import Results, machine
from benchmarks.servers import HERE, Failed, Server, checkout, known, raise_file_limit
from benchmarks.works import WORKS, Work, small

#: Seconds that a load may be measured.
SHORTEST, LONGEST = 0.1, 3600
BRIEF = Pace(rounds=1, seconds=0.2, warm_up=0.1, at_once=8)


def rounds(text: str) -> int:
    """How often; raises `ArgumentTypeError` when that is no such number."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of rounds: it is a whole number from 1")
    return int(text)


def seconds(text: str) -> float:
    """How long; raises `ArgumentTypeError` for what is too short to measure, or too long to wait for."""
    try:
        length = float(text)
    except ValueError:
        length = 0.0
    if not SHORTEST <= length <= LONGEST:
        raise argparse.ArgumentTypeError(
            f"{text} is no time to measure: it is a number of seconds from {SHORTEST} to {LONGEST}"
        )
    return length


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare lanchat with other servers on this machine."
    )
    parser.add_argument("--rounds", type=rounds, default=5, help="how many times all is measured (default: 5)")
    parser.add_argument("--seconds", type=seconds, default=3.0, help="how long each load is measured (default: 3)")
    parser.add_argument("--works", metavar="N,N", default="", help="only these rows of the table, 1 to 8")
    parser.add_argument("--servers", metavar="NAME,NAME", default="", help="only these servers")
    parser.add_argument(
        "--also", metavar="NAME=PLACE", action="append", default=[], help="another lanchat: a checkout, or a Python"
    )
    parser.add_argument(
        "--short", action="store_true", help="only show that everything works: few users, a moment, all at once"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="keep all figures of all rounds in this file")
    parser.add_argument(
        "--from", metavar="FILE", dest="source", type=Path, help="measure nothing, take the figures from such a file"
    )
    parser.add_argument(
        "--report", metavar="DIRECTORY", type=Path, nargs="?", const=HERE, help="write RESULTS.md and its plots"
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


def progress(total: int) -> Callable[[Outcome], None]:
    """Tells on a terminal how far it is."""
    done = 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        words = f"{done}/{total}: round {outcome.round + 1}, {outcome.server}, {' '.join(outcome.load.arguments())}"
        sys.stderr.write(f"\r\x1b[K{words}" + "\n" * (done == total))

    return tell if sys.stderr.isatty() else lambda _: None


def complain(text: str) -> None:
    """Tell the user what is not as it should be."""
    sys.stderr.write(f"benchmarks: {text}\n")


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
        complain(f"{name} is not installed, so it is left out")
    pace = BRIEF if asked.short else Pace(asked.rounds, asked.seconds)
    loads = list(dict.fromkeys(work.load for work in works))
    total = pace.rounds * sum(not server.lacks(load) for server in servers for load in loads)
    before = machine()
    outcomes = measure(servers, loads, pace, progress(total))
    return Results(shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]), before, pace, works, servers, missing, outcomes)


def kept(file: Path) -> Results:
    """The results of an earlier run; raises `Failed` when the file has none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Results)
    except (OSError, msgspec.MsgspecError) as error:
        raise Failed(f"--from {file}: {error}. Give a file that --json wrote") from None


def write(asked: argparse.Namespace, results: Results) -> None:
    """Keep what was asked to be kept; raises `Failed` when that is not possible."""
    try:
        if asked.json:
            asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
        if asked.report:
            report.write(results, asked.report)
    except OSError as error:
        raise Failed(f"cannot write the results: {error}") from None


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    asked = options(arguments)
    try:
        if asked.report:
            report.pyplot()
        results = kept(asked.source) if asked.source else run(asked)
        sys.stdout.write(f"{tables.everything(results)}\n")
        write(asked, results)
    except Failed as failed:
        complain(str(failed))
        return 2
    except KeyboardInterrupt:
        return 130
    for outcome in results.failures():
        complain(f"{outcome.server}, {' '.join(outcome.load.arguments())}: {outcome.failure}")
    return 1 if results.failures() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
