"""Salvage: what can still be read of a damaged database, in a new one; for who has no backup."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
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


class Part(NamedTuple):
    """How much of a table came through."""

    #: Rows that are in the new one.
    saved: int
    #: Rows that are not; None if nothing can be read that says how many there were.
    lost: int | None


class Saved(NamedTuple):
    """What came of it."""

    #: Where the damaged one is kept.
    old: Path
    #: Who can log in, and what they had.
    accounts: Part
    rooms: Part
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
            accounts, rooms = _part(damaged, new, "accounts"), _part(damaged, new, "rooms")
            (messages,) = new.execute("SELECT count(*) FROM kept").fetchone()
        return Saved(replace(path, part, when), accounts, rooms, messages, refused)


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


def _part(damaged: Connection, new: Connection, table: str) -> Part:
    """How much of a table with keys is in the new one. Of the old one its index is counted, which has pages of its own."""
    (saved,) = new.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 (our own names)
    try:
        query = f"SELECT count(*) FROM {table} INDEXED BY sqlite_autoindex_{table}_1"  # noqa: S608 (our own names)
        (found,) = damaged.execute(query).fetchone()
    except sqlite3.DatabaseError:
        return Part(saved, None)
    return Part(saved, max(0, found - saved))


def _readable(connection: Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """The rows up to the first damage, and if there is one, those from the other end."""
    for order in ("ASC", "DESC"):
        query, read = f"SELECT * FROM {table} ORDER BY 1 {order}", 0  # noqa: S608 (our own names)
        try:
            for row in connection.execute(query):
                yield row
                read += 1
        except sqlite3.DatabaseError:
            with suppress(sqlite3.DatabaseError):  # Python looks a row ahead: the last one before the damage was not handed on
                yield from connection.execute(f"{query} LIMIT 1 OFFSET {read}")
        else:
            return
