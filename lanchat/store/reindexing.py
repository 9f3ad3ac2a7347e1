"""Anew: the index of words is built again, as a new version of the schema asked for, while the server serves and stores.

It goes back from what was said last, so what people look for most is found first. How far it has come is kept with the index
itself (`lanchat.store.word_index`): a server that was killed goes on where the last one ended.
"""

from __future__ import annotations

from sqlite3 import Connection

from twisted.logger import Logger

from lanchat.store import word_index

#: So often, from the beginning to the end, the log says how far it is.
TIMES = 10

_log = Logger("lanchat.store.anew")


class Reindexing:
    """Knows how much is left to be indexed, and does it, a short transaction at a time; in the writer's thread."""

    def __init__(self, connection: Connection) -> None:
        """Say what is about to be done, if anything is."""
        self._connection = connection
        #: What is up to this place in the log is not in the index yet; 0 when it is whole.
        self.left = self._all = word_index.places(connection)["unindexed"]
        self._told = 0  # of `TIMES`
        if self.left:
            word_index.merge_by_itself(connection, 0)
            _log.info(
                "the index of words is made anew, the newest messages first; searches do not find the older ones until then"
            )

    def step(self) -> None:
        """Index some more. Raises `sqlite3.Error`; then nothing of it was done."""
        self.left = word_index.fill_back(self._connection)
        done = (self._all - self.left) * TIMES // self._all
        if done > self._told:
            self._told = done
            how_far = f"to {done * 100 // TIMES} %" if self.left else "as a whole: searches find all that is kept"
            _log.info("the index of words is made anew {how_far}", how_far=how_far)
