"""Connection: bytes between the conversation and the server; how it is made, bounded, and made again."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet import error
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress, IPushProducer, IStreamClientEndpoint, ITCPTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.client.interfaces import NOT_DELIVERED, UNREACHABLE, Face, Link
from lanchat.client.keyring import PLAIN, Keyring
from lanchat.client.other_servers import begins_well, met
from lanchat.client.session import PATIENCE, ClientSession
from lanchat.client.tls import TLSEndpoint, Trust
from lanchat.protocol.packet import MAX_PACKET

#: Bytes of a line from the server; nothing it sends is longer.
MAX_LINE = 2 * MAX_PACKET
#: Seconds of silence until the far end is asked whether it is there, between questions, and until it counts as gone.
KEEP_IDLE, KEEP_BETWEEN, GONE = 30, 10, 60

#: Seconds that closing may take.
CLOSE_SECONDS = 1.0

#: Seconds between attempts: half a second and growing to half a minute, with a second of chance added.
retry = backoffPolicy(initialDelay=0.5, maxDelay=30.0)


class ChatConnection(LineOnlyReceiver):
    """One connection to the server."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE
    transport: Any

    def __init__(self, factory: ChatFactory) -> None:
        self.full = False
        self._factory = factory
        self._first: bytes | None = b""  # of what came, until it has shown who is there
        self._conversation = factory.conversation

    def connectionMade(self) -> None:
        """Watch for a full buffer and for a dead far end, and begin."""
        self.transport.registerProducer(self, True)
        tcp = getattr(self.transport, "transport", self.transport)  # TLS is on top of one
        if ITCPTransport.providedBy(tcp):
            _keep_alive(tcp)
        self._factory.connected(self)
        self._conversation.opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes came: packets, or what another kind of server sends first."""
        if self._first is not None:
            self._first += data
            if begins_well(self._first):
                self._first = None
            elif what := met(self._first):
                self._conversation.comeback.misplaced(what)
                return
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """One packet."""
        self._conversation.received(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """No server of ours does that."""
        self._conversation.end(NOT_DELIVERED, f"the server sent a line of more than {MAX_LINE} bytes")
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._factory.disconnected(self)
        if self._first and (what := met(self._first, ended=True)):
            self._conversation.comeback.misplaced(what)
        self._conversation.lost(reason.getErrorMessage())

    @property
    def proof(self) -> str:
        """How the far end is known; "" where others may read what is written."""
        return self._factory.proof(self.transport.getPeer())

    def write(self, data: bytes) -> None:
        """Write these bytes."""
        self.transport.write(data)

    def abort(self) -> None:
        """Close at once."""
        self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """The buffer is full: what is said waits in the conversation, which knows what it has written."""
        self.full = True

    def resumeProducing(self) -> None:
        """The buffer is empty."""
        self.full = False
        self._conversation.flush()

    def stopProducing(self) -> None:
        """The connection ends; `connectionLost` follows."""
        self.full = True


@implementer(IPushProducer)
class ChatFactory(Factory):
    """Makes the connections of one conversation, one after another; a face that can't keep up may pause what comes in."""

    noisy = False

    def __init__(self, conversation: ClientSession, proof: Callable[[IAddress], str]) -> None:
        """`proof` tells how whoever is at this address is known; "" where others may read what is written."""
        self.conversation = conversation
        self.proof = proof
        self._connection: ChatConnection | None = None
        #: Whether nothing more is to come for now.
        self.paused = False

    def buildProtocol(self, addr: IAddress | None) -> ChatConnection:
        """The next connection."""
        return ChatConnection(self)

    def connected(self, connection: ChatConnection) -> None:
        """A connection is there."""
        self._connection = connection
        if self.paused:
            connection.transport.pauseProducing()

    def disconnected(self, connection: ChatConnection) -> None:
        """It is gone."""
        self._connection = None

    def release(self) -> None:
        """The connection is about to be closed, which over TLS waits for a producer."""
        if self._connection is not None:
            self._connection.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Read no more from the server for now."""
        self.paused = True
        if self._connection is not None:
            self._connection.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read on."""
        self.paused = False
        if self._connection is not None:
            self._connection.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Nobody reads what comes in any more; the face ends the conversation."""
        self.pauseProducing()


class Client:
    """A conversation and the service that connects it, again and again."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        reactor: Any,
        name: str,
        server: tuple[str, int],
        face: Face,
        patience: float = PATIENCE,
        trust: Trust | None = None,
        keyring: Keyring | None = None,
        device: str = "",
        plaintext: bool = False,
        insists: bool = False,
    ) -> None:
        """With `trust` the connections are TLS, to servers that it believes; `plaintext`: passwords may go without TLS.

        With `insists` the first connection is tried again as well, for as long as the `patience` lasts.
        """
        self.conversation = ClientSession(name, reactor, face, retry, patience, keyring, device, insists)
        self.factory = ChatFactory(self.conversation, partial(_proof, trust, plaintext))
        self.reactor = reactor
        host, port = server
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, host, port, timeout=10)
        if trust is not None:
            endpoint = TLSEndpoint(reactor, endpoint, trust, face.notice, self._distrusted)
        self._service = ClientService(endpoint, self.factory, self.conversation.pause, clock=reactor)

    def start(self) -> None:
        """Connect; when the first attempt fails, that may be the end."""
        self._service.startService()
        self._watch()

    async def stop(self) -> None:
        """Close the connection, once what was written is sent; a server that reads nothing is not waited for."""
        self.conversation.reading.acknowledge()
        self.factory.release()
        await self._service.stopService().addTimeout(CLOSE_SECONDS, self.reactor, lambda result, seconds: None)

    def _watch(self) -> None:
        """Learn of the next attempt that fails, until there was a connection."""
        if self.conversation.link is not Link.ENDED:
            self._service.whenConnected(failAfterFailures=1).addErrback(self._unreachable)

    def _unreachable(self, failure: Failure) -> None:
        passes = failure.check(error.ConnectionRefusedError) is not None
        self.conversation.comeback.unreachable(
            f"can't connect to {self._where}: {failure.getErrorMessage().rstrip('.')}", passes
        )
        self.reactor.callLater(0, self._watch)  # (the service can't be asked while it tells of a failure)

    def _distrusted(self, why: str) -> None:
        """However long all went well before: that server is not talked to, and not tried again."""
        self.conversation.end(UNREACHABLE, f"{self._where} is not trusted: {why}")


def _proof(trust: Trust | None, plaintext: bool, peer: IAddress) -> str:
    """How a server is known, beyond all that the network says."""
    if trust is not None:
        return trust.proof
    address = ip_address(getattr(peer, "host", "0.0.0.0").partition("%")[0])  # noqa: S104 (it stands for any)
    address = getattr(address, "ipv4_mapped", None) or address
    return PLAIN if plaintext or address.is_loopback else ""


def _keep_alive(transport: Any) -> None:
    """Have the system notice a far end that vanished without a word."""
    transport.setTcpNoDelay(True)
    transport.setTcpKeepAlive(True)
    options = {"TCP_KEEPIDLE": KEEP_IDLE, "TCP_KEEPINTVL": KEEP_BETWEEN, "TCP_USER_TIMEOUT": GONE * 1000}
    for option, value in options.items():
        if hasattr(socket, option):
            transport.getHandle().setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
