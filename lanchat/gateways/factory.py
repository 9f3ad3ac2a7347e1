"""Factory: makes the connections of one gateway, and closes them when the server shuts down."""

from __future__ import annotations

import contextlib

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol

from lanchat.core.router import Router
from lanchat.gateways.base_factory import BaseFactory
from lanchat.gateways.connection import Connection
from lanchat.net import sockets
from lanchat.net.admission import Admission
from lanchat.protocol.interfaces import DelayedCall

#: At shutdown: seconds until paced output is written at once, and until clients that do not read are aborted.
HURRY_SECONDS, GRACE_SECONDS = 2.0, 3.0


class ChatFactory(BaseFactory):
    """The factory of one gateway, which may listen on several ports."""

    connections: set[Connection]  # type: ignore[assignment]  # (it makes no others)

    def __init__(self, protocol: type[Connection], router: Router, admission: Admission) -> None:
        super().__init__(router.chat.clock, router.chat.limits, admission, protocol.opening_factor)
        self._protocol = protocol
        self.router = router
        self._drained: Deferred[None] | None = None
        self._deadlines: list[DelayedCall] = []

    @property
    def gateway(self) -> str:
        """The name of the dialect."""
        return self._protocol.gateway

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Make a connection for a new client; None, which closes it, if its address may not connect."""
        if addr is not None and not self.admission.allows(sockets.address_of(addr)):
            return None
        connection = self._protocol(self.router)
        connection.factory = self
        return connection

    async def drain(self) -> None:
        """Send a goodbye to every client, and wait until all connections have ended, which takes 3 seconds at most."""
        if not self.connections:
            return
        if self._drained is None:  # each port of this gateway asks
            self._drained = Deferred()
            clock = self.router.chat.clock
            await self._settled()
            self._deadlines = [clock.callLater(HURRY_SECONDS, self._hurry), clock.callLater(GRACE_SECONDS, self._end)]
            for connection in tuple(self.connections):
                connection.goodbye()
        await self._drained

    async def _settled(self) -> None:
        """Wait until all messages are stored and acknowledged, but 2 seconds at most."""
        settled = Deferred.fromCoroutine(self.router.chat.stored.settled())
        late = self.router.chat.clock.callLater(HURRY_SECONDS, settled.cancel)
        with contextlib.suppress(Exception):  # (that nothing can be stored has been logged already)
            await settled
        if late.active():
            late.cancel()

    def left(self, connection: Protocol) -> None:
        """Forget a connection that has ended, which may be the last one that `drain` waits for."""
        super().left(connection)
        if self._drained is not None and not self.connections and not self._drained.called:
            for deadline in self._deadlines:
                if deadline.active():
                    deadline.cancel()
            self._drained.callback(None)

    def _hurry(self) -> None:
        for connection in tuple(self.connections):
            connection.outbox.flush()

    def _end(self) -> None:
        for connection in tuple(self.connections):
            connection.outbox.end()
