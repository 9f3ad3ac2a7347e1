"""Salvage: what can still be read of a damaged database, in a new one; for who has no backup."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.entry import of_row
from lanchat.history import lenient
from lanchat.store import opening
from lanchat.store.backup import alone, begin_epoch, replace, told

#: The two that are the log, and all; those that others point to come first. What is in `meta` and `words` is made anew.
LOG = ("kept", "fresh")
TABLES = ("accounts", "tokens", "devices", "rooms", "members", "invitations", "sanctions", *LOG)


class Saved(NamedTuple):
    """What came of it."""

    #: Where the damaged one is kept.
    old: Path
    #: Messages that are in the new one.
    messages: int
    #: Rows that were not what was written, or that nothing can be done with.
    refused: int


def salvage(directory: Path, when: str) -> Saved:
    """Put what can be read in the place of what is there, which is kept beside it with `when` in its name.

    A new epoch begins. The server must not run. Raises `Refused`.
    """
    path = directory / opening.FILE
    with alone(directory), told(path):
        part = opening.make(path.with_name(f"{path.name}.new"))
        with opening.closing(path) as damaged, opening.closing(part) as new:
            damaged.text_factory = lenient
            new.execute("PRAGMA foreign_keys = 1")
            new.execute("BEGIN")
            refused = sum(_save(damaged, new, table) for table in TABLES)
            begin_epoch(new)
            new.execute("COMMIT")
            (messages,) = new.execute("SELECT count(*) FROM kept").fetchone()
        return Saved(replace(path, part, when), messages, refused)


def _save(damaged: Connection, new: Connection, table: str) -> int:
    """Copy the rows of a table; how many were refused."""
    refused, into = 0, "kept" if table in LOG else table
    for row in _readable(damaged, table):
        if table in LOG and of_row(row) is None:
            refused += 1
            continue
        try:
            new.execute(f"INSERT OR IGNORE INTO {into} VALUES ({','.join('?' * len(row))})", row)  # noqa: S608 (ours)
        except sqlite3.IntegrityError:  # it points to what could not be saved
            refused += 1
    return refused


def _readable(connection: Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """The rows up to the first damage, and if there is one, those from the other end."""
    for order in ("ASC", "DESC"):
        try:
            yield from connection.execute(f"SELECT * FROM {table} ORDER BY 1 {order}")  # noqa: S608 (our own names)
        except sqlite3.DatabaseError:
            continue
        return
