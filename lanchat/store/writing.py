"""The thread that writes: one connection, and everything that waits in one transaction (group commit).

Waiting for the disk takes as long for one row as for a thousand. So whatever is handed in while one batch is being committed
becomes the next batch. While the reactor's thread is busy, each statement may wait up to 5 ms for Python's lock: so all
messages between two commands are inserted with one statement.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, groupby
from operator import attrgetter
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from typing import Any, Generic, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.protocol.counts import Histogram
from lanchat.protocol.entry import COLUMNS, RELAYED, STORED, Entry
from lanchat.protocol.errors import NotStored
from lanchat.store import changes
from lanchat.store.background import BackgroundWork
from lanchat.store.duplicates import Duplicates
from lanchat.tables import files
from lanchat.tables.log_command import LocalTask, LogCommand
from lanchat.tables.recent import newest_seq

T = TypeVar("T")

#: How many messages, commands and tasks may be in one transaction. (A statement takes 32,766 values; a message has 13.)
BATCH = 2000

#: SQLite's code for a faulty statement (https://www.sqlite.org/rescode.html#error).
SQLITE_ERROR = 1

_log = Logger("lanchat.store.writing")

_ROW = f"({','.join('?' * len(COLUMNS))})"
# (An account may have been removed, or have left the room, since the message was handed in.)
_MENTION = "INSERT OR IGNORE INTO mentions SELECT account, conv, ? FROM members WHERE account = ? AND conv = ?"


class Job(Generic[T]):
    """A command or a task that was handed in, with the Deferred of whoever waits for its result."""

    def __init__(self, task: LogCommand[T] | LocalTask[T]) -> None:
        self.task = task
        self._outcome: T | Failure = Failure(NotStored(NotStored.NOTHING_DONE))
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
            self._outcome = Failure(NotStored(NotStored.NOTHING_DONE) if _of_the_disk(error) else error)
        connection.execute("RELEASE job")

    def undo(self) -> None:
        """Note that the transaction was rolled back, and this with it: whoever waits gets `NotStored`."""
        self._outcome = Failure(NotStored(NotStored.NOTHING_DONE))

    def tell(self) -> None:
        """Give the result to whoever waits. To be called in the reactor's thread."""
        self.done.callback(self._outcome)


#: What is written in one transaction, in this order.
Batch: TypeAlias = "list[Entry | Job[Any]]"


class Settle(LocalTask[None], frozen=True):
    """Do nothing: its result tells that everything that was handed in before it is done."""

    def run(self, connection: Connection) -> None:
        """Do the task that the class describes."""


class Writer:
    """Writes batches until it is given None. Between them it does `BackgroundWork`."""

    def __init__(
        self,
        connection: Connection,
        stores_messages: bool,
        settle: Callable[[Batch, str], object],
        commits: Histogram,
    ) -> None:
        """If `stores_messages` is false, they are only relayed. `commits` records how many seconds each transaction took.

        `settle` is called in the writing thread with each batch, when it is committed, or has failed: with why, or "".
        """
        self._connection = connection
        self._stores_messages = stores_messages
        self._settle = settle
        self._queue: SimpleQueue[Entry | Job[Any] | None] = SimpleQueue()
        self._commits = commits
        self._newest = newest_seq(connection)
        self._background = BackgroundWork(connection)
        self._ending = False
        # Why the last batch failed; "" again after `go_on`.
        self._wrong = ""

    def put(self, item: Entry | Job[Any] | None) -> None:
        """Hand in an item, in any thread; None ends the writer."""
        self._queue.put(item)

    def go_on(self) -> None:
        """Write again after a failure. To be called when everything that was handed in has been settled."""
        self._wrong = ""

    def run(self) -> None:
        """Write until None was handed in."""
        while (batch := self._next()) is not None:
            if batch:
                self._write(batch)
            self._background.step(idle=not batch)

    def _next(self) -> Batch | None:
        """The items that wait, or an empty batch if none came within the pause before background work; None at the end."""
        if self._ending:
            return None
        batch: Batch = []
        try:
            item = self._queue.get(timeout=self._background.pause)
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
        """Commit a batch, or refuse it if one before it failed: nothing may overtake what will be sent again."""
        if not self._wrong:
            self._wrong = self._commit(batch)
        if self._wrong:
            _undo(batch)
        self._settle(batch, self._wrong)

    def _commit(self, batch: Batch) -> str:
        """Write all of it in one transaction. Returns what went wrong, and then nothing of it is written; or ""."""
        newest_seq, began = self._newest, time.monotonic()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._do(batch)
            self._connection.execute("COMMIT")
            self._commits.add(time.monotonic() - began)
            self._background.committed()
        except Exception as error:  # noqa: BLE001 (it is told to those who wait; the next batch may succeed)
            self._newest = newest_seq
            with suppress(sqlite3.Error):  # (a broken disk may fail here, too)
                if self._connection.in_transaction:
                    self._connection.rollback()
            return str(error) or type(error).__name__
        return ""

    def _do(self, batch: Batch) -> None:
        for run in split_at_jobs(batch):
            if isinstance(run, Job):
                run.run(self._connection)
            elif self._stores_messages:
                self._add(run)
            else:
                for entry in run:
                    entry.state = RELAYED

    def _add(self, entries: list[Entry]) -> None:
        """Add what is to be kept; the others only pass, in their place in the order."""
        if not [entry for entry in entries if entry.kind is not None]:  # (the usual case)
            self._add_kept(entries)
            return
        kept = [entry for entry in entries if entry.kept]
        if len(kept) != len(entries):
            for entry in entries:
                entry.state = RELAYED
        for changing, run in groupby(kept, attrgetter("changes")):
            if changing:
                for entry in run:
                    changes.add(self._connection, entry, self._insert)
            else:
                said = list(run)
                self._add_kept(said)
                files.insert(self._connection, said)

    def _add_kept(self, entries: list[Entry]) -> None:
        rest: list[Entry] = []
        try:
            try:
                self._insert(entries)
            except sqlite3.IntegrityError:  # the (author, `cid`) of some is in the log already, which is rare
                rest = self._insert_new(entries)
        except (UnicodeError, OverflowError):  # one of them has a value that SQLite can't hold
            if len(entries) == 1:
                entries[0].seq, entries[0].state = 0, ""
                return
            for entry in entries:
                self._add_kept([entry])
        if rest:
            self._add_kept(rest)

    def _insert(self, entries: list[Entry]) -> None:
        """Give messages their sequence numbers, and insert them: in one statement, so it is all of them or none."""
        if not entries:
            return
        for seq, entry in enumerate(entries, self._newest + 1):
            entry.seq, entry.state = seq, STORED
        rows = ",".join([_ROW] * len(entries))
        values = list(chain.from_iterable([entry.row() for entry in entries]))
        self._connection.execute(f"INSERT INTO fresh VALUES {rows}", values)  # noqa: S608 (marks)
        self._newest += len(entries)
        self._background.add(entries)
        if mentioned := [(entry.seq, account, entry.conv) for entry in entries for account in entry.mentions]:
            self._connection.executemany(_MENTION, mentioned)

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


def split_at_jobs(batch: Batch) -> list[list[Entry] | Job[Any]]:
    """A batch as its jobs, and lists of the messages between them."""
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
    """Whether an exception tells of trouble with the file or the disk, and not of a wrong statement or wrong values."""
    ours = (sqlite3.IntegrityError, sqlite3.ProgrammingError)
    wrong_sql = getattr(error, "sqlite_errorcode", None) == SQLITE_ERROR  # (it is not told before Python 3.11)
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, ours) and not wrong_sql
