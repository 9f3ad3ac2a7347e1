"""Service: the whole as one service. What is kept is there before the first client, and closed after the last."""

from __future__ import annotations

from sqlite3 import Connection

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred

from lanchat import accounts, rooms, sanctions
from lanchat.names import Name
from lanchat.passwords import Hasher
from lanchat.router import Router
from lanchat.store.service import StoreService
from lanchat.store.store import Store


class ChatService(MultiService):
    """The gateways (its children), and what they all need: the store, and a thread for passwords."""

    def __init__(self, router: Router, store: Store, hasher: Hasher, lobby: Name | None = None) -> None:
        """`lobby` is the name of a room that everybody is in, if there shall be one."""
        super().__init__()
        self._router = router
        self._store = store
        self._keeping = StoreService(store, self._learn)
        self._hasher = hasher
        self._lobby = lobby

    def startService(self) -> None:
        """Open the store, now that the daemon is the process it will be, and then the doors; raises `CannotStart`."""
        self._keeping.startService()
        self._hasher.startService()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Close the doors, then what was behind them; fires when all that was said is on the disk."""
        return Deferred.fromCoroutine(self._stop(super().stopService()))

    async def _stop(self, doors: Deferred[None]) -> None:
        await doors
        self._router.cursors.write()
        await self._hasher.stopService()
        await self._keeping.stopService()

    def _learn(self, connection: Connection) -> None:
        """Tell the router what is kept. The lobby is made if there is none; all who have an account belong to it."""
        if self._lobby is not None:
            rooms.open_lobby(connection, self._lobby, int(self._router.now()))
        known = {account.id: account for account in accounts.load(connection)}
        places = rooms.load(connection, known)
        in_force = sanctions.load(connection, places, self._router.now())
        self._router.begin(self._store, list(known.values()), places, in_force)
        if self._lobby is not None:
            self._router.rooms.lobby = self._router.rooms.find(self._lobby.shown)
