"""Writing the file of the database anew after an erasure: SQLite leaves what was deleted in the free parts of its pages."""

from __future__ import annotations

import time
from pathlib import Path
from sqlite3 import Connection
from threading import Thread

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.store import open_db
from lanchat.store.store import Store
from lanchat.system.private_files import FileError
from lanchat.tables.log_command import LocalTask

#: Seconds for which the writer waits for another connection's transaction: as a rule, and while the file is rewritten (what is
#: said then waits, too, rather than being refused).
USUAL_WAIT, LONG_WAIT = 5, 3600
#: How many times it is tried to empty the `-wal`, a second apart: somebody may be reading it.
TRIES = 10


class SetWait(LocalTask[None], frozen=True):
    """Let the writer wait this long when another connection is writing."""

    seconds: int

    def run(self, connection: Connection) -> None:
        """Do the task that the class describes."""
        connection.execute(f"PRAGMA busy_timeout = {self.seconds * 1000}")


def rewrite(store: Store) -> Deferred[None]:
    """Write the file anew, in a thread of its own. Fires when that is done, or fails with `FileError` or `sqlite3.Error`."""
    done: Deferred[None] = Deferred()

    def run() -> None:
        try:
            _rewrite(store.directory)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to whoever waits)
            store.call_in_reactor(done.errback, Failure(error))
        else:
            store.call_in_reactor(done.callback, None)

    Thread(target=run, name="lanchat rewriting", daemon=True).start()
    return done


def _rewrite(directory: Path) -> None:
    with open_db.closing(directory / open_db.FILE) as connection:
        SetWait(LONG_WAIT).run(connection)
        connection.execute("VACUUM")
        connection.execute("PRAGMA busy_timeout = 1000")
        for _ in range(TRIES):
            if not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                return
            time.sleep(1)  # (in a thread of its own)
    raise FileError(f"{open_db.FILE}-wal is being read, perhaps by a backup, and could not be emptied")
