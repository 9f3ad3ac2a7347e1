"""Checks whether messages can be stored, by storing something: a disk may break while nobody says anything."""

from __future__ import annotations

import math
from sqlite3 import Connection

from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime

from lanchat.protocol.errors import NotStored
from lanchat.protocol.packet import visible
from lanchat.store import schema
from lanchat.store.store import Store
from lanchat.tables.log_command import LocalTask

#: Seconds between two attempts, while all is well and while it is not. There are none while nobody asks.
INTERVAL, RETRY_INTERVAL = 30.0, 1.0
#: Seconds that an attempt may take, and that anything may wait to be stored.
TIMEOUT = 3.0


class TryToWrite(LocalTask[None], frozen=True):
    """Change the database, so that there is something to commit."""

    def run(self, connection: Connection) -> None:
        """Write a value that nothing reads."""
        schema.set_meta(connection, "tried", 1)


class Health:
    """Tells whether the store can write."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock
        self._tried = -math.inf
        self._outcome = ""

    async def check(self) -> str:
        """Why nothing can be stored, as a text; "" if it can. It tries to store something unless that was done recently."""
        now, pause = self._clock.seconds(), RETRY_INTERVAL if self.problem else INTERVAL
        if now - self._tried >= pause:
            self._tried = now  # others who ask meanwhile get the last result
            self._outcome = await self._try()
        return self.problem

    @property
    def problem(self) -> str:
        """The same as `check`, without trying: what is known now."""
        if self._store.stalled > TIMEOUT:
            return f"the write queue has made no progress for {self._store.stalled:.0f} s"
        return visible(self._store.last_error) or self._outcome

    async def _try(self) -> str:
        try:
            await self._store.maintain(TryToWrite()).addTimeout(TIMEOUT, self._clock)
        except NotStored:
            return "the write queue is full"
        except defer.TimeoutError:
            return f"nothing was written within {TIMEOUT:.0f} s"
        return ""
