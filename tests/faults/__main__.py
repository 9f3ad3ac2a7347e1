"""A long run of faults: `python -m tests.faults --kills 200 --json out.json`.

A real server is killed so many times, and stopped, cut off and out of disk between, while six devices talk; then what
they saw is checked. Exits with 1 if a promise of durable delivery was not kept. Real time is the point of it: a short
one is a test (tests/project/test_faults.py).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults import files
from tests.faults.checker import check
from tests.faults.history import load
from tests.faults.nemesis import Nemesis
from tests.faults.report import report
from tests.faults.trial import Trial

#: Seconds from kill to kill, unless told; and that another fault lasts at most.
PACE, LONGEST = 5.0, 6.0
#: MiB that the log may have, unless told: some minutes of what is said, so that it is removed only when all have read it.
RETAIN = 8


def tell(text: str) -> None:
    """Say how far it is, on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")


def main() -> int:
    """Run it, print the report, and say whether all was well."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seconds", type=float, help=f"spread the kills over so many (default: {PACE:g} for each)")
    parser.add_argument("--brim", action="store_true", help="only fill the disk, for moments, between kills (as root)")
    parser.add_argument("--rate", type=float, default=12.0, help="messages a second of each of the six devices")
    parser.add_argument("--retain", type=int, default=RETAIN, help="MiB that the log may have; 0 is no bound")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="leave the histories and the server's log here")
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument(
        "--files", action="store_true", help="kill it at each step of uploads and withdrawals of files, in turn"
    )
    options = parser.parse_args()
    if options.kills < 1 or (options.keep and options.keep.exists()):
        parser.error("--kills is at least 1, and --keep a directory that is not there yet")
    with contextlib.ExitStack() as stack:
        directory = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.mkdir(parents=True, exist_ok=options.keep is None)
        found = files.run(directory, options.kills, options.seed, tell) if options.files else run(directory, options)
    tell("")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return files.show(found) if options.files else show(found)


def run(directory: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run it in this directory; the report."""
    trial = Trial(directory, options.seed, options.rate, tell, options.retain)
    seconds = options.seconds or PACE * options.kills

    async def torment(nemesis: Nemesis) -> None:
        if options.brim:
            await nemesis.brim(options.kills, tell)
        else:
            await nemesis.torment(options.kills, seconds, tell)

    asyncio.run(trial.run(torment, LONGEST))
    tell("checking")
    (directory / "server.log").write_text(trial.subject.log)
    history = load(directory.glob("*.jsonl"))
    return report(history, check(history), trial.subject.log)


def show(found: dict[str, Any]) -> int:
    """Print it; 0 when nothing is wrong."""
    figures = {name: value for name, value in found.items() if name not in ("wrong", "lines")}
    figures |= {f"wrong: {name}": count for name, count in found["wrong"].items()}
    sys.stdout.write("".join(f"{name:36}{value:>12}\n" for name, value in figures.items()))
    sys.stdout.write("".join(f"{kind}: {line}\n" for kind, lines in found["lines"].items() for line in lines))
    wrong = any(found["wrong"].values())
    sys.stdout.write("WRONG\n" if wrong else "all is well\n")
    return int(wrong)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell says it
