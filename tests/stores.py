"""Stores for tests: real files, real threads, and a reactor's thread that is the test's own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from sqlite3 import Connection, connect
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.protocol.entry import Entry
from lanchat.store.store import Store
from lanchat.tables.log_command import LocalTask, LogCommand
from tests.live import PATIENCE

#: 2026-11-20 14:03:22.5 UTC, in milliseconds.
NOW = 1_795_183_402_500

T = TypeVar("T")


class Call(LocalTask[T], frozen=True):
    """Any function, to be run in a transaction of the writing thread."""

    function: Callable[[Connection], T]

    def run(self, connection: Connection) -> T:
        """Call it."""
        return self.function(connection)


class Desk:
    """A store whose results come back when the test waits for them, in the thread of the test."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()
        self.store = Store(directory, lambda call, *args: self.calls.put((call, args)), **options)
        #: What came back, in order.
        self.back: list[Entry] = []
        self.store.committed = self.back.extend
        self.store.open()

    def turn(self) -> None:
        """What a reactor does in one turn: wait for a call from another thread, and make it."""
        call, args = self.calls.get(timeout=PATIENCE)
        call(*args)

    def wait(self, answer: Deferred[T]) -> T:
        """The answer; raises what went wrong."""
        found: list[Any] = []
        answer.addBoth(found.append)
        while not found:
            self.turn()
        if isinstance(found[0], Failure):
            found[0].raiseException()
        result: T = found[0]
        return result

    def say(self, *entries: Entry) -> list[Entry]:
        """Hand these in, and wait until they are back."""
        before = len(self.back)
        for one in entries:
            self.store.append(one)
        deadline = time.monotonic() + PATIENCE
        while len(self.back) < before + len(entries):
            assert time.monotonic() < deadline
            self.turn()
        return self.back[before:]

    def write(self, task: LogCommand[T] | LocalTask[T] | Callable[[Connection], T]) -> T:
        """Do this, and wait for it."""
        if isinstance(task, LogCommand):
            return self.wait(self.store.write(task))
        return self.wait(self.store.maintain(task if isinstance(task, LocalTask) else Call(task)))

    def read(self, query: Callable[[Connection], T], slow: bool = False) -> T:
        """Ask this, and wait for the answer."""
        return self.wait(self.store.read(query, slow))

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.read(lambda connection: connection.execute(sql, values).fetchall())

    def close(self) -> None:
        """Close the store as a server that stops does."""
        self.wait(self.store.close())

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def entry(msg: str = "hello", cid: str | None = None, **members: Any) -> Entry:
    """Something that account 1 says in room 1."""
    given: dict[str, Any] = {
        "conv": "r1",
        "author": 1,
        "name": "alice",
        "ip": "10.0.0.1",
        "target": "#ops",
        "ts": 1_795_183_402_500,
    }
    return Entry(msg=msg, cid=cid, **(given | members))


def raw(directory: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a query on the file itself, for a store that is closed."""
    connection = connect(directory / "lanchat.db", isolation_level=None)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


#: What a server does that is killed: it says how far it got, line by line, and never stops by itself.
_TALK = """
import sys
from pathlib import Path
from lanchat.store import background
from tests.stores import Desk, entry
background.BATCHES = 1
desk = Desk(Path(sys.argv[1]))
said = 0
while True:
    for back in desk.say(*(entry(f"number {said + n}", f"{sys.argv[2]}.{said + n}") for n in range(20))):
        print(back.seq, back.msg, flush=True)
    said += 20
"""


def talk_and_be_killed(directory: Path, run: str, lines: int) -> list[tuple[int, str]]:
    """Run a process that stores messages, and kill it after so many were acknowledged; those that were, in order."""
    command = [sys.executable, "-c", _TALK, str(directory), run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (ours)
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    whole = [line.rstrip("\n") for line in told if line.endswith("\n")]
    return [(int(seq), msg) for seq, msg in (line.split(" ", 1) for line in whole)]
