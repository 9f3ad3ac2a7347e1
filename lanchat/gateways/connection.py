"""Connection: what a client's connection is in every dialect. It opens, it is bounded in time, it closes in one way."""

from __future__ import annotations

import ipaddress
import socket
from abc import ABC, abstractmethod

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.errors import ChatError, Idle
from lanchat.gateways.outbox import MAX_WAITING, PACE_SECONDS, ITransport, Outbox, Tick
from lanchat.interfaces import Call, IClient
from lanchat.packet import SERVER, ServerPacket, visible
from lanchat.router import Router
from lanchat.session import Session

#: At the end of the server: seconds until what is still paced is written at once, and until who does not read is aborted.
HURRY_SECONDS, GRACE_SECONDS = 2.0, 3.0
#: A silent connection is probed after 30 s, and again every 15 s; one that answers nothing for 60 s (here in ms) is dead.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}

_log = Logger()


@implementer(IClient, IHalfCloseableProtocol)
class Connection(Protocol, ABC):
    """A client's connection: a subclass adds the dialect (`dataReceived`, `deliver`)."""

    #: The name of the dialect, as operators see it.
    gateway = ""
    #: Seconds until the connection must have a name.
    opening_seconds = 10.0
    transport: ITransport
    factory: ChatFactory

    def __init__(self, router: Router) -> None:
        self.router = router
        self.session: Session | None = None
        self.closed = False

    def connectionMade(self) -> None:
        """The clock for the name starts."""
        self.factory.connections.add(self)
        self.address = address_of(self.transport.getPeer())
        self.outbox = Outbox(self.transport, self.router.clock, self.factory.turn, self.factory.pace, self._overflowed)
        if ITCPTransport.providedBy(self.transport) and not isinstance(self.transport.getPeer(), UNIXAddress):
            self.transport.setTcpNoDelay(True)  # packets are collected here; waiting for more would only be late
            _notice_the_vanished(self.transport)
        self._opening: Call = self.router.clock.callLater(self.opening_seconds, self._too_slow)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The far end is gone, or we closed: the name is free."""
        self.closed = True
        self.factory.connections.discard(self)
        self.outbox.gone()
        self._opened()
        self.leave(reason.getErrorMessage())
        self.factory.check_drained()

    def readConnectionLost(self) -> None:
        """The far end will send nothing more, but may read what it is still owed (`nc -N`)."""
        self.inputEnded()
        self.leave("hung up")
        self.closed = True
        self._opened()
        self.outbox.heard_out()

    def writeConnectionLost(self) -> None:
        """Our last words are written. The connection ends when the far end does, or at the outbox's deadline."""
        self.outbox.written_out()

    def inputEnded(self) -> None:
        """A dialect in which silence means something learns here that there is nothing but silence."""

    def leave(self, why: str) -> None:
        """The session, if there is one, is over; its name is free at once."""
        if self.session is not None:
            self.router.leave(self.session, why)

    def open(self, name: str) -> Session:
        """Ask for a name, and so for a session; raises `BadName` or `NameTaken`."""
        self.session = self.router.open(name, self, self.address, self.gateway)
        self._opened()
        return self.session

    def refuse(self, error: ChatError) -> None:
        """Turn away a connection that has no name."""
        why = visible(str(error), 200)
        _log.info("refused {ip} ({gateway}): {code} {why}", ip=self.address, gateway=self.gateway, code=error.code, why=why)
        self.deliver(ServerPacket(SERVER, "Guest", str(error)))
        self.disconnect()

    @abstractmethod
    def deliver(self, packet: ServerPacket) -> None:
        """Show a packet in this dialect."""

    def disconnect(self) -> None:
        """Close, once what was delivered is written."""
        self.closed = True
        self._opened()
        self.outbox.close()

    def goodbye(self) -> None:
        """The server ends."""
        if self.session is not None:
            self.router.close(self.session, "RELOAD", "The server is shutting down. Goodbye!", why="shut down")
        self.disconnect()

    def _opened(self) -> None:
        if self._opening.active():
            self._opening.cancel()

    def _too_slow(self) -> None:
        self.refuse(Idle(f"No name came within {self.opening_seconds:.0f} seconds. Connect again, and send your name first."))

    def _overflowed(self) -> None:
        self.closed = True
        self.leave(f"did not read: more than {MAX_WAITING} bytes waited")


class ChatFactory(Factory):
    """Makes the connections of one gateway, all with the same router, and sees them off at the end."""

    noisy = False

    def __init__(self, protocol: type[Connection], router: Router) -> None:
        self._protocol = protocol
        self.router = router
        #: All that are open, named or not.
        self.connections: set[Connection] = set()
        self.turn = Tick(router.clock, 0)
        self.pace = Tick(router.clock, PACE_SECONDS)
        self._drained: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """A connection for a new client."""
        connection = self._protocol(self.router)
        connection.factory = self
        return connection

    async def drain(self) -> None:
        """Say goodbye to every client and wait until they are gone: those that read for what waits, others 3 seconds."""
        if not self.connections:
            return
        self._drained = Deferred()
        clock = self.router.clock
        calls = [clock.callLater(HURRY_SECONDS, self._hurry), clock.callLater(GRACE_SECONDS, self._end)]
        for connection in tuple(self.connections):
            connection.goodbye()
        await self._drained
        for call in calls:
            if call.active():
                call.cancel()

    def check_drained(self) -> None:
        """A connection is gone: perhaps it was the last that `drain` waits for."""
        if self._drained is not None and not self.connections and not self._drained.called:
            self._drained.callback(None)

    def _hurry(self) -> None:
        for connection in tuple(self.connections):
            connection.outbox.flush()

    def _end(self) -> None:
        for connection in tuple(self.connections):
            connection.outbox.end()


def _notice_the_vanished(transport: ITransport) -> None:
    """A machine that lost its power or its cable says nothing; it is given up, and its name is free, after 75 seconds."""
    transport.setTcpKeepAlive(True)
    handle = transport.getHandle()
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # Linux has them all
            handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def address_of(peer: IAddress) -> str:
    """The address of a connection as it is stamped: IPv4 where it is that in an IPv6 socket; loopback for a UNIX socket."""
    host = getattr(peer, "host", "127.0.0.1")
    try:
        mapped = getattr(ipaddress.ip_address(host), "ipv4_mapped", None)
    except ValueError:
        return str(host)
    return str(mapped or host)
