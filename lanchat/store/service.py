"""StoreService: the store as a part of the server. It opens when the server has gone to the background, and closes last."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from lanchat.safekeeping import CannotStart, Refused
from lanchat.store.store import Store


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
        except Refused as refused:
            raise CannotStart(f"lanchat: {refused}") from None
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Do what was handed in, and close it; fires when all is on the disk."""
        if not self.running:
            return succeed(None)
        super().stopService()
        return self.store.close()
