"""The store and its retention as services: opened after the server has gone to the background, closed last."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection

from twisted.application.internet import TimerService
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from lanchat.maintenance.retention import Retention
from lanchat.protocol.interfaces import Clock
from lanchat.store.store import Store
from lanchat.system.exits import CannotStart
from lanchat.system.private_files import FileError


class StoreService(Service):
    """Keeps the store open while it runs."""

    def __init__(self, store: Store, prepare: Callable[[Connection], object] = lambda connection: None) -> None:
        """`prepare` is run in a transaction before anything else."""
        self.store = store
        self._prepare = prepare

    def startService(self) -> None:
        """Open the store; not before a fork, which neither threads nor an open database survive. Raises `CannotStart`."""
        try:
            self.store.open(self._prepare)
        except FileError as refused:
            raise CannotStart(f"lanchat: {refused}") from None
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Write everything that was handed in, and close the store; fires when all is on the disk."""
        if not self.running:
            return succeed(None)
        super().stopService()
        return self.store.close()


class RetentionService(TimerService):
    """Deletes messages that are past their retention, at the start and then once an hour."""

    #: Seconds between two runs.
    INTERVAL = 3600.0

    def __init__(self, retention: Retention, clock: Clock, clean: Callable[[], object] = lambda: None) -> None:
        """`clean` has the files of removed messages unlinked soon."""
        super().__init__(self.INTERVAL, self._sweep)
        self.clock = clock
        self._retention, self._clean = retention, clean

    def _sweep(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._retention.sweep()).addCallback(lambda _: self._clean()).addCallback(lambda _: None)

    def stopService(self) -> Deferred[None]:
        """Stop; fires after the current step, without waiting for the rest of the run."""
        self._retention.stop()
        ended: Deferred[None] = super().stopService()
        return ended
