"""The TCP or TLS connection under a client session: how it is made, bounded, watched, and made again."""

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

from lanchat.client.credentials import PLAIN, Credentials
from lanchat.client.interfaces import NOT_DELIVERED, UNREACHABLE, ConnectionState, UserInterface
from lanchat.client.link_local import ServerAddress
from lanchat.client.other_servers import identify, is_packet
from lanchat.client.session import DEFAULT_TIMEOUT, ClientSession
from lanchat.client.tls import ServerVerifier, TLSEndpoint
from lanchat.protocol.packet import MAX_PACKET

#: The longest line in bytes that a server may send. lanchat's lines are never longer.
MAX_LINE = 2 * MAX_PACKET
#: TCP keepalive, in seconds: silence before the first probe, time between probes, and time until the connection counts as lost.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT = 30, 10, 60

#: Seconds that closing a connection may take.
CLOSE_SECONDS = 1.0

#: Seconds between two attempts to connect: 0.5, growing to 30, plus up to a second at random.
retry_policy = backoffPolicy(initialDelay=0.5, maxDelay=30.0)


class ChatConnection(LineOnlyReceiver):
    """One connection to the server. It passes each line to the session."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE
    transport: Any

    def __init__(self, factory: ChatFactory) -> None:
        self.full = False
        self._factory = factory
        self._first_bytes: bytes | None = b""  # the first bytes that came; None once they were seen to begin a packet
        self._session = factory.session

    def connectionMade(self) -> None:
        """Begin: register as a producer, turn TCP keepalive on, and tell the session."""
        self.transport.registerProducer(self, True)
        tcp = getattr(self.transport, "transport", self.transport)  # a TLS transport has a TCP transport below it
        if ITCPTransport.providedBy(tcp):
            _keep_alive(tcp)
        self._factory.connected(self)
        self._session.connected(self)

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the server. The first of them show whether it is a lanchat server."""
        if self._first_bytes is not None:
            self._first_bytes += data
            if is_packet(self._first_bytes):
                self._first_bytes = None
            elif other := identify(self._first_bytes):
                self._session.reconnector.wrong_server(other)
                return
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """Pass one packet, without its newline, to the session."""
        self._session.line_received(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """End the session: no lanchat server sends a line of more than `MAX_LINE` bytes."""
        self._session.end(NOT_DELIVERED, f"the server sent a line of more than {MAX_LINE} bytes")
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the session that the connection has ended, and of another kind of server if it sent anything."""
        self._factory.disconnected(self)
        if self._first_bytes and (other := identify(self._first_bytes, ended=True)):
            self._session.reconnector.wrong_server(other)
        self._session.disconnected(reason.getErrorMessage())

    @property
    def identity(self) -> str:
        """How the server is known: "verified", its key's fingerprint, or "plain"; "" where others may read passwords."""
        return self._factory.identity(self.transport.getPeer())

    def write(self, data: bytes) -> None:
        """Write bytes; the transport buffers what the network does not take at once."""
        self.transport.write(data)

    def abort(self) -> None:
        """Close the connection at once and drop what was not written."""
        self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """Note that the transport's buffer is full: the session then keeps its messages until there is room."""
        self.full = True

    def resumeProducing(self) -> None:
        """Note that the buffer has room again, and let the session write."""
        self.full = False
        self._session.flush()

    def stopProducing(self) -> None:
        """Note that nothing can be written any more; `connectionLost` follows."""
        self.full = True


@implementer(IPushProducer)
class ChatFactory(Factory):
    """Makes the connections of one session, one after another. A user interface that can't keep up may pause reading."""

    noisy = False

    def __init__(self, session: ClientSession, identity: Callable[[IAddress], str]) -> None:
        """`identity` returns how the server at an address is known; "" where others may read passwords."""
        self.session = session
        self.identity = identity
        self._connection: ChatConnection | None = None
        #: Whether reading from the server is paused.
        self.paused = False

    def buildProtocol(self, addr: IAddress | None) -> ChatConnection:
        """Make the protocol for the next connection."""
        return ChatConnection(self)

    @property
    def peer(self) -> str:
        """The address of the machine that the connection is with; "" if there is none."""
        return getattr(self._connection.transport.getPeer(), "host", "") if self._connection is not None else ""

    def connected(self, connection: ChatConnection) -> None:
        """Note the connection that is open now, and pause it if reading is paused."""
        self._connection = connection
        if self.paused:
            connection.transport.pauseProducing()

    def disconnected(self, connection: ChatConnection) -> None:
        """Note that the connection has ended."""
        self._connection = None

    def prepare_close(self) -> None:
        """Unregister the producer: a TLS connection with one would wait for it before it closes."""
        if self._connection is not None:
            self._connection.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Stop reading from the server until `resumeProducing`."""
        self.paused = True
        if self._connection is not None:
            self._connection.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read from the server again."""
        self.paused = False
        if self._connection is not None:
            self._connection.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Stop reading for good: nothing takes the output any more, so the user interface ends the session."""
        self.pauseProducing()


class Client:
    """A session, and the Twisted service that connects it again and again."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        reactor: Any,
        name: str,
        server: ServerAddress,
        ui: UserInterface,
        timeout: float = DEFAULT_TIMEOUT,
        verifier: ServerVerifier | None = None,
        credentials: Credentials | None = None,
        device: str = "",
        plaintext: bool = False,
        wait_for_server: bool = False,
    ) -> None:
        """With a `verifier` connections are TLS. `plaintext` lets passwords go over connections that others may read.

        With `wait_for_server` even the first connection is tried again, until `timeout` seconds have passed.
        """
        self.session = ClientSession(name, reactor, ui, retry_policy, timeout, credentials, device, wait_for_server)
        self.factory = ChatFactory(self.session, partial(_identity, verifier, plaintext))
        self.reactor = reactor
        host, port = server
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, host, port, timeout=10)
        if verifier is not None:
            endpoint = TLSEndpoint(reactor, endpoint, verifier, ui.notice, self._untrusted)
        self._service = ClientService(endpoint, self.factory, self.session.retry_delay, clock=reactor)

    def start(self) -> None:
        """Start to connect. If the first attempt fails, that may end the session."""
        self._service.startService()
        self._watch_failures()

    async def stop(self) -> None:
        """Send what was written, then close the connection; a server that does not read gets `CLOSE_SECONDS`."""
        self.session.log_sync.acknowledge()
        self.factory.prepare_close()
        await self._service.stopService().addTimeout(CLOSE_SECONDS, self.reactor, lambda result, seconds: None)

    def _watch_failures(self) -> None:
        """Be told when the next attempt to connect fails, until one has succeeded."""
        if self.session.state is not ConnectionState.ENDED:
            self._service.whenConnected(failAfterFailures=1).addErrback(self._unreachable)

    def _unreachable(self, failure: Failure) -> None:
        temporary = failure.check(error.ConnectionRefusedError) is not None
        self.session.reconnector.unreachable(
            f"can't connect to {self._address}: {failure.getErrorMessage().rstrip('.')}", temporary
        )
        self.reactor.callLater(0, self._watch_failures)  # (the service can't be asked again while it reports a failure)

    def _untrusted(self, why: str) -> None:
        """End the session: a server that is not trusted is not tried again, however well earlier connections went."""
        self.session.end(UNREACHABLE, f"{self._address} is not trusted: {why}")


def _identity(verifier: ServerVerifier | None, plaintext: bool, peer: IAddress) -> str:
    """How a server is known: by TLS, or because the connection stays on this machine or `plaintext` allows passwords anyway."""
    if verifier is not None:
        return verifier.identity
    address = ip_address(getattr(peer, "host", "0.0.0.0").partition("%")[0])  # noqa: S104 (without a peer, an address that is not loopback)
    address = getattr(address, "ipv4_mapped", None) or address
    return PLAIN if plaintext or address.is_loopback else ""


def _keep_alive(transport: Any) -> None:
    """Let the system notice a server that vanished without closing the connection."""
    transport.setTcpNoDelay(True)
    transport.setTcpKeepAlive(True)
    options = {
        "TCP_KEEPIDLE": KEEPALIVE_IDLE,
        "TCP_KEEPINTVL": KEEPALIVE_INTERVAL,
        "TCP_USER_TIMEOUT": 1000 * KEEPALIVE_TIMEOUT,
    }
    for option, value in options.items():
        if hasattr(socket, option):
            transport.getHandle().setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
