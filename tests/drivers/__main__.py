"""The drivers' command: `python -m tests.drivers store|server|kill --seconds N --seed S`.

Prints what was done. When a promise is broken it prints which, the last steps, and how to play the round again; then the
exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.drivers.rounds import Failure, Make, Plan, Result, drive

#: Steps of a round, unless told.
STEPS = {"store": 120, "server": 400, "kill": 12}


def main() -> int:
    """Drive; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.drivers", description=__doc__)
    parser.add_argument("driver", choices=STEPS)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long to drive")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, help="steps of a round")
    parser.add_argument("--round", type=int, help="drive this round only, as when it failed")
    parser.add_argument("--all", action="store_true", help="go on after a failure, and list all kinds at the end")
    parser.add_argument("--dir", type=Path, help="make the directories of the rounds in this one")
    asked = parser.parse_args()
    first = asked.round if asked.round is not None else 0
    steps = asked.steps or STEPS[asked.driver]
    plan = Plan(asked.seed, asked.seconds, steps, first, asked.round is not None, asked.all, asked.dir)
    result = drive(_maker(asked.driver), plan)
    _report(asked.driver, plan, result)
    return int(bool(result.failures))


def _maker(name: str) -> Make:
    """What makes a driver; imported in the end, as the others need not be."""
    if name == "store":
        from tests.drivers.store import StoreDriver  # noqa: PLC0415 (see above)

        return StoreDriver
    if name == "server":
        from tests.drivers.server import ServerDriver  # noqa: PLC0415 (see above)

        return ServerDriver
    from tests.drivers.kill import KillDriver  # noqa: PLC0415 (see above)

    return KillDriver


def _report(name: str, plan: Plan, result: Result) -> None:
    kinds = Counter(failure.kind for failure in result.failures)
    for failure in result.failures:
        if kinds.pop(failure.kind, 0):  # the first of its kind
            _tell(name, plan, failure)
    done = ", ".join(f"{count:,} {what}" for what, count in sorted(result.counts.items(), key=lambda pair: -pair[1]))
    sys.stdout.write(f"{name}, seed {plan.seed}: {done}: {'WRONG' if result.failures else 'all is well'}\n")
    for kind, count in Counter(failure.kind for failure in result.failures).most_common():
        sys.stdout.write(f"  {count:4} times: {kind}\n")


def _tell(name: str, plan: Plan, failure: Failure) -> None:
    again = f"python -m tests.drivers {name} --seed {plan.seed} --steps {plan.steps} --round {failure.round}"
    lines = [
        f"{name}: {failure.kind}",
        *failure.text.splitlines(),
        "",
        *(f"  {line}" for line in failure.trace),
        "",
        f"seed {plan.seed}, round {failure.round}, step {failure.step}; again: {again}",
        "",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
