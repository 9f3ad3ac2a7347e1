"""Writing: one thread, one connection, and all that waits in one transaction (group commit).

To wait for the disk costs the same for one row as for a thousand, so whatever came while the last batch was written is the
next one. While the reactor's thread is busy each statement may have to wait 5 ms for Python's lock: a run of entries is one
statement, however long it is.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from typing import Any, Generic, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.protocol.counts import Histogram
from lanchat.protocol.entry import COLUMNS, RELAYED, STORED, Entry, newest_seq
from lanchat.protocol.errors import NotStored
from lanchat.protocol.log_command import LocalTask, LogCommand
from lanchat.store.background import BackgroundWork
from lanchat.store.duplicates import Duplicates

T = TypeVar("T")

#: At most so many entries and jobs are one transaction. A statement takes 32,766 values, and an entry has 11.
BATCH = 2000
NOT_STORED = "The server can't write to its disk now, so nothing of this was done. Try again in a while."

#: SQLite's code for what is wrong with a statement itself.
SQLITE_ERROR = 1

_log = Logger()

_ROW = f"({','.join('?' * len(COLUMNS))})"


class Job(Generic[T]):
    """A command or a task that was handed in, with the Deferred of whoever waits for its result."""

    def __init__(self, task: LogCommand[T] | LocalTask[T]) -> None:
        self.task = task
        self._outcome: T | Failure = Failure(NotStored(NOT_STORED))
        self.done: Deferred[T] = Deferred()

    def run(self, connection: Connection) -> None:
        """Do it, in a transaction that was begun. If it raises an exception, only what it did itself is undone.

        Raises `sqlite3.Error` when SQLite has given up the whole transaction.
        """
        connection.execute("SAVEPOINT job")
        try:
            self._outcome = self.task.run(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO job")
            self._outcome = Failure(NotStored(NOT_STORED) if _of_the_disk(error) else error)
        connection.execute("RELEASE job")

    def undo(self) -> None:
        """Note that the transaction was rolled back, and this with it: whoever waits gets `NotStored`."""
        self._outcome = Failure(NotStored(NOT_STORED))

    def tell(self) -> None:
        """Give the result to whoever waits. To be called in the reactor's thread."""
        self.done.callback(self._outcome)


#: What is written in one transaction, in this order.
Batch: TypeAlias = "list[Entry | Job[Any]]"


class Settle(LocalTask[None], frozen=True):
    """Do nothing: its result tells that everything that was handed in before it is done."""

    def run(self, connection: Connection) -> None:
        """See the class."""


class Writer:
    """What the writing thread does."""

    def __init__(
        self,
        connection: Connection,
        kept: bool,
        settle: Callable[[Batch, str], object],
        commits: Histogram,
    ) -> None:
        """With `kept` false entries are only handed on. `settle` gets each batch, with what went wrong, or "".

        `commits` is told what each took.
        """
        self._connection = connection
        self._kept = kept
        self._settle = settle
        self._queue: SimpleQueue[Entry | Job[Any] | None] = SimpleQueue()
        self._commits = commits
        self._newest = newest_seq(connection)
        self._tidier = BackgroundWork(connection)
        self._ending = False
        # Why the last batch failed, until those who hand in are known to know.
        self._wrong = ""

    def put(self, item: Entry | Job[Any] | None) -> None:
        """Hand something in; None is the last."""
        self._queue.put(item)

    def go_on(self) -> None:
        """Write again, after a failure. To be called when all that was handed in has been settled."""
        self._wrong = ""

    def run(self) -> None:
        """Write until there is nothing more to come, and tidy up in between."""
        while (batch := self._next()) is not None:
            if batch:
                self._write(batch)
            self._tidier.step(idle=not batch)

    def _next(self) -> Batch | None:
        """All that waits, or nothing after a pause in which there is something to tidy up; None at the end."""
        if self._ending:
            return None
        batch: Batch = []
        try:
            item = self._queue.get(timeout=self._tidier.pause)
            while item is not None:
                batch.append(item)
                if len(batch) == BATCH:
                    return batch
                item = self._queue.get_nowait()
        except Empty:
            return batch
        self._ending = True
        return batch or None

    def _write(self, batch: Batch) -> None:
        """Write it or refuse it. What was handed in behind a failure is refused: it must not go past what is sent again."""
        if not self._wrong:
            self._wrong = self._commit(batch)
        if self._wrong:
            _undo(batch)
        self._settle(batch, self._wrong)

    def _commit(self, batch: Batch) -> str:
        """All of it or nothing; what went wrong, or ""."""
        newest, began = self._newest, time.monotonic()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._do(batch)
            self._connection.execute("COMMIT")
            self._commits.add(time.monotonic() - began)
            self._tidier.committed()
        except Exception as error:  # noqa: BLE001 (the next batch may go well; those who wait are told of this one)
            self._newest = newest
            with suppress(sqlite3.Error):  # whatever a broken disk does, those who wait are told
                if self._connection.in_transaction:
                    self._connection.rollback()
            return str(error) or type(error).__name__
        return ""

    def _do(self, batch: Batch) -> None:
        for run in runs(batch):
            if isinstance(run, Job):
                run.run(self._connection)
            elif self._kept:
                self._add(run)
            else:
                for entry in run:
                    entry.state = RELAYED

    def _add(self, entries: list[Entry]) -> None:
        rest: list[Entry] = []
        try:
            try:
                self._insert(entries)
            except sqlite3.IntegrityError:  # the `cid` of some is in the log already, which is rare
                rest = self._insert_new(entries)
        except (UnicodeError, OverflowError):  # no bytes can be made of one of them
            if len(entries) == 1:
                entries[0].seq, entries[0].state = 0, ""
                return
            for entry in entries:
                self._add([entry])
        if rest:
            self._add(rest)

    def _insert(self, entries: list[Entry]) -> None:
        """Number them, and add them to the log: in one statement, so it is all of them or none."""
        if not entries:
            return
        for seq, entry in enumerate(entries, self._newest + 1):
            entry.seq, entry.state = seq, STORED
        rows = ",".join([_ROW] * len(entries))
        values = [value for entry in entries for value in entry.row()]
        self._connection.execute(f"INSERT INTO fresh VALUES {rows}", values)  # noqa: S608 (marks)
        self._newest += len(entries)
        self._tidier.add(entries)

    def _insert_new(self, entries: list[Entry]) -> list[Entry]:
        """Add those that are no repeats. A repeat gets the place and the time of the message that it repeats.

        Returns those that must be added after the others are in the database. So what becomes of an entry does not depend on
        which others are in its batch.
        """
        repeats, new, sent, rest = Duplicates(self._connection, entries), list[Entry](), list[str | None](), list[Entry]()
        for number, entry in enumerate(entries):
            if repeats.must_look_again(entry):
                rest = entries[number:]
                break
            known, cid = repeats.find(entry)
            if known is not None:
                entry.seq, entry.ts, entry.state, entry.dup = known.seq, known.ts, STORED, True
                continue
            new.append(entry)
            sent.append(entry.cid)
            entry.cid = cid
            repeats.add(entry, self._newest + len(new))
        try:
            self._insert(new)
        finally:
            for entry, cid in zip(new, sent, strict=True):
                entry.cid = cid
        return rest


def runs(batch: Batch) -> list[list[Entry] | Job[Any]]:
    """The jobs, and what lies between them."""
    found: list[list[Entry] | Job[Any]] = []
    run: list[Entry] = []
    for item in batch:
        if isinstance(item, Job):
            found.append(item)
            run = []
        else:
            if not run:
                found.append(run)
            run.append(item)
    return found


def _undo(batch: Batch) -> None:
    for item in batch:
        if isinstance(item, Job):
            item.undo()
        else:
            item.seq, item.state, item.dup = 0, "", False


def _of_the_disk(error: Exception) -> bool:
    """Whether this is about the file, and not about what was asked of it."""
    ours = (sqlite3.IntegrityError, sqlite3.ProgrammingError)
    wrong_sql = getattr(error, "sqlite_errorcode", None) == SQLITE_ERROR  # (it is not told before Python 3.11)
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, ours) and not wrong_sql
