"""Tidying: what the writer does behind the commits. Rows are moved to where they stay, and then their words are indexed.

It is done when nobody waits, and now and then when somebody always does: a step at a time, each short and a transaction of
its own. What was not done before a crash is done after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

from twisted.logger import Logger

from lanchat.entry import Entry, newest
from lanchat.packet import visible
from lanchat.store import fresh, schema, words

#: Seconds of a pause after which it begins.
PAUSE = 0.05
#: Without a pause, so many rows or characters are moved at a time, or those of so many batches; and some words are indexed
#: after so many. What a move takes depends less on the rows than on the pages of the indexes that they are scattered over: for
#: 500 pairs 30 to 60 ms, and another 40 when it is the commit that takes the `-wal` into the file.
ROWS, CHARACTERS, BATCHES = 3000, 1024 * 1024, 128
PATIENCE = 16

_log = Logger()


class Tidier:
    """Knows what is to be done behind the commits, and does it; in the writer's thread, with its connection."""

    def __init__(self, connection: Connection) -> None:
        """Go on where the last one ended."""
        self._connection = connection
        self._moved = fresh.moved(connection)
        self._indexed = int(schema.get(connection, "indexed"))
        (self._rows,) = connection.execute("SELECT count(*) FROM fresh").fetchone()  # to be moved; perhaps they are not there
        self._characters = 0  # of those
        self._since_moved = self._since_indexed = 0  # batches
        self._failing = False

    def add(self, entries: Sequence[Entry]) -> None:
        """These are fresh."""
        self._rows += len(entries)
        self._characters += sum(len(entry.msg) for entry in entries)

    def committed(self) -> None:
        """A batch is on the disk."""
        self._since_moved += 1
        self._since_indexed += 1

    @property
    def pause(self) -> float | None:
        """How long to wait for more before the next step; not at all in the middle of it; None is for ever."""
        if not self._rows and self._indexed >= self._moved:
            return None
        return PAUSE if self._since_indexed else 0

    def step(self, idle: bool) -> None:
        """Do some of it if it is time, which it is when nobody waits. It raises nothing: messages are kept all the same."""
        try:
            if self._rows and (idle or self._many()):
                self._move()
            if self._indexed < self._moved and (idle or self._since_indexed >= PATIENCE):
                self._index()
        except Exception as error:  # noqa: BLE001 (it is tried again after the next batch)
            self._give_up(error)
        if idle:
            self._since_indexed = 0

    def _many(self) -> bool:
        return self._rows >= ROWS or self._characters >= CHARACTERS or self._since_moved >= BATCHES

    def _move(self) -> None:
        with schema.transaction(self._connection):
            self._moved = newest(self._connection)
            fresh.move(self._connection, self._moved)
        self._rows = self._characters = self._since_moved = 0

    def _index(self) -> None:
        self._indexed = words.fill(self._connection)
        self._since_indexed = 0
        self._failing = False

    def _give_up(self, error: Exception) -> None:
        """Say so once, and let it be until more is said."""
        if not self._failing:
            _log.error("what is said can't be found by its words for now: {why}", why=visible(str(error)))
        self._failing = True
        self._rows = self._characters = self._since_moved = self._since_indexed = 0
        self._indexed = self._moved
