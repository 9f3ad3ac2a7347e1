"""Database: what a `Store` has while it is open: the lock, the connections to the file, and the threads that use them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from sqlite3 import Connection
from threading import Thread

from twisted.logger import Logger

from lanchat.protocol.counts import Histogram
from lanchat.protocol.entry import Epoch, Seq
from lanchat.store import open_db, schema
from lanchat.store.reading import PAGES, SEARCHES, Reader
from lanchat.store.writing import Batch, Writer
from lanchat.tables.recent import newest_seq

#: A function that is run in a transaction when the file is opened, before anything else.
Prepare = Callable[[Connection], object]

_log = Logger("lanchat.store.store")


class Database:
    """An open database, with a thread that writes and two that read: pages of history, and searches, which take longer."""

    def __init__(  # noqa: PLR0913 (what its parts need)
        self,
        directory: Path,
        call_in_reactor: Callable[..., object],
        settle: Callable[[Batch, str], object],
        *,
        stores_messages: bool,
        commits: Histogram,
        for_owner: bool,
        prepare: Prepare,
    ) -> None:
        """Open the file in `directory`, or make it. Raises `FileError`, with one line that says what to do.

        With `for_owner` root may open the database of another user (`lanchat.store.open_db.Lock`). `settle`,
        `stores_messages` and `commits` are for the `Writer`.
        """
        with ExitStack() as undone, open_db.as_file_error(directory / open_db.FILE):
            self._lock = open_db.Lock(directory, for_owner=for_owner)
            undone.callback(self._lock.release)
            self._connection = connection = open_db.open_to_write(directory, self._lock)
            undone.callback(open_db.close_unfinished, connection, directory / open_db.FILE)
            #: Identifies this log.
            self.epoch: Epoch = str(schema.get_meta(connection, "epoch"))
            #: The sequence number of the newest message.
            self.newest: Seq = newest_seq(connection)
            with schema.transaction(connection):
                prepare(connection)
            self.writer = Writer(connection, stores_messages, settle, commits)
            self.pages, self.searches = (
                Reader(open_db.open_to_read(directory), call_in_reactor, most) for most in (PAGES, SEARCHES)
            )
            undone.pop_all()

    def start(self, ended: Callable[[], object]) -> None:
        """Start the threads; the process must not fork after this. They end when the writer was given None.

        `ended` is then called in the writing thread, when everything is on the disk and the file is closed.
        """
        readers = [self._start("pages", self.pages.run), self._start("searches", self.searches.run)]
        self._start("writer", lambda: self._write(readers, ended))

    @staticmethod
    def _start(name: str, run: Callable[[], object]) -> Thread:
        thread = Thread(target=run, name=f"lanchat {name}", daemon=True)
        thread.start()
        return thread

    def _write(self, readers: list[Thread], ended: Callable[[], object]) -> None:
        """The writing thread: it ends the others, and closes the file."""
        self.writer.run()
        for reader in (self.pages, self.searches):
            reader.stop()
        for thread in readers:
            thread.join()
        try:
            open_db.close_complete(self._connection)
        except Exception:  # noqa: BLE001 (the next start checks and repairs it)
            _log.failure("the log could not be closed as it should be")
        self._lock.release()
        ended()
