"""Victim: a process that does something to a database, and is killed before its n-th SQL statement or file operation."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

#: Seconds that a process may take.
PATIENCE = 60.0
#: Operations on files, as Python's audit hooks name them.
FILES = frozenset({"open", "os.rename", "os.remove", "os.link", "os.truncate", "os.chmod", "os.mkdir", "sqlite3.connect"})

#: Tells the process that waits what was done: facts that are true whatever happens next.
Tell = Callable[[dict[str, Any]], None]


class Outcome(NamedTuple):
    """What came of a process."""

    facts: list[dict[str, Any]]
    killed: bool
    #: Why it failed by itself; "" if it did not.
    error: str

    def all(self, name: str) -> list[Any]:
        """The values of all facts of this name."""
        return [fact[name] for fact in self.facts if name in fact]


def run(work: Callable[[Tell], None], place: Path, at: int = 0, after: float = 0.0) -> Outcome:
    """Do this in a process of its own, which is killed at its `at`-th point, or `after` so many seconds; 0 is never.

    Points are the SQL statements, and the operations on files below `place`. At its end it tells how many there were.
    """
    read, write = os.pipe()
    if not (child := os.fork()):
        os.close(read)
        _do(work, place, at, write)
    os.close(write)
    data, deadline = b"", time.monotonic() + (after or PATIENCE)
    while True:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([read], [], [], left)[0]:
            os.kill(child, signal.SIGKILL)
            if not after:
                data += b'\n{"error": "it hangs"}\n'
            deadline = time.monotonic() + PATIENCE
            after = after or PATIENCE
        elif chunk := os.read(read, 65536):
            data += chunk
        else:
            break
    os.close(read)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    facts = [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n") and line.strip()]
    error = next((fact["error"] for fact in facts if "error" in fact), "")
    if status < 0 and status != -signal.SIGKILL:
        error = f"it was ended by {signal.Signals(-status).name}"
    return Outcome(facts, status == -signal.SIGKILL, error)


def _do(work: Callable[[Tell], None], place: Path, at: int, write: int) -> None:
    """The process."""

    def tell(fact: dict[str, Any]) -> None:
        os.write(write, json.dumps(fact).encode() + b"\n")

    try:
        points = _arm(str(place), at)
        work(tell)
        tell({"points": points()})
    except BaseException:  # noqa: BLE001 (whatever it is, it is told)
        tell({"error": traceback.format_exc()})
    os._exit(0)


def _arm(place: str, at: int) -> Callable[[], int]:
    """Count points from here on, and die at one of them; what tells how many there were."""
    count = 0

    def point(_: object = None) -> None:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in FILES and place in str(args[0]):
            point()

    connect = sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(point)
        return connection

    sys.addaudithook(hook)
    for module in tuple(sys.modules.values()):  # some have the function under a name of their own
        if getattr(module, "connect", None) is connect:
            module.connect = traced  # type: ignore[attr-defined]
    return lambda: count
