"""Tidying: what the writer does behind the commits. Rows are moved to where they stay, and then their words are indexed.

It is done when nobody waits, and now and then when somebody always does: a step at a time, each short and a transaction of
its own. What was not done before a crash is done after it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from sqlite3 import Connection

from twisted.logger import Logger

from lanchat.protocol.entry import Entry, newest_seq
from lanchat.protocol.packet import visible
from lanchat.store import recent, schema, word_index
from lanchat.store.reindexing import Reindexing

#: Seconds of a pause after which it begins, and after which it is tried again when it failed: the disk may be full.
PAUSE = 0.05
AGAIN = 2.0
#: The same while the index of words is made anew, which is to come to an end on a server where somebody always talks.
SHORT_PAUSE = 0.005
#: Without a pause, all is moved that there is when there are so many rows or characters, or so many batches were written;
#: and some words are indexed after so many.
ROWS, CHARACTERS, BATCHES = 6000, 1024 * 1024, 128
PATIENCE = 16
#: So many rows, or characters, are moved in one transaction: whoever is to be acknowledged waits a few milliseconds for it.
PIECE, PIECE_CHARACTERS = 500, 256 * 1024

_log = Logger("lanchat.store.tidying")


class BackgroundWork:
    """Knows what is to be done behind the commits, and does it; in the writer's thread, with its connection."""

    def __init__(self, connection: Connection) -> None:
        """Go on where the last one ended."""
        self._connection = connection
        self._moved = recent.moved(connection)
        self._indexed = word_index.places(connection)["indexed"]
        self._anew = Reindexing(connection)
        (self._rows,) = connection.execute("SELECT count(*) FROM fresh").fetchone()  # to be moved; perhaps they are not there
        self._characters = 0  # of those
        self._upto = 0  # what is up to here is being moved; 0 while nothing is
        self._since_moved = self._since_indexed = 0  # batches
        self._quiet_from = 0.0  # when nothing was written for a whole pause (by the clock that can't be set, as the next)
        self._failing = False
        self._not_before = 0.0  # when it may be tried again

    def add(self, entries: Sequence[Entry]) -> None:
        """Count entries that were just committed to the short table `fresh`."""
        self._rows += len(entries)
        self._characters += sum(len(entry.msg) for entry in entries)

    def committed(self) -> None:
        """A batch is on the disk."""
        self._since_moved += 1
        self._since_indexed += 1
        self._quiet_from = time.monotonic() + PAUSE

    @property
    def pause(self) -> float | None:
        """How long to wait for more before the next step; not at all in the middle of it; None is for ever."""
        if not self._rows and not self._upto and self._indexed >= self._moved and not self._anew.left:
            return None
        usual = (SHORT_PAUSE if self._anew.left else PAUSE) if self._since_indexed else 0
        return max(usual, self._not_before - time.monotonic()) if self._failing else usual

    def step(self, idle: bool) -> None:
        """Do some of it if it is time, which it is when nobody waits. It raises nothing: messages are kept all the same."""
        if self._failing and time.monotonic() < self._not_before:
            return
        quiet = idle and not (self._anew.left and time.monotonic() < self._quiet_from)
        try:
            if not self._upto and self._rows and (quiet or self._many()):
                self._upto = newest_seq(self._connection)
            if self._upto:
                self._move()
            if self._indexed < self._moved:
                if quiet or self._since_indexed >= PATIENCE:
                    self._index()
            elif self._anew.left and (idle or self._since_indexed >= PATIENCE):
                self._anew.step()
                self._since_indexed = min(self._since_indexed, 1)
            self._failing = self._failing and (self._upto > 0 or self._indexed < self._moved)
        except Exception as error:  # noqa: BLE001 (it is tried again)
            self._put_off(error)
        if quiet:
            self._since_indexed = 0

    def _many(self) -> bool:
        return self._rows >= ROWS or self._characters >= CHARACTERS or self._since_moved >= BATCHES

    def _move(self) -> None:
        """Move a piece; after the last of them, know what is left."""
        each = max(1, self._characters // max(1, self._rows))
        most = max(1, min(PIECE, PIECE_CHARACTERS // each))
        with schema.transaction(self._connection):
            count = recent.move_some(self._connection, self._upto, most)
        self._rows, self._characters = self._rows - count, self._characters - count * each
        if count < most:
            self._moved = recent.moved(self._connection)
            (self._rows,) = self._connection.execute("SELECT count(*) FROM fresh").fetchone()
            self._characters = max(0, self._characters)
            self._upto = self._since_moved = 0

    def _index(self) -> None:
        self._indexed = word_index.fill(self._connection)
        self._since_indexed = 0

    def _put_off(self, error: Exception) -> None:
        """Say so once, and let it be for a while."""
        if not self._failing:
            _log.error("what is said can't be found by its words for now: {why}", why=visible(str(error)))
        self._failing = True
        self._not_before = time.monotonic() + AGAIN
