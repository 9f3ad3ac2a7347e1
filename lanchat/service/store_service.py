"""StoreService: the store as a part of the server. It opens when the server has gone to the background, and closes last.

RetentionService: what is not to be kept any longer goes, at the start and then once an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection

from twisted.application.internet import TimerService
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from lanchat.maintenance.retention import Retention
from lanchat.protocol.interfaces import Clock
from lanchat.store.store import Store
from lanchat.system.private_files import CannotStart, FileError


class StoreService(Service):
    """Has the store open while it runs."""

    def __init__(self, store: Store, prepare: Callable[[Connection], object] = lambda connection: None) -> None:
        """`prepare` is run in a transaction before anything else can be."""
        self.store = store
        self._prepare = prepare

    def startService(self) -> None:
        """Open it: neither threads nor a database may be taken along into a fork. Raises `CannotStart`."""
        try:
            self.store.open(self._prepare)
        except FileError as refused:
            raise CannotStart(f"lanchat: {refused}") from None
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Do what was handed in, and close it; fires when all is on the disk."""
        if not self.running:
            return succeed(None)
        super().stopService()
        return self.store.close()


class RetentionService(TimerService):
    """Has the retention sweep while it runs, and does not wait for the end of a sweep."""

    #: Seconds between two sweeps.
    EVERY = 3600.0

    def __init__(self, retention: Retention, clock: Clock) -> None:
        super().__init__(self.EVERY, retention.sweep)
        self.clock = clock
        self._retention = retention

    def stopService(self) -> Deferred[None]:
        """End; fires after the step that a sweep is in."""
        self._retention.stop()
        ended: Deferred[None] = super().stopService()
        return ended
