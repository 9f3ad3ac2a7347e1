"""Service: the whole as one service. What is kept is there before the first client, and closed after the last."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from sqlite3 import Connection
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.components import Componentized

from lanchat.auth.passwords import Hasher
from lanchat.core.chat import Chat
from lanchat.logs.server import ServerLog
from lanchat.net.listener import Listener
from lanchat.protocol.names import Name
from lanchat.service import process_stats
from lanchat.service.drain import Drain
from lanchat.service.store_service import StoreService
from lanchat.store import accounts, rooms, sanctions
from lanchat.store.store import Store

_log = Logger("lanchat.service")


class ChatService(MultiService):
    """The gateways (its children), and what they all need: the store, and a thread for passwords."""

    def __init__(
        self, chat: Chat, store: Store, hasher: Hasher, lobby: Name | None = None, stop: Callable[[], object] = lambda: None
    ) -> None:
        """`lobby` is a room that everybody is in, if there shall be one; `stop` ends the process, if it serves clients."""
        super().__init__()
        self._draining = Drain(chat, stop)
        self._open = False
        #: Reads again what can be while the server runs; what came of it, for people.
        self.reload: Callable[[], Coroutine[Any, Any, str]]
        #: What twistd logs to, if that is to be ours.
        self.log: ServerLog | None = None
        self.chat = chat
        self.store = store
        self._keeping = StoreService(store, self._learn)
        self.hasher = hasher
        self._lobby = lobby

    def setServiceParent(self, parent: Any) -> None:
        """Be part of an application. twistd starts its log before it starts us, so ours has to be known by now."""
        super().setServiceParent(parent)
        if self.log is not None and isinstance(parent, Componentized):
            self.log.begin(parent)

    def startService(self) -> None:
        """Open the store, now that the daemon is the process it will be, and then the doors; raises `CannotStart`."""
        _log.info("{versions} keeps all in {data}", versions=process_stats.versions(), data=str(self.store.directory))
        self._keeping.startService()
        self.hasher.startService()
        super().startService()
        self._open = True

    def add_door(self, listener: Listener) -> None:
        """Let clients in there, until the server ends or is about to."""
        listener.setServiceParent(self)
        self._draining.doors.append(listener)

    def ports(self) -> list[str]:
        """Where it listens, and for whom, a line for each port."""
        return [str(service) for service in self if isinstance(service, Listener)]

    @property
    def ready(self) -> bool:
        """Whether newcomers are let in: the doors are open, and no end is announced."""
        return self._open and not self._draining.active

    def drain(self, seconds: float) -> Deferred[str]:
        """Let nobody new in, and end in so many seconds; again is another time. What was done; fails with `Usage`."""
        return Deferred.fromCoroutine(self._draining.begin(seconds))

    def call_off(self) -> Deferred[str]:
        """Don't end, after all. What was done; fails with `Usage`."""
        return Deferred.fromCoroutine(self._draining.call_off())

    def on_drain(self, hook: Callable[[float | None], object]) -> None:
        """Call this, which raises nothing, with the seconds until an end that is announced; with None when it is called off."""
        self._draining.hooks.append(hook)

    def stopService(self) -> Deferred[None]:
        """Close the doors, then what was behind them; fires when all that was said is on the disk."""
        self._open = False
        self._draining.forget()
        return Deferred.fromCoroutine(self._stop(super().stopService()))

    async def _stop(self, doors: Deferred[None]) -> None:
        await doors
        self.chat.cursors.write()
        await self.hasher.stopService()
        await self._keeping.stopService()

    def _learn(self, connection: Connection) -> None:
        """Tell the chat what is kept. The lobby is made if there is none; all who have an account belong to it.

        Raises `FileError` if the lobby can't be opened.
        """
        if self._lobby is not None:
            rooms.OpenLobby(self._lobby, int(self.chat.now())).run(connection)
        sanctions.RemoveEndedSanctions(self.chat.now()).run(connection)
        known = {account.id: account for account in accounts.load(connection)}
        places = rooms.load(connection, known)
        in_force = sanctions.load(connection, places)
        self.chat.begin(self.store, list(known.values()), places, in_force)
        if self._lobby is not None and (room := self.chat.rooms.find(self._lobby.shown)) is not None:
            self.chat.rooms.open_lobby(room)
