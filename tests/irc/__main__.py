"""Run irctest, the public test suite for IRC servers, on this checkout: `python -m tests.irc SUITE`.

SUITE is the directory of a checkout of irctest, which is not part of lanchat. Exits with 1 if a test failed that is not in
tests/irc/expected.py, if that list is too long, or if too few tests passed.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.irc import suite
from tests.irc.expected import EXPECTED
from tests.irc.outcomes import Outcome, read, report, unexpected, verdict

PROGRAM = "python -m tests.irc"
#: So many tests that failed unexpectedly are run once more, one by one.
MOST_AGAIN = 5


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path, metavar="SUITE", help="a checkout of irctest; it is copied, and not written to")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="run so many tests at the same time (default: 1)")
    parser.add_argument("--select", default="", metavar="EXPR", help="only tests whose names match, as in pytest -k")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write outcomes and what was sent here, in JUnit XML")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="work in this new directory, and leave it")
    parser.add_argument("--python", metavar="PROGRAM", help="a Python that has the packages of irctest (default: make one)")
    parser.add_argument("--controller", default=suite.OURS, metavar="MODULE", help="another server, to compare")
    chosen = parser.parse_args(arguments)
    if not (chosen.suite / suite.TESTS).is_dir():
        parser.error(f"{chosen.suite} is no checkout of irctest: it has no {suite.TESTS}")
    if chosen.jobs < 1 or (chosen.keep and chosen.keep.exists()):
        parser.error("--jobs is at least 1, and --keep a directory that is not there yet")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print the report, and say whether all was well."""
    chosen = options(arguments)
    with contextlib.ExitStack() as stack:
        directory = chosen.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="irc")))
        directory.mkdir(parents=True, exist_ok=chosen.keep is None)
        try:
            outcomes = run(chosen, directory.resolve())
        except suite.Failed as failed:
            sys.stderr.write(f"{PROGRAM}: {failed}\n")
            return 1
    sys.stdout.write("".join(f"{line}\n" for line in report(outcomes, EXPECTED)))
    wrong = list(verdict(outcomes, EXPECTED, whole=not chosen.select))
    sys.stdout.write("".join(f"WRONG: {line}\n" for line in wrong) or "all is well\n")
    return int(bool(wrong))


def run(chosen: argparse.Namespace, directory: Path) -> dict[str, Outcome]:
    """Run the suite in this directory; the outcome of each test, or of its second attempt. Raises `suite.Failed`."""
    python = chosen.python or suite.make_python(directory / "venv")
    data = suite.make_data(directory / "data")
    copy = suite.copy(chosen.suite, directory / "suite")
    junit = directory / "junit.xml"
    seconds = suite.run(suite.command(python, chosen.controller, junit, chosen.jobs, chosen.select), copy, data)
    sys.stdout.write(f"\n{seconds:.0f} s\n")
    if chosen.junit:
        chosen.junit.write_bytes(junit.read_bytes())
    outcomes = read(junit)
    # (Some tests don't wait for what they look for, and fail where other programs keep all cores busy.)
    again = [*unexpected(outcomes, EXPECTED)]
    if 0 < len(again) <= MOST_AGAIN:
        second = directory / "junit-2.xml"
        suite.run(suite.command(python, chosen.controller, second, 1, "", again), copy, data)
        outcomes |= read(second)
        sys.stdout.write(
            "".join(f"passed at the second attempt: {name}\n" for name in again if outcomes[name].kind == "passed")
        )
    return outcomes


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell says it
