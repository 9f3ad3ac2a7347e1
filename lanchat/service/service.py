"""The server as one service: the store is opened before the first client connects, and closed after the last has gone."""

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
from lanchat.files.blobs import Blobs
from lanchat.files.cleaning import Cleaning
from lanchat.logs.server import ServerLog
from lanchat.maintenance.kept_files import FILES
from lanchat.model.names import Name
from lanchat.net.listener import Listener
from lanchat.service import process_stats
from lanchat.service.drain import Drain
from lanchat.service.store_service import StoreService
from lanchat.store.store import Store
from lanchat.system.exits import CannotStart
from lanchat.tables import accounts, files, hooks, rooms, sanctions

_log = Logger("lanchat.service")


class ChatService(MultiService):
    """The gateways (its children) and what they share: the chat, the store, and the threads that hash passwords."""

    def __init__(
        self, chat: Chat, store: Store, hasher: Hasher, lobby: Name | None = None, stop: Callable[[], object] = lambda: None
    ) -> None:
        """`lobby` is a room that everyone is in, if there is one; `stop` ends the process."""
        super().__init__()
        self._draining = Drain(chat, stop)
        self._open = False
        #: Reloads the configuration; the result is a text for people.
        self.reload: Callable[[], Coroutine[Any, Any, str]]
        #: The log that twistd shall write to, if it is ours.
        self.log: ServerLog | None = None
        self.chat = chat
        self.store = store
        self._store_service = StoreService(store, self._load)
        self.hasher = hasher
        #: The bytes of the files that go with messages.
        self.blobs = Blobs(store.directory / FILES, store.call_in_reactor)
        #: What unlinks those that no message needs.
        self.cleaning = Cleaning(store, self.blobs, chat.clock, chat.uploads.recount)
        self._lobby = lobby

    def setServiceParent(self, parent: Any) -> None:
        """Become part of an application. twistd starts its log before the services, so ours must be installed here."""
        super().setServiceParent(parent)
        if self.log is not None and isinstance(parent, Componentized):
            self.log.install(parent)

    def startService(self) -> None:
        """Open the store, now that the process has its final pid and user, and then the ports; raises `CannotStart`."""
        _log.info("{versions} keeps all in {data}", versions=process_stats.versions(), data=str(self.store.directory))
        self._store_service.startService()
        try:
            self.blobs.open()
        except OSError as error:
            self._store_service.stopService()
            raise CannotStart(f"lanchat: {self.blobs.directory} can't be used: {error}. Fix that, and start again.") from None
        self.hasher.startService()
        super().startService()
        self._open = True

    def add_port(self, listener: Listener) -> Listener:
        """Add a port for clients, which a drain will pause; returns it."""
        listener.setServiceParent(self)
        self._draining.ports.append(listener)
        return listener

    def ports(self) -> list[str]:
        """A line for each port: for whom it is, and its address."""
        return [str(service) for service in self if isinstance(service, Listener)]

    @property
    def ready(self) -> bool:
        """Whether new connections are accepted: all ports are open, and no shutdown is announced."""
        return self._open and not self._draining.active

    def drain(self, seconds: float) -> Deferred[str]:
        """Announce a shutdown in `seconds` (`Drain.begin`); fires with what was done, for people, or fails with `Usage`."""
        return Deferred.fromCoroutine(self._draining.begin(seconds))

    def cancel_drain(self) -> Deferred[str]:
        """Cancel an announced shutdown; fires with what was done, for people, or fails with `Usage`."""
        return Deferred.fromCoroutine(self._draining.cancel())

    def on_drain(self, hook: Callable[[float | None], object]) -> None:
        """Call `hook`, which must not raise, with the seconds until an announced shutdown, or None when it is cancelled."""
        self._draining.hooks.append(hook)

    def stopService(self) -> Deferred[None]:
        """Close the ports, then what is behind them; fires when everything that was said is on the disk."""
        self._open = False
        self._draining.cancel_timer()
        return Deferred.fromCoroutine(self._stop(super().stopService()))

    async def _stop(self, ports: Deferred[None]) -> None:
        await ports
        self.chat.cursors.write()
        self.chat.read_markers.write()
        self.blobs.close()
        self.chat.hooks.write()
        await self.hasher.stopService()
        await self._store_service.stopService()

    def _load(self, connection: Connection) -> None:
        """Give the chat what is stored. The lobby is created if it does not exist; all accounts are members of it.

        Raises `FileError` if the lobby can't be opened.
        """
        rooms.CloseEmptyRooms().run(connection)
        if self._lobby is not None:
            rooms.OpenLobby(self._lobby, int(self.chat.now())).run(connection)
        sanctions.RemoveEndedSanctions(self.chat.now()).run(connection)
        known = {account.id: account for account in accounts.load(connection)}
        all_rooms = rooms.load(connection, known)
        in_force = sanctions.load(connection, all_rooms)
        self.chat.uploads.space.free = self.blobs.free
        self.chat.begin(self.store, list(known.values()), all_rooms, in_force)
        self.chat.uploads.begin(files.links_key(connection), files.usages(connection))
        self.chat.hooks.begin(hooks.load(connection))
        if self._lobby is not None and (room := self.chat.rooms.find(self._lobby.shown)) is not None:
            self.chat.rooms.open_lobby(room)
