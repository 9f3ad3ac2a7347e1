"""Pacing: long work on the store is done in short steps, with pauses for others between them; after each step it can end."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import TypeVar

from twisted.internet.defer import Deferred

from lanchat.protocol.errors import RateLimited, TooSlow
from lanchat.protocol.interfaces import Clock, DelayedCall
from lanchat.store.store import Store
from lanchat.tables.log_command import LocalTask, LogCommand

T = TypeVar("T")

#: Seconds between two steps, in which others can use the disk.
PAUSE = 0.1
#: How many times a query that takes too long is tried: what it read is in memory the next time.
TRIES = 50


class Stopped(Exception):
    """Raised by the methods of `Pace` once `stop` was called."""


class Pace:
    """Does steps, with pauses between them. All that wait raise `Stopped` once `stop` was called."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._stopping = False
        self._pause: tuple[DelayedCall, Deferred[None]] | None = None

    def start(self) -> None:
        """Allow steps again after a `stop`."""
        self._stopping = False

    def stop(self) -> None:
        """Allow no more steps. The one that is being done is completed."""
        self._stopping = True
        if self._pause is not None:
            (call, over), self._pause = self._pause, None
            call.cancel()
            over.callback(None)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query, then pause; raises what the query raises."""
        for _ in range(TRIES):
            self._check()
            try:
                found = await self._store.read(query, slow=True)
            except (TooSlow, RateLimited):
                await self._rest()
                continue
            await self._rest()
            return found
        return await self._store.read(query, slow=True)

    async def write(self, command: LogCommand[T]) -> T:
        """Do a command, then pause; raises what it raises, or `NotStored`."""
        self._check()
        done = await self._store.write(command)
        await self._rest()
        return done

    async def maintain(self, task: LocalTask[T]) -> T:
        """Do a task that leaves the content of the log as it is, then pause; raises as `write` does."""
        self._check()
        done = await self._store.maintain(task)
        await self._rest()
        return done

    async def _rest(self) -> None:
        while not self._stopping:
            over: Deferred[None] = Deferred()
            self._pause = (self._clock.callLater(PAUSE, self._over), over)
            await over
            if not self._store.full:
                return

    def _over(self) -> None:
        if self._pause is not None:
            (_, over), self._pause = self._pause, None
            over.callback(None)

    def _check(self) -> None:
        if self._stopping:
            raise Stopped
