"""Store: the database as the reactor's thread sees it (`lanchat.protocol.interfaces.Store` is what the core asks of it).

No method waits: what takes time returns a Deferred.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.model.failed_writes import RETRY_MS
from lanchat.protocol.counts import Counts
from lanchat.protocol.entry import RELAYED, Entry
from lanchat.protocol.errors import NotStored
from lanchat.protocol.log_command import LocalTask, LogCommand
from lanchat.protocol.packet import visible
from lanchat.store.database import Database, Prepare
from lanchat.store.duplicates import FindRepeated
from lanchat.store.writing import NOT_STORED, Batch, Job, Settle, runs

T = TypeVar("T")

#: So many entries and jobs, or so many characters of entries, may wait before the store is full.
WAITING, WAITING_CHARACTERS = 2000, 4 * 1024 * 1024
#: What an entry takes beside its text, in characters.
ENVELOPE = 300
#: When more than so many times as much waits, nothing more is taken.
OVERFULL = 4

_log = Logger()


class Store:
    """One log, and tables beside it. It is used in the reactor's thread; its own threads are out of sight.

    What is handed in is done in that order, and comes back in that order: entries to `committed`, the results of jobs to
    whoever waits for them. When a part fails, so does all that was handed in behind it, until whoever hands in is told.
    """

    def __init__(
        self,
        directory: Path,
        call_in_reactor: Callable[..., object],
        *,
        ephemeral: bool = False,
        waiting: Callable[[], float] = lambda: WAITING,
        counts: Counts | None = None,
    ) -> None:
        """`call_in_reactor` calls a function in the reactor's thread, in order; it may be called in any thread.

        With `ephemeral` entries are handed on and kept nowhere. `waiting` says how many may wait before the store is full.
        """
        self.directory = directory
        self.call_in_reactor = call_in_reactor
        #: Gets the entries back. `state` says what became of each. What it leaves, returning true, it gets in the next turn.
        self.committed: Callable[[Iterator[Entry]], object] = lambda entries: None
        #: Unique to this log; another one after a backup was restored.
        self.epoch = ""
        #: The place in the log of the newest that came back.
        self.last_seq = 0
        #: Whether it keeps messages at all.
        self.keeps = not ephemeral
        #: Whether root may use the directory of another user, as the administrator does (`lanchat.store.open_db.Lock`).
        self.for_owner = False
        self._most = waiting
        self._waiting = self._characters = 0
        self._draining = False
        self._refused: list[Job[Any]] = []  # what came while it drains: refused when all before it has come back
        #: Bytes of the file that hold nothing any more, and are used before it grows, as far as is known.
        self.reusable = 0
        #: Why the last batch could not be stored; "" when it was.
        self.wrong = ""
        self._counts = counts or Counts()
        self._settled = 0.0  # when something came back last, or began to be waited for
        self._relays: list[Entry] = []
        self._untold: deque[Iterator[Entry] | Job[Any]] = deque()  # what is done, and whose turn to be told comes
        self._closed: Deferred[None] | None = None

    def open(self, prepare: Prepare = lambda connection: None) -> None:
        """Open the database, or make it; raises `FileError`. The process must not fork after this.

        `prepare` is run in a transaction before anything else can be.
        """
        self._database = Database(
            self.directory,
            self.call_in_reactor,
            self._written,
            keeps=self.keeps,
            commits=self._counts.commits,
            for_owner=self.for_owner,
            prepare=prepare,
        )
        self.epoch, self.last_seq = self._database.epoch, self._database.newest
        self._writer = self._database.writer
        self._database.start(self._ended)

    def close(self) -> Deferred[None]:
        """Take nothing more, do what was handed in, and close; fires when all is on the disk."""
        if self._closed is None:
            self._closed = Deferred()
            self._writer.put(None)
        return self._closed

    @property
    def full(self) -> bool:
        """Whether so much waits to be written that nobody should hand in more for now."""
        return self._waiting > self._most() or self._characters > WAITING_CHARACTERS

    @property
    def waiting(self) -> int:
        """How many entries and jobs wait to be written."""
        return self._waiting

    @property
    def stalled(self) -> float:
        """For how many seconds nothing has come back, though something waits; 0 when nothing does."""
        return time.monotonic() - self._settled if self._waiting else 0.0

    def append(self, entry: Entry) -> None:
        """Add this to the log; raises `NotStored` when far too much waits already, or what failed is not all told yet."""
        self._check_room()
        if self._draining:
            raise NotStored(NOT_STORED, retry_ms=RETRY_MS)
        if not self.keeps and not self._waiting:  # nothing that it would overtake
            self._relay(entry)
            return
        self._characters += ENVELOPE + len(entry.msg)
        self._hand_in(entry)

    def write(self, command: LogCommand[T]) -> Deferred[T]:
        """Do a command, in a transaction. Fires with its result, or fails with what it raises or with `NotStored`."""
        return self._do(command)

    def write_in_background(self, command: LogCommand[Any], on_done: Callable[[bool], object] | None = None) -> None:
        """Do a command without waiting for it; errors are logged.

        `on_done` is called with True when there is nothing more to do, and with False when it could not be stored, which is
        then not logged.
        """

        def failed(failure: Failure) -> bool:
            if on_done is not None and failure.check(NotStored):
                return False
            _log.error("not stored: {why}", why=visible(str(failure.value)))
            return True

        done = self._do(command).addCallbacks(lambda _: True, failed)
        if on_done is not None:
            done.addCallback(on_done)

    def maintain(self, task: LocalTask[T]) -> Deferred[T]:
        """Do a task that leaves the content of the log as it is, in a transaction. Fires and fails as `write` does."""
        return self._do(task)

    def find_repeated(self, sent: Entry) -> Deferred[Entry | None]:
        """The message in the log that this one repeats, if any, including what was handed in before. Raises `NotStored`.

        `sent.ts` must be the current time; `sent.conv` is not used.
        """
        return self._do(FindRepeated(sent))

    def settled(self) -> Deferred[None]:
        """Fires when all that was handed in before has come back, stored or not; fails with `NotStored`."""
        return self._do(Settle())

    def read(self, query: Callable[[Connection], T], slow: bool = False) -> Deferred[T]:
        """Run this on what is there now; raises `TooSlow` after a second, or `RateLimited` when too many wait."""
        return (self._database.searches if slow else self._database.pages).ask(query)

    def _do(self, task: LogCommand[T] | LocalTask[T]) -> Deferred[T]:
        try:
            self._check_room()
        except NotStored as error:
            return fail(error)
        job = Job(task)
        if self._draining:
            self._refused.append(job)
        else:
            self._hand_in(job)
        return job.done

    def _check_room(self) -> None:
        if (
            self._closed is not None
            or self._waiting + len(self._refused) > self._most() * OVERFULL
            or self._characters > WAITING_CHARACTERS * OVERFULL
        ):
            raise NotStored(NOT_STORED, retry_ms=RETRY_MS)

    def _hand_in(self, item: Entry | Job[Any]) -> None:
        if not self._waiting:
            self._settled = time.monotonic()
        self._waiting += 1
        self._writer.put(item)

    def _relay(self, entry: Entry) -> None:
        if not self._relays:
            self.call_in_reactor(self._relayed)
        self._relays.append(entry)

    def _relayed(self) -> None:
        run, self._relays = self._relays, []
        for entry in run:
            entry.state = RELAYED
        entries = iter(run)
        while not self._give_back(entries):
            pass

    def _ended(self) -> None:
        """The writing thread has ended."""
        self.call_in_reactor(self._tell_end)

    def _tell_end(self) -> None:
        while self._untold:
            self._tell()
        assert self._closed is not None  # noqa: S101 (nothing else ends the thread)
        self._closed.callback(None)

    def _written(self, batch: Batch, wrong: str) -> None:
        self.call_in_reactor(self._settle, batch, wrong)

    def _settle(self, batch: Batch, wrong: str) -> None:
        """A batch is done, well or not: everyone is told, in order.

        After a failure the writer refuses what waits, and nothing more is taken until all of that has come back.
        """
        self._report(wrong)
        self._draining = self._draining or bool(wrong)
        goes_on = bool(self._untold)
        self._untold.extend(run if isinstance(run, Job) else self._back(run) for run in runs(batch))
        if not goes_on:
            self._tell()

    def _tell(self) -> None:
        """Tell those whose turn it is what is done, and the others in the next turn of the reactor if that takes long."""
        self._settled = time.monotonic()
        while self._untold:
            first = self._untold[0]
            if isinstance(first, Job):
                self._waiting -= 1
                first.tell()
            elif not self._give_back(first):
                self.call_in_reactor(self._tell)
                return
            self._untold.popleft()
        if self._draining and not self._waiting:
            self._go_on()

    def _back(self, run: list[Entry]) -> Iterator[Entry]:
        """These entries, each of which waits no more, and has its place in the log, from when it is taken."""
        for entry in run:
            self._waiting -= 1
            self._characters -= ENVELOPE + len(entry.msg)
            if entry.seq > self.last_seq:  # noqa: PLR1730 (for each message: `max` is a call)
                self.last_seq = entry.seq
            yield entry

    def _go_on(self) -> None:
        """All that failed has come back, so what comes from now on goes past nothing."""
        self._draining = False
        self._writer.go_on()
        refused, self._refused = self._refused, []
        for job in refused:
            job.tell()

    def _give_back(self, entries: Iterator[Entry]) -> bool:
        """Hand on entries that came back; whether that was all of them."""
        try:
            if self.committed(entries):
                return False
        except Exception:  # noqa: BLE001 (what comes after it must come back too)
            _log.failure("what came back from the log was not taken")
        for _ in entries:  # what was not taken does not wait any more either
            pass
        return True

    def _report(self, wrong: str) -> None:
        """Say once that nothing can be kept, and once that it can again."""
        self._counts.failed_commits += bool(wrong)
        if wrong and not self.wrong:
            _log.error("nothing can be stored in {where}: {wrong}", where=str(self.directory), wrong=visible(wrong))
        elif self.wrong and not wrong:
            _log.info("storing in {where} works again", where=str(self.directory))
        self.wrong = wrong
