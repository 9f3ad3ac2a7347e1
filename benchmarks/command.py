"""What the commands here share: options, progress, files, complaints, and how they end."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from benchmarks import report
from benchmarks.measure import Outcome, Pace
from benchmarks.servers import HERE, Failed

#: Seconds that a load may be measured.
SHORTEST, LONGEST = 0.1, 3600
BRIEF = Pace(rounds=1, seconds=0.2, warm_up=0.1, at_once=8, retries=2)


class Measured(Protocol):
    """What a command has measured."""

    def failures(self) -> list[Outcome]:
        """What did not work."""


T = TypeVar("T", bound=Measured)


def whole(what: str) -> Callable[[str], int]:
    """Reads how many of these; it raises `ArgumentTypeError` for what is no such number."""

    def read(text: str) -> int:
        if not text.isdecimal() or not int(text):
            raise argparse.ArgumentTypeError(f"{text} is no number of {what}: it is a whole number from 1")
        return int(text)

    return read


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


def parser(program: str, description: str, rounds: int, written: str) -> argparse.ArgumentParser:
    """Reads the options that every command has; `written` is what a report consists of."""
    reads = argparse.ArgumentParser(prog=program, description=description)
    reads.add_argument(
        "--rounds", type=whole("rounds"), default=rounds, help=f"how many times all is measured (default: {rounds})"
    )
    reads.add_argument("--seconds", type=seconds, default=3.0, help="how long each load is measured (default: 3)")
    reads.add_argument("--short", action="store_true", help="only show that everything works: few users, a moment, all at once")
    reads.add_argument("--json", metavar="FILE", type=Path, help="keep all figures of all rounds in this file")
    reads.add_argument(
        "--from", metavar="FILE", dest="source", type=Path, help="measure nothing, take the figures from such a file"
    )
    reads.add_argument("--report", metavar="DIRECTORY", type=Path, nargs="?", const=HERE, help=f"write {written}")
    return reads


def pace(asked: argparse.Namespace) -> Pace:
    """How often and how long was asked for."""
    return BRIEF if asked.short else Pace(asked.rounds, asked.seconds)


def typed(program: str) -> str:
    """The command as it was typed."""
    return f"{program} {shlex.join(sys.argv[1:])}".strip()


def progress(total: int) -> Callable[[Outcome | str], None]:
    """Tells on a terminal how far it is."""
    done = 0

    def tell(what: Outcome | str) -> None:
        nonlocal done
        done += 1
        if isinstance(what, Outcome):
            what = f"round {what.round + 1}, {what.server}, {' '.join(what.load.arguments())}"
        sys.stderr.write(f"\r\x1b[K{done}/{total}: {what}" + "\n" * (done == total))

    return tell if sys.stderr.isatty() else lambda _: None


def complain(text: str) -> None:
    """Tell the user what is not as it should be."""
    sys.stderr.write(f"benchmarks: {text}\n")


def carry_out(
    asked: argparse.Namespace,
    kind: type[T],
    run: Callable[[argparse.Namespace], T],
    shown: Callable[[T], str],
    write: Callable[[T, Path], None],
) -> int:
    """Measure with `run`, or take what an earlier run kept; show it, keep it, report it. The command's exit code."""
    try:
        if asked.report:
            report.pyplot()
        results = _kept(asked.source, kind) if asked.source else run(asked)
        sys.stdout.write(f"{shown(results)}\n")
        _keep(asked, results, write)
    except Failed as failed:
        complain(str(failed))
        return 2
    except KeyboardInterrupt:
        return 130
    for outcome in results.failures():
        complain(f"{outcome.server}, {' '.join(outcome.load.arguments())}: {outcome.failure}")
    return 1 if results.failures() else 0


def _kept(file: Path, kind: type[T]) -> T:
    """The results of an earlier run; raises `Failed` when the file has none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise Failed(f"--from {file}: {error}. Give a file that --json wrote") from None


def _keep(asked: argparse.Namespace, results: T, write: Callable[[T, Path], None]) -> None:
    """Keep what was asked to be kept; raises `Failed` when that is not possible."""
    try:
        if asked.json:
            asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
        if asked.report:
            write(results, asked.report)
    except OSError as error:
        raise Failed(f"cannot write the results: {error}") from None
