"""Fresh: the short table that rows are committed to. Behind the commits they are moved to the long one, many at a time.

Whoever talks at the same time is scattered over the indexes of a long log, so each row that is added to it is two pages to
write. The indexes of a short table are few pages at all, and rows that are moved by conversation share those of the long one.
A row is in one of the two (`kept`, `fresh`), and whoever reads sees both as one (`log`).
"""

from __future__ import annotations

from sqlite3 import Connection

from lanchat.protocol.entry import newest_seq
from lanchat.protocol.log_command import LocalTask


def move(connection: Connection, upto: int) -> None:
    """Have all up to this place in `kept`: what is to be changed is changed there. To be run in a transaction."""
    if connection.execute("SELECT 1 FROM fresh WHERE seq <= ? LIMIT 1", (upto,)).fetchone():
        connection.execute("INSERT INTO kept SELECT * FROM fresh")
        connection.execute("DELETE FROM fresh")  # (all of it, which SQLite does without looking at the rows)


def move_some(connection: Connection, upto: int, most: int) -> int:
    """Move so many of the rows up to this place, conversation by conversation; how many it were. For a transaction."""
    asked = (upto, most)
    connection.execute("INSERT INTO kept SELECT * FROM fresh WHERE seq <= ? ORDER BY conv, seq LIMIT ?", asked)
    done = connection.execute(
        "DELETE FROM fresh WHERE seq IN (SELECT seq FROM fresh WHERE seq <= ? ORDER BY conv, seq LIMIT ?)", asked
    )
    return done.rowcount


def moved(connection: Connection) -> int:
    """The place up to which nothing is in `fresh`."""
    (oldest,) = connection.execute("SELECT min(seq) FROM fresh").fetchone()
    return newest_seq(connection) if oldest is None else int(oldest) - 1


class MoveRows(LocalTask[int], frozen=True):
    """Move rows from the short table to the long one."""

    #: Those up to this place in the log,
    upto: int
    #: and not more than so many.
    most: int

    def run(self, connection: Connection) -> int:
        """How many rows were moved."""
        return move_some(connection, self.upto, self.most)
