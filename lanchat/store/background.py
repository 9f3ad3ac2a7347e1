"""Background work of the writer: messages are moved from the table `fresh` to `kept`, and then their words are indexed.

It is done when nothing waits to be written, and now and then when something always does: in short steps, each a transaction of
its own. What was not done before a crash is done after it. It changes how the file stores the log, and never what is in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from sqlite3 import Connection

from twisted.logger import Logger

from lanchat.protocol.entry import Entry
from lanchat.protocol.packet import visible
from lanchat.store import schema, word_index
from lanchat.store.reindexing import Reindexing
from lanchat.tables import recent
from lanchat.tables.recent import newest_seq

#: The work begins when nothing was written for so many seconds.
PAUSE = 0.05
#: The same while the index of words is made anew, so that this ends on a server where somebody always talks.
SHORT_PAUSE = 0.005
#: Seconds until a step that failed is tried again: the disk may be full.
RETRY_AFTER = 2.0
#: If there is no such pause, `fresh` is emptied when it has so many rows, or so many characters of text, or when so many
#: batches were written since it was emptied last.
ROWS, CHARACTERS, BATCHES = 6000, 1024 * 1024, 128
#: If there is no such pause, a step of the index is done after so many batches.
INDEX_EVERY = 16
#: How many rows, and characters of text, are moved in one transaction: a few milliseconds, for which messages wait.
MOVE_ROWS, MOVE_CHARACTERS = 500, 256 * 1024

_log = Logger("lanchat.store.tidying")


class BackgroundWork:
    """Knows what is to be moved and indexed, and does it: in the writer's thread, with its connection."""

    def __init__(self, connection: Connection) -> None:
        """Find in the database what is left to be done."""
        self._connection = connection
        self._moved = recent.moved_upto(connection)
        self._indexed = word_index.indexed_range(connection)["indexed"]
        self._reindexing = Reindexing(connection)
        (self._rows,) = connection.execute("SELECT count(*) FROM fresh").fetchone()  # rows in `fresh`, at most
        self._characters = 0  # characters of their texts, about
        self._upto = 0  # the messages up to this one are being moved; 0 while none are
        self._since_moved = self._since_indexed = (
            0  # batches that were written since `fresh` was empty, and since the last step
        )
        self._quiet_from = 0.0  # the time at which the pause will have been long enough (`time.monotonic`, as the next)
        self._failing = False
        self._not_before = 0.0  # the time at which a step that failed may be tried again

    def add(self, entries: Sequence[Entry]) -> None:
        """Count messages that were just inserted into `fresh`."""
        self._rows += len(entries)
        self._characters += sum(len(entry.msg) for entry in entries)

    def committed(self) -> None:
        """Note that a batch was committed."""
        self._since_moved += 1
        self._since_indexed += 1
        self._quiet_from = time.monotonic() + PAUSE

    @property
    def pause(self) -> float | None:
        """For how many seconds the writer should wait for a batch before the next `step`; None if there is nothing to do."""
        if not self._rows and not self._upto and self._indexed >= self._moved and not self._reindexing.left:
            return None
        usual = (SHORT_PAUSE if self._reindexing.left else PAUSE) if self._since_indexed else 0
        return max(usual, self._not_before - time.monotonic()) if self._failing else usual

    def step(self, idle: bool) -> None:
        """Do a step if it is time for one. It raises nothing: a failure is logged, and tried again later.

        `idle` says whether nothing came within `pause`.
        """
        if self._failing and time.monotonic() < self._not_before:
            return
        quiet = idle and not (self._reindexing.left and time.monotonic() < self._quiet_from)
        try:
            if not self._upto and self._rows and (quiet or self._many()):
                self._upto = newest_seq(self._connection)
            if self._upto:
                self._move()
            if self._indexed < self._moved:
                if quiet or self._since_indexed >= INDEX_EVERY:
                    self._index()
            elif self._reindexing.left and (idle or self._since_indexed >= INDEX_EVERY):
                self._reindexing.step()
                self._since_indexed = min(self._since_indexed, 1)
            self._failing = self._failing and (self._upto > 0 or self._indexed < self._moved)
        except Exception as error:  # noqa: BLE001 (it is tried again; messages are stored all the same)
            self._put_off(error)
        if quiet:
            self._since_indexed = 0

    def _many(self) -> bool:
        return self._rows >= ROWS or self._characters >= CHARACTERS or self._since_moved >= BATCHES

    def _move(self) -> None:
        """Move some messages to `kept`; after the last ones, count what is left in `fresh`."""
        each = max(1, self._characters // max(1, self._rows))
        most = max(1, min(MOVE_ROWS, MOVE_CHARACTERS // each))
        with schema.transaction(self._connection):
            count = recent.move_some(self._connection, self._upto, most)
        self._rows, self._characters = self._rows - count, self._characters - count * each
        if count < most:
            self._moved = recent.moved_upto(self._connection)
            (self._rows,) = self._connection.execute("SELECT count(*) FROM fresh").fetchone()
            self._characters = max(0, self._characters)
            self._upto = self._since_moved = 0

    def _index(self) -> None:
        self._indexed = word_index.index_next(self._connection)
        self._since_indexed = 0

    def _put_off(self, error: Exception) -> None:
        """Log a failure once, and do nothing for a while."""
        if not self._failing:
            _log.error("new messages can't be searched for now: {why}", why=visible(str(error)))
        self._failing = True
        self._not_before = time.monotonic() + RETRY_AFTER
