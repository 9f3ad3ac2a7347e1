"""A small log in memory, for what reads one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from lanchat.protocol.entry import COLUMNS, Entry
from lanchat.store import schema, word_index
from lanchat.store.open_db import lenient


def said(seq: int, conv: str, msg: str = "hello", name: str = "alice", ts: int = 0) -> Entry:
    """An entry, as it is in the log."""
    return Entry(conv, 1, name, "10.0.0.1", "#room", msg, ts or seq * 1000, seq=seq, state="stored")


def log_of(entries: Iterable[Entry], fresh: int = 0) -> sqlite3.Connection:
    """A log with these entries, of which so many are still fresh; the others are in the index of words."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.upgrade(connection, Path("log"))  # there is no file, and no older version to keep
    connection.text_factory = lenient
    rows = sorted(entry.row() for entry in entries)
    kept = len(rows) - fresh
    marks = ",".join("?" * len(COLUMNS))
    connection.executemany(f"INSERT INTO kept VALUES ({marks})", rows[:kept])  # noqa: S608 (marks)
    connection.executemany(f"INSERT INTO fresh VALUES ({marks})", rows[kept:])  # noqa: S608 (marks)
    word_index.add(connection, "seq <= :upto", {"upto": rows[kept - 1][0] if kept else 0})
    return connection


def seqs(entries: Iterable[Entry]) -> list[int]:
    """Which entries they are."""
    return [entry.seq for entry in entries]
