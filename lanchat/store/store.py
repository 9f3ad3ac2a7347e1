"""Store: the database as the reactor's thread sees it (the core knows it as `lanchat.state.interfaces.Store`).

No method blocks: whatever takes time returns a Deferred.
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
from lanchat.protocol.entry import RELAYED, Entry, Epoch, Seq
from lanchat.protocol.errors import NotStored
from lanchat.protocol.packet import visible
from lanchat.store.database import Database, Prepare
from lanchat.store.duplicates import FindRepeated
from lanchat.store.writing import Batch, Job, Settle, split_at_jobs
from lanchat.tables.log_command import LocalTask, LogCommand

T = TypeVar("T")

#: The store is `full` when more items than this, or more characters of messages, wait to be written.
WAITING, WAITING_CHARACTERS = 2000, 4 * 1024 * 1024
#: What counts for each message besides its text, in characters.
ENVELOPE = 300
#: If this many times as much waits as makes the store full, everything more is refused.
OVERFULL = 4

_log = Logger("lanchat.store.store")


class Store:
    """A log of messages, and the tables beside it. All methods are to be called in the reactor's thread.

    Items are messages (`append`), commands (`write`) and tasks (`maintain`). They are done in the order in which they are
    handed in, and come back in that order: messages to `committed`, results to whoever awaits them. If a transaction fails,
    everything that was handed in after it fails too, until all of it has come back: so nothing overtakes a message that its
    sender will send again.
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
        """The database is in `directory`; `open` opens it.

        `call_in_reactor` has a function called in the reactor's thread; it may be called in any thread, and keeps the order.
        With `ephemeral`, messages are relayed, not stored. `waiting` returns how many items may wait before `full` is true.
        """
        self.directory = directory
        self.call_in_reactor = call_in_reactor
        #: Called with messages that came back; their `state` says what became of them. It takes as many as it likes, and
        #: returns True if it is to be called again in the next turn of the reactor, with the rest.
        self.committed: Callable[[Iterator[Entry]], object] = lambda entries: None
        #: Identifies this log; restoring a backup gives it a new one.
        self.epoch: Epoch = ""
        #: The sequence number of the newest message that came back.
        self.last_seq: Seq = 0
        #: Whether messages are stored at all.
        self.stores_messages = not ephemeral
        #: Whether root may use the directory of another user, as lanchat-admin does (`lanchat.store.open_db.Lock`).
        self.for_owner = False
        self._most = waiting
        self._waiting = self._characters = 0
        self._draining = False
        self._refused: list[Job[Any]] = []  # handed in after a failure: they fail when all before them has come back
        #: Bytes of the file that are free, and are used before it grows; as retention found when it looked last.
        self.reusable = 0
        #: Why the last transaction failed; "" if it did not.
        self.last_error = ""
        self._counts = counts or Counts()
        self._settled = 0.0  # the time at which something came back last, or the first of what waits was handed in
        self._relays: list[Entry] = []
        self._to_hand_back: deque[Iterator[Entry] | Job[Any]] = deque()  # done, but not yet handed back
        self._closed: Deferred[None] | None = None

    def open(self, prepare: Prepare = lambda connection: None) -> None:
        """Open the database, or make it; raises `FileError`. The process must not fork after this.

        `prepare` is run in a transaction before anything else can be.
        """
        self._database = Database(
            self.directory,
            self.call_in_reactor,
            self._written,
            stores_messages=self.stores_messages,
            commits=self._counts.commits,
            for_owner=self.for_owner,
            prepare=prepare,
        )
        self.epoch, self.last_seq = self._database.epoch, self._database.newest
        self._writer = self._database.writer
        self._database.start(self._ended)

    def close(self) -> Deferred[None]:
        """Take nothing more, do what was handed in, and close the database. Fires when everything is on the disk."""
        if self._closed is None:
            self._closed = Deferred()
            self._writer.put(None)
        return self._closed

    @property
    def full(self) -> bool:
        """Whether so much waits to be written that nothing more should be handed in for now."""
        return self._waiting > self._most() or self._characters > WAITING_CHARACTERS

    @property
    def waiting(self) -> int:
        """How many messages, commands and tasks wait to be written, or to come back."""
        return self._waiting + len(self._relays)

    @property
    def stalled(self) -> float:
        """For how many seconds nothing has come back though something waits; 0 if nothing waits."""
        return time.monotonic() - self._settled if self._waiting else 0.0

    def append(self, entry: Entry) -> None:
        """Add a message to the log. Raises `NotStored` if far too much waits, or what failed has not all come back yet."""
        self._check_room()
        if self._draining:
            raise NotStored(NotStored.NOTHING_DONE, retry_ms=RETRY_MS)
        if not self.stores_messages and not self._waiting:  # (there is nothing that it would overtake)
            self._relay(entry)
            return
        self._characters += ENVELOPE + len(entry.msg)
        self._submit(entry)

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
        """Run a query on what is committed. Fails with `TooSlow` after a second, or `RateLimited` if too many queries wait.

        With `slow` it is run in a thread for queries that take long.
        """
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
            self._submit(job)
        return job.done

    def _check_room(self) -> None:
        if (
            self._closed is not None
            or self._waiting + len(self._refused) > self._most() * OVERFULL
            or self._characters > WAITING_CHARACTERS * OVERFULL
        ):
            raise NotStored(NotStored.NOTHING_DONE, retry_ms=RETRY_MS)

    def _submit(self, item: Entry | Job[Any]) -> None:
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
        while self._to_hand_back:
            self._tell()
        assert self._closed is not None  # noqa: S101 (nothing else ends the thread)
        self._closed.callback(None)

    def _written(self, batch: Batch, wrong: str) -> None:
        self.call_in_reactor(self._settle, batch, wrong)

    def _settle(self, batch: Batch, wrong: str) -> None:
        """Hand back a batch that was committed, or failed because of `wrong`.

        After a failure the writer refuses what waits, and nothing more is taken until all of that has come back.
        """
        self._report(wrong)
        self._draining = self._draining or bool(wrong)
        goes_on = bool(self._to_hand_back)
        self._to_hand_back.extend(run if isinstance(run, Job) else self._back(run) for run in split_at_jobs(batch))
        if not goes_on:
            self._tell()

    def _tell(self) -> None:
        """Hand back what is done: if that takes long, the rest in the next turn of the reactor."""
        self._settled = time.monotonic()
        while self._to_hand_back:
            first = self._to_hand_back[0]
            if isinstance(first, Job):
                self._waiting -= 1
                first.tell()
            elif not self._give_back(first):
                self.call_in_reactor(self._tell)
                return
            self._to_hand_back.popleft()
        if self._draining and not self._waiting:
            self._go_on()

    def _back(self, run: list[Entry]) -> Iterator[Entry]:
        """These messages; each is counted as waiting until it is taken from the iterator."""
        for entry in run:
            self._waiting -= 1
            self._characters -= ENVELOPE + len(entry.msg)
            if entry.seq > self.last_seq:  # noqa: PLR1730 (for each message: `max` is a call)
                self.last_seq = entry.seq
            yield entry

    def _go_on(self) -> None:
        """Take messages again: everything that failed has come back, so nothing can overtake it."""
        self._draining = False
        self._writer.go_on()
        refused, self._refused = self._refused, []
        for job in refused:
            job.tell()

    def _give_back(self, entries: Iterator[Entry]) -> bool:
        """Give messages to `committed`. Returns whether it took all of them."""
        try:
            if self.committed(entries):
                return False
        except Exception:  # noqa: BLE001 (what comes after these must come back too)
            _log.failure("what came back from the log was not taken")
        for _ in entries:  # the rest does not wait any more either
            pass
        return True

    def _report(self, wrong: str) -> None:
        """Log once that nothing can be stored, and once that it works again."""
        self._counts.failed_commits += bool(wrong)
        if wrong and not self.last_error:
            _log.error("nothing can be stored in {where}: {wrong}", where=str(self.directory), wrong=visible(wrong))
        elif self.last_error and not wrong:
            _log.info("storing in {where} works again", where=str(self.directory))
        self.last_error = wrong
