"""Health: whether what is said can be stored. It is tried, not assumed: a disk may break while nobody says anything."""

from __future__ import annotations

import math
from sqlite3 import Connection

from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime

from lanchat.protocol.errors import NotStored
from lanchat.protocol.log_command import LocalTask
from lanchat.protocol.packet import visible
from lanchat.store import schema
from lanchat.store.store import Store

#: Seconds between two tries, while all is well and while it is not. Nothing is tried while nobody asks.
EVERY, AGAIN = 30.0, 1.0
#: Seconds that a try may take, and that something may wait to be stored.
PATIENCE = 3.0


class TryToWrite(LocalTask[None], frozen=True):
    """Write something that means nothing, so that the disk has something to commit."""

    def run(self, connection: Connection) -> None:
        """See the class."""
        schema.put(connection, "tried", 1)


class Health:
    """Tries the log now and then."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock
        self._tried = -math.inf
        self._trouble = ""

    async def trouble(self) -> str:
        """Why nothing can be stored; "" when it can."""
        now, pause = self._clock.seconds(), AGAIN if self.known else EVERY
        if now - self._tried >= pause:
            self._tried = now  # whoever asks meanwhile is told what is known
            self._trouble = await self._try()
        return self.known

    @property
    def known(self) -> str:
        """The same, as far as it is known without a try."""
        if self._store.stalled > PATIENCE:
            return f"what was handed in waits for {self._store.stalled:.0f} s"
        return visible(self._store.wrong) or self._trouble

    async def _try(self) -> str:
        try:
            await self._store.maintain(TryToWrite()).addTimeout(PATIENCE, self._clock)
        except NotStored:
            return "nothing is taken"
        except defer.TimeoutError:
            return f"nothing was written within {PATIENCE:.0f} s"
        return ""
