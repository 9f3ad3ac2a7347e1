"""Erasure: what somebody said goes for good, and their name from what others said to them.

Each function up to `rewrite` is one short step, and what was begun can be gone on with after a crash. SQLite leaves what was
removed in the free parts of its pages, so at the end the file is written anew.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from threading import Thread

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat import accounts
from lanchat.entry import COLUMNS, newest, of_row
from lanchat.names import Name
from lanchat.safekeeping import Refused
from lanchat.store import fresh, opening, schema, words
from lanchat.store.store import Store

#: What is shown in the place of a name.
ERASED = "(erased)"
#: So many places of the log are looked at in one step, and so many pages of the index (of 4 KiB) written.
PLACES, PAGES = 1000, 250
#: Seconds for which the writer waits while the file is rewritten: to wait is better than to keep nothing.
PATIENCE, USUAL_PATIENCE = 3600, 5
#: So often, after a second each, it is tried to empty the `-wal`, which somebody may be reading.
TRIES = 10


@dataclass
class Erasure:
    """Whose words go, and how far that is."""

    account: int
    #: The newest place in the log when it began.
    upto: int
    after: int = 0

    @property
    def done(self) -> float:
        """How much of the log was looked at, from 0 to 1."""
        return self.after / self.upto if self.upto else 1.0


def begin(connection: Connection, name: Name) -> Erasure | None:
    """Remove the account, and remember whose words are to go; None when there is none of that name, nor one half erased."""
    row = connection.execute("SELECT id FROM accounts WHERE key = ?", (name.key,)).fetchone()
    if row is None:
        row = connection.execute("SELECT value FROM meta WHERE name = ?", (_mark(name),)).fetchone()
    if row is None:
        return None
    account = int(row[0])
    connection.execute("DELETE FROM sanctions WHERE target IN (?, ?)", (f"@{account}", name.key))
    connection.execute("UPDATE sanctions SET by_name = ? WHERE by_name = ?", (ERASED, name.shown))
    accounts.remove(connection, account)
    schema.put(connection, _mark(name), account)
    return Erasure(account, newest(connection))


def step(connection: Connection, erasure: Erasure) -> int:
    """Erase what is theirs in the next places of the log; up to which that is done."""
    upto = min(erasure.after + PLACES, erasure.upto)
    fresh.move(connection, upto)
    values = {"after": erasure.after, "upto": upto, "account": erasure.account, "indexed": schema.get(connection, "indexed")}
    theirs = "seq > :after AND seq <= :upto AND author = :account"
    words.remove(connection, f"{theirs} AND seq <= :indexed", values)
    connection.execute(f"DELETE FROM kept WHERE {theirs}", values)  # noqa: S608 (our own words)
    _take_name(connection, erasure, upto)
    return upto


def merge(connection: Connection, first: bool) -> bool:
    """Let go of words in the index that are nowhere in the log any more; whether there is more to be done."""
    before = connection.total_changes
    connection.execute("INSERT INTO words(words, rank) VALUES ('merge', ?)", (-PAGES if first else PAGES,))
    return connection.total_changes - before > 1


def finish(connection: Connection, name: Name) -> None:
    """Nothing more is to be gone on with."""
    connection.execute("DELETE FROM meta WHERE name = ?", (_mark(name),))


def wait_long(connection: Connection) -> None:
    """Let the writer wait while the file is rewritten."""
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000}")


def wait_as_usual(connection: Connection) -> None:
    """It was rewritten."""
    connection.execute(f"PRAGMA busy_timeout = {USUAL_PATIENCE * 1000}")


def rewrite(store: Store) -> Deferred[None]:
    """Write the file anew, without what was removed; fires when that is done, or fails with `Refused` or `sqlite3.Error`."""
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
    with opening.closing(directory / opening.FILE) as connection:
        wait_long(connection)
        connection.execute("VACUUM")
        connection.execute("PRAGMA busy_timeout = 1000")
        for _ in range(TRIES):
            if not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                return
            time.sleep(1)  # (in a thread of its own)
    raise Refused(f"{opening.FILE}-wal is being read, perhaps by a backup, and could not be emptied")


def _take_name(connection: Connection, erasure: Erasure, upto: int) -> None:
    """What is left between somebody and them alone was said to them: there is their name."""
    number = erasure.account
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM kept WHERE seq > ? AND seq <= ?"  # noqa: S608 (our own names)
        " AND (conv GLOB ? OR conv GLOB ? OR conv GLOB ?)",
        (erasure.after, upto, f"p{number}x*", f"p*x{number}", f"g{number}x*"),
    ).fetchall()
    for row in rows:
        entry, kept = of_row(row), row[-1]  # the sum of a damaged one stays wrong
        if entry is not None:
            entry.target = ERASED
            kept = entry.row()[-1]
        connection.execute("UPDATE kept SET target = ?, sum = ? WHERE seq = ?", (ERASED, kept, row[0]))


def _mark(name: Name) -> str:
    """What is remembered under, which must not be a name itself."""
    return f"erasing {hashlib.sha256(name.key.encode()).hexdigest()}"
