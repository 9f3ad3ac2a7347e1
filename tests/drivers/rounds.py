"""Rounds: how a driver is run. It works in a process of its own, since what it tries may kill that."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import tempfile
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.drivers.wrong import Wrong

#: Steps that are shown of a round that went wrong.
LAST = 25
#: Seconds in which something must happen; then the driver hangs, and is killed.
PATIENCE = 120.0

Note = Callable[[str], None]


class Driver(Protocol):
    """One round of a driver, in a directory of its own."""

    #: What was done, and how often.
    counts: Counter[str]

    def step(self) -> None:
        """Do one random thing, and look at what came of it. Raises `Wrong`."""

    def end(self) -> None:
        """Look at everything once more, and end. Raises `Wrong`."""


#: Makes a driver, which notes its steps.
Make = Callable[[Path, random.Random, Note], Driver]


@dataclass(frozen=True)
class Plan:
    """Which rounds are to be driven."""

    seed: int
    #: Seconds after which no other round begins; each ends then, too.
    seconds: float
    #: Steps of a round.
    steps: int
    #: The first round; and whether it is the only one.
    first: int = 0
    only: bool = False
    #: Whether to go on after a round that went wrong.
    go_on: bool = False
    #: Where the directories of the rounds are made; the system's place for what is temporary if None.
    within: Path | None = None


@dataclass
class Failure:
    """A round that went wrong."""

    round: int
    step: int
    kind: str
    text: str
    trace: list[str]


@dataclass
class Result:
    """What all rounds came to."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def drive(make: Make, plan: Plan) -> Result:
    """Drive round after round until the time is over, or one goes wrong."""
    result, until, number = Result(), time.monotonic() + plan.seconds, plan.first
    while True:
        failure = _round(make, plan, number, until, result.counts)
        result.counts["rounds"] += 1
        if failure is not None:
            result.failures.append(failure)
        number += 1
        if plan.only or time.monotonic() >= until or (failure is not None and not plan.go_on):
            return result


def _round(make: Make, plan: Plan, number: int, until: float, counts: Counter[str]) -> Failure | None:
    """Drive one round in a process of its own; what went wrong, if anything did."""
    read, write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="lanchat-model-", dir=plan.within) as directory:
        if not (child := os.fork()):
            os.close(read)
            _in_child(make, plan, number, until, Path(directory), write)
        os.close(write)
        lines = _listen(read, child)
        status = os.waitpid(child, 0)[1]
    last = json.loads(lines.pop()) if lines and lines[-1].startswith("{") else {}
    counts.update(last.get("counts", {}))
    if last.get("ok"):
        return None
    trace = [line for line in lines if line]
    step = next((int(line.split(":")[0].split()[1]) for line in reversed(trace) if line.startswith("step ")), 0)
    kind, text = last.get("kind", "the process died"), last.get("text", _how(status))
    return Failure(number, step, kind, text, trace)


def _in_child(make: Make, plan: Plan, number: int, until: float, directory: Path, write: int) -> None:
    """Drive the round, tell of it line by line, and end the process."""

    def say(line: str) -> None:
        os.write(write, line.replace("\n", " ").encode("utf-8", "replace") + b"\n")

    told: dict[str, Any] = {"ok": False}
    driver: Driver | None = None
    try:
        dice, at = random.Random(f"{plan.seed}/{number}"), 0  # noqa: S311 (the same round each time)
        driver = make(directory, dice, lambda text: say(f"step {at}: {text}"))
        while at < plan.steps and (time.monotonic() < until or plan.only):
            at += 1
            driver.step()
        driver.end()
        told["ok"] = True
    except Wrong as wrong:
        told |= {"kind": wrong.kind, "text": str(wrong)}
    except BaseException as error:  # noqa: BLE001 (whatever it is, it is a finding)
        kind = f"{type(error).__name__} in {_where(error)}"
        told |= {"kind": kind, "text": traceback.format_exc()}
    told["counts"] = driver.counts if driver is not None else {}
    os.write(write, json.dumps(told).encode() + b"\n")
    os._exit(0)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}: {frames[-1].name}" if frames else "nowhere"


def _listen(read: int, child: int) -> list[str]:
    """The last lines of a child, to its end; one that is silent for too long is killed."""
    lines: deque[str] = deque([""], maxlen=LAST)
    with open(read, "rb", buffering=0) as pipe:
        rest = b""
        while True:
            if not select.select([pipe], [], [], PATIENCE)[0]:
                os.kill(child, signal.SIGKILL)
                lines.append(f"nothing happened for {PATIENCE:.0f} s")
                break
            if not (data := pipe.read(65536)):
                break
            *whole, rest = (rest + data).split(b"\n")
            lines.extend(line.decode() for line in whole)
    return list(lines)


def _how(status: int) -> str:
    number = os.waitstatus_to_exitcode(status)
    return f"the process was ended by {signal.Signals(-number).name}" if number < 0 else f"the process ended with {number}"
