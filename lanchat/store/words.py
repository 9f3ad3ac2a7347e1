"""Words: the index of what was said, for who looks for it. It follows behind the log.

Only rows that were moved to where they stay (`lanchat.store.fresh`) are in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Connection

from lanchat import search
from lanchat.store import fresh, schema

#: So many rows are indexed in one transaction: a few milliseconds.
ROWS = 200
#: So many pages of the index are written in one step of a merge, which are so many bytes: a few milliseconds.
PAGES = 64
STEP = PAGES * 4096

# What is plain ASCII is taken as it is: to call a function of ours for each row may take as long as the reactor is busy.
_TEXT = "CASE WHEN length(msg) = length(CAST(msg AS BLOB)) THEN msg ELSE indexed(CAST(msg AS BLOB)) END"
_COLUMNS = f"seq, {_TEXT}, name, conv FROM kept WHERE"


def prepare(connection: Connection) -> None:
    """Let a connection index words; the one that writes does."""
    connection.create_function("indexed", 1, _indexed, deterministic=True)


def _indexed(msg: bytes) -> str:
    """As bytes, for a row that is damaged may have no text; it must not keep the others from being found."""
    return search.indexed(msg.decode("utf-8", "replace"))


def fill(connection: Connection) -> int:
    """Index the next rows that are not yet; up to where it is then done. Runs in a transaction of its own."""
    with schema.transaction(connection):
        return _next(connection, int(schema.get(connection, "indexed")))


def add(connection: Connection, where: str, values: Mapping[str, object]) -> None:
    """Index these rows of `kept`."""
    connection.execute(f"INSERT INTO words(rowid, msg, name, conv) SELECT {_COLUMNS} {where}", values)


def remove(connection: Connection, where: str, values: Mapping[str, object]) -> None:
    """Take these rows out of the index; they must still be in `kept`, as they were, for it does not keep them itself."""
    connection.execute(
        f"INSERT INTO words(words, rowid, msg, name, conv) SELECT 'delete', {_COLUMNS} {where}",
        values,
    )


def merge(connection: Connection, first: bool, pages: int = PAGES) -> bool:
    """Let go of words in the index that are nowhere in the log any more; whether there is more to be done.

    `first` begins with all parts of the index; otherwise it goes on with what was begun. (The numbers are FTS5's way to say so:
    https://www.sqlite.org/fts5.html#the_merge_command)
    """
    before = connection.total_changes
    connection.execute("INSERT INTO words(words, rank) VALUES ('merge', ?)", (-pages if first else pages,))
    return connection.total_changes - before > 1


def _next(connection: Connection, indexed: int) -> int:
    rows, moved = "SELECT seq FROM kept WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", fresh.moved(connection)
    (upto,) = connection.execute(f"SELECT max(seq) FROM ({rows})", (indexed, moved, ROWS)).fetchone()  # noqa: S608 (ours)
    if upto is None:
        upto = moved  # the rest was removed again
    else:
        add(connection, "seq > :indexed AND seq <= :upto", {"indexed": indexed, "upto": upto})
    schema.put(connection, "indexed", upto)
    return int(upto)
