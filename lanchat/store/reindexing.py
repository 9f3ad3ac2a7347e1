"""Making the index of words anew, after a new version of the schema asked for it, while the server serves and stores.

It goes backwards from the newest message, as people mostly search for recent ones. How far it has come is stored with the index
itself (`lanchat.store.word_index`), so a server that was killed goes on where it was.
"""

from __future__ import annotations

from sqlite3 import Connection

from twisted.logger import Logger

from lanchat.store import word_index

#: How many times the log tells the progress.
TIMES = 10

_log = Logger("lanchat.store.anew")


class Reindexing:
    """Knows how much is left to be indexed anew, and does that in short transactions, in the writer's thread."""

    def __init__(self, connection: Connection) -> None:
        """Find out how much is left, and log it if anything is."""
        self._connection = connection
        #: The messages up to this sequence number are not in the index yet; 0 when it is complete.
        self.left = self._all = word_index.indexed_range(connection)["unindexed"]
        self._told = 0  # how many of the `TIMES` the progress was logged
        if self.left:
            word_index.merge_by_itself(connection, 0)
            _log.info(
                "the index of words is made anew, the newest messages first; searches do not find the older ones until then"
            )

    def step(self) -> None:
        """Index some more messages. Raises `sqlite3.Error`; then none of them is indexed."""
        self.left = word_index.index_previous(self._connection)
        done = (self._all - self.left) * TIMES // self._all
        if done > self._told:
            self._told = done
            how_far = f"to {done * 100 // TIMES} %" if self.left else "as a whole: searches find all that is kept"
            _log.info("the index of words is made anew {how_far}", how_far=how_far)
