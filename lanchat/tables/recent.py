"""The two tables of messages: they are committed to a short one (`fresh`), and moved to a long one (`kept`) later.

Messages of the same moment belong to conversations that are far apart in the indexes of a long table, so that each insertion
would write two pages. A short table has few pages, and rows that are moved conversation by conversation share pages of the long
one. Each row is in one of the two; readers see both as the view `log`.
"""

from __future__ import annotations

from sqlite3 import Connection

from lanchat.protocol.entry import Seq
from lanchat.tables.log_command import LocalTask


def of_both(query: str) -> str:
    """A query for both tables, written with TABLE in place of their names: to join `log`, SQLite before 3.39 would scan it."""
    return " UNION ALL ".join(query.replace("TABLE", table) for table in ("kept", "fresh"))


def move_all(connection: Connection, upto: Seq) -> None:
    """See that all messages up to this one are in `kept`, where they may be changed. To be called in a transaction."""
    if connection.execute("SELECT 1 FROM fresh WHERE seq <= ? LIMIT 1", (upto,)).fetchone():
        connection.execute("INSERT INTO kept SELECT * FROM fresh")
        connection.execute("DELETE FROM fresh")  # (all rows, which SQLite removes without looking at each)


def move_some(connection: Connection, upto: Seq, most: int) -> int:
    """Move at most this many of the messages up to this one, conversation by conversation. Returns how many it moved.

    To be called in a transaction.
    """
    asked = (upto, most)
    connection.execute("INSERT INTO kept SELECT * FROM fresh WHERE seq <= ? ORDER BY conv, seq LIMIT ?", asked)
    done = connection.execute(
        "DELETE FROM fresh WHERE seq IN (SELECT seq FROM fresh WHERE seq <= ? ORDER BY conv, seq LIMIT ?)", asked
    )
    return done.rowcount


def newest_seq(connection: Connection) -> Seq:
    """The highest sequence number that was ever given, even if its message has been removed; 0 in a new log."""
    (seq,) = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name IN ('fresh', 'kept')").fetchone()
    return int(seq or 0)


def moved_upto(connection: Connection) -> Seq:
    """Up to which sequence number no message is in `fresh`."""
    (oldest,) = connection.execute("SELECT min(seq) FROM fresh").fetchone()
    return newest_seq(connection) if oldest is None else int(oldest) - 1


class MoveRows(LocalTask[int], frozen=True):
    """Move messages from `fresh` to `kept`."""

    #: The last one that may be moved.
    upto: Seq
    #: How many may be moved.
    most: int

    def run(self, connection: Connection) -> int:
        """Move them. Returns how many were moved."""
        return move_some(connection, self.upto, self.most)
