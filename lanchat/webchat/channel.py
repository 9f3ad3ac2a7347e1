"""The connections of browsers before they become WebSockets: counted, bounded in time, and handed over exactly once.

A connection is counted by the admission like any other client's. When it becomes a WebSocket, or a stream, it is handed to the
gateway for those (lanchat/gateways/websocket.py and stream.py) and stays counted; that gateway notes its end.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web import http
from websockets.http11 import Response
from zope.interface import implementer

from lanchat.gateways import other_protocols
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.websocket_connection import WebSocketConnection
from lanchat.net import sockets
from lanchat.net.addresses import limit_key
from lanchat.net.http import LINGER_BYTES, Body, BoundedChannel, Refusal
from lanchat.protocol.errors import ChatError
from lanchat.protocol.interfaces import DelayedCall
from lanchat.protocol.limits import Buckets
from lanchat.protocol.packet import SERVER, ServerPacket
from lanchat.webchat.http import Request
from lanchat.webchat.resources import LongBody, Resource
from lanchat.webchat.site import Site

#: Seconds for one request: from the opening of the connection, or the end of the answer before, until the next one is answered;
#: and seconds after that until the connection is cut off.
REQUEST_SECONDS, CLOSE_SECONDS = 10.0, 5.0
#: The most requests on one connection, and the bytes that may come over the network for one of them, and as many times the
#: size of its body (for TLS, whose records may be small).
MAX_REQUESTS, MAX_TAKEN, MAX_TIMES = 100, 65_536, 4
#: A body that may take long has to come at this pace: so many bytes, or the rest, within the seconds that are allowed without.
PACE_BYTES = 16_384
#: Bytes of one read of such a body: without TLS; with TLS, whose records may be small; and if the body is in chunks, which may
#: be small, too, and cost more. If many files come at the same time, less is read of each, as others wait meanwhile.
READ_SIZE, TLS_READ_SIZE, CHUNKED_READ_SIZE = 262_144, 32_768, 16_384


@implementer(IHalfCloseableProtocol)
class Channel(BoundedChannel):
    """A connection, for several requests one after another, or for one that makes it a WebSocket."""

    factory: WebchatFactory
    requestFactory = Request  # noqa: N815 (Twisted names it)
    #: Why the connection is one too many; it is told so when it asks for something.
    refusal: ChatError | None = None
    #: The bytes that were read (see `networkReceived`).
    taken = 0
    _requests = _network_bytes = 0
    #: What the connection was handed over to (`hand_over`).
    _successor: Connection | None = None
    #: For how many seconds no byte may come of the body that comes now; None if the request as a whole has a deadline.
    _idle_seconds: float | None = None
    _since_reset = 0  # bytes of the body since its deadline was set
    _most_network = MAX_TAKEN
    _after_body: Sequence[Callable[[], None]] = ()  # what ends that much is read at once

    def connectionMade(self) -> None:
        """Count the connection, and start its timeout. One that is one too many is closed, unless it may ask first."""
        super().connectionMade()
        self.factory.channels.add(self)
        self._end = self.factory.clock.callLater(REQUEST_SECONDS, self._timed_out)
        self._count(sockets.address_of(self.transport.getPeer()))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the connection, and cancel its timeout."""
        self._forget()
        self.factory.admission.release(self._address)
        super().connectionLost(reason)
        self.requests.clear()  # (each refers to us, and we to it)

    @property
    def limit_key(self) -> str:
        """The key under which limits count the address."""
        return limit_key(self._address)

    def note_address(self) -> None:
        """Count the connection at its own address, if a proxy before the server has told that since (PROXY protocol)."""
        address = sockets.address_of(self.transport.getPeer())
        if address == self._address:
            return
        self.factory.admission.release(self._address)
        self._count(address)
        if not self.factory.admission.allows(address):
            self.reject(b"403 Forbidden")

    def _count(self, address: str) -> None:
        self._address = address
        self.refusal = self.factory.admission.admit(address)
        if self.refusal is not None and not self.factory.websockets.lets_linger(self):
            self.closing = True
            self.transport.abortConnection()

    def _forget(self) -> None:
        self.factory.channels.discard(self)
        self.factory.websockets.lingering.discard(self)
        if self._end.active():
            self._end.cancel()

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """Whether another request may follow on this connection; if not, the answer says so."""
        self._requests += 1
        if super().checkPersistence(request, version) and self._requests < MAX_REQUESTS and self.refusal is None:
            return True
        request.setHeader(b"Connection", b"close")
        return False

    def take_body(self, request: Request, length: int | None) -> Body:
        """What takes the body of a request, and starts the deadline for it. Raises `Refusal`."""
        self.note_address()
        if self.closing or self.refusal is not None:
            raise Refusal(503, str(self.refusal or "The connection is being closed."))
        resource, _ = request.find_resource()
        if resource is None:
            return super().take_body(request, length)
        body = resource.take_body(request, length)
        if isinstance(body, LongBody):
            self._begin_long(body, length)
        return body

    def _begin_long(self, body: LongBody, length: int | None) -> None:
        """Give a body the time that it needs, and read much of it at once."""
        self._most_network = MAX_TAKEN + MAX_TIMES * body.most
        coming = sum(channel._idle_seconds is not None for channel in self.factory.channels)  # noqa: SLF001 (our own class)
        size = max(READ_SIZE // (coming + 1), CHUNKED_READ_SIZE) if length is not None else CHUNKED_READ_SIZE
        self._after_body = [sockets.set_read_size(self.transport, size, TLS_READ_SIZE)]
        if length is not None and length > READ_SIZE:
            self._after_body.append(sockets.widen(self.transport, socket.SO_RCVBUF))
        self._idle_seconds = body.idle_seconds
        self.extend(body.idle_seconds)

    def body_received(self, size: int) -> None:
        """Note that so many bytes came of a body; the deadline of one that may take long begins anew if that is its pace."""
        self._since_reset += size
        if self._idle_seconds is not None and self._since_reset >= PACE_BYTES:
            self.extend(self._idle_seconds)

    def extend(self, seconds: float) -> None:
        """Give the request so many seconds from now, as it makes progress."""
        self._since_reset = 0
        if self._end.active() and not self.closing:
            self._end.reset(seconds)

    def requestDone(self, request: http.Request) -> None:
        """Wait for the next request."""
        self._network_bytes, self._idle_seconds, self._most_network = 0, None, MAX_TAKEN
        for undo in self._after_body:
            undo()
        self._after_body = ()
        if self._end.active() and not self.closing:
            self._end.cancel()
            self._end = self.factory.clock.callLater(REQUEST_SECONDS, self._timed_out)
        super().requestDone(request)

    def rawDataReceived(self, data: bytes) -> None:
        """Keep what came behind the request: for what the connection was handed over to, or else for the next request."""
        if self._successor is None:
            super().rawDataReceived(data)
        else:
            self._successor.dataReceived(data)

    def become_websocket(self, response: Response, gateway: ChatFactory) -> None:
        """Answer with this response, and hand the connection to a gateway for WebSockets."""
        websocket = gateway.buildProtocol(None)
        assert isinstance(websocket, WebSocketConnection)  # noqa: S101 (it makes no others, and refuses by address only)
        websocket.subprotocol = response.headers.get("Sec-WebSocket-Protocol", "")
        self.hand_over(websocket, response.serialize())

    def hand_over(self, successor: Connection, head: bytes = b"") -> None:
        """Hand the connection to a protocol that goes on with it, after these last bytes of an answer. It stays counted."""
        self._forget()
        self.closing = True  # (it is no HTTP any more)
        self._successor, transport = successor, self.transport
        transport.unregisterProducer()
        self.requests.clear()  # (as in `connectionLost`)
        if head:
            transport.write(head)
        if isinstance(transport, ProtocolWrapper):  # TLS, or a proxy's header
            transport.wrappedProtocol = successor
        else:
            transport.protocol = successor
        successor.makeConnection(transport)
        if self.refusal is not None:
            successor.refuse_excess(self.refusal)
        elif self._dataBuffer:  # it came while the request waited
            transport.resumeProducing()
            successor.dataReceived(b"".join(self._dataBuffer))

    def refuse_protocol(self) -> None:
        """Tell what is no HTTP which port this is: in a packet, which programs understand, and people can read."""
        self.transport.write(ServerPacket(SERVER, "Guest", other_protocols.BROWSERS_ONLY).line)
        self.loseConnection()

    def networkReceived(self, cost: int) -> None:
        """Charge what came from the network for a request, also what has no content, such as empty records of TLS."""
        self._network_bytes += cost
        if self._network_bytes > (LINGER_BYTES if self.closing else self._most_network):
            self.transport.abortConnection()

    def readConnectionLost(self) -> None:
        """Close when all is answered, as the browser has closed its side."""
        self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: our side is closed, and the browser closes the rest (TLS only)."""

    def _timed_out(self) -> None:
        """Close the connection, and cut it off if it is still there a while later. What is still being sent is refused."""
        self._end = self.factory.clock.callLater(CLOSE_SECONDS, self.transport.abortConnection)
        request = self.requests[-1] if self.requests else None
        if request is not None and request.body is not None and not request.complete:
            self.factory.websockets.router.chat.limits.met["upload-idle"] += self._idle_seconds is not None
            self.refuse(request, Refusal(408, "Too little came for too long, so the rest is not waited for. Send it again."))
        else:
            self.loseConnection()

    def call_later(self, seconds: float, call: Callable[[], object]) -> DelayedCall:
        """Call a function in so many seconds."""
        return self.factory.clock.callLater(seconds, call)


class WebchatFactory(Factory):
    """The factory of the connections of browsers, for all ports of `--http`, or all of `--https`."""

    noisy = False

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        site: Site,
        websockets: ChatFactory,
        requests: Buckets,
        irc: ChatFactory | None = None,
        resources: Sequence[Resource] = (),
        others: Sequence[ChatFactory] = (),
    ) -> None:
        """`requests` are those that each address may make; `resources` answer those that are not for the page.

        `websockets` makes the connections that requests turn into, and `irc` those for IRC clients, if these may come here.
        `others` make those that `resources` hand connections over to.
        """
        self.site = site
        self.requests = requests
        self.websockets = websockets
        self.irc = irc
        self.resources = resources
        self.others = others
        self.admission = websockets.admission
        self.clock = websockets.router.chat.clock
        #: Open connections that were not handed over.
        self.channels: set[Channel] = set()

    def buildProtocol(self, addr: IAddress | None) -> Channel | None:  # type: ignore[override]  # None closes, as in Factory
        """A connection; None, which closes it, for an address that may not connect."""
        if addr is not None and not self.admission.allows(sockets.address_of(addr)):
            return None
        channel = Channel()
        channel.factory = self
        return channel

    def log(self, request: http.Request) -> None:
        """Log nothing, where Twisted logs each request: what matters is logged when somebody has a name."""

    async def drain(self) -> None:
        """Close all connections, those that were handed over with a goodbye, and wait until these have ended."""
        for channel in tuple(self.channels):
            channel.loseConnection()
        gateways = [self.websockets, *self.others, *([] if self.irc is None else [self.irc])]
        await gatherResults([Deferred.fromCoroutine(gateway.drain()) for gateway in gateways])
