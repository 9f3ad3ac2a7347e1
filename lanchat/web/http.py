"""HTTP/1.1 (RFC 9112) for operators and their programs: one request per connection, bounded in bytes and time.

Nothing of a request is sent back or logged; the answer depends only on the path and the form that is asked for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http

from lanchat.net import sockets
from lanchat.net.http import BoundedChannel, BoundedRequest
from lanchat.protocol.interfaces import Clock, DelayedCall
from lanchat.web.pages import Pages, Response

#: Seconds from the opening of a connection until the answer must have been read; then it is cut off.
TIMEOUT_SECONDS = 10.0
#: Connections at the same time. One more cuts off the oldest, so that slow clients can't keep others out.
MAX_CONNECTIONS = 16
#: Headers of every answer: it must not be stored, and its type must not be guessed.
_COMMON_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Connection": "close"}

_log = Logger("lanchat.web.door")


class Request(BoundedRequest):
    """One request and its answer."""

    def process(self) -> None:
        """Answer the request with a page for operators, or with what is wrong with it (`Pages.answer` may take seconds)."""
        task = Deferred.fromCoroutine(self._respond())
        task.addCallbacks(self._answer, self._failed)

    async def _respond(self) -> Response:
        if self.method not in (b"GET", b"HEAD"):
            return Response(405, "GET and HEAD only", headers={"Allow": "GET, HEAD"})
        if not self._is_for_this_host():
            return Response(421, "ask for localhost")
        accept = ",".join(self.values(b"Accept"))
        answer: Response = await self.channel.factory.pages.answer(self.path, accept)
        return answer

    def _is_for_this_host(self) -> bool:
        """Whether the Host header names this machine, if the connection came over loopback.

        Otherwise a web page could let its own name lead to 127.0.0.1, and read the answer through a browser on this machine.
        """
        host = self.channel.transport.getHost()
        if not isinstance(host, (IPv4Address, IPv6Address)) or not _is_loopback(sockets.address_of(host)):
            return True
        return all(_is_loopback(_without_port(name)) for name in self.values(b"Host"))

    def _answer(self, answer: Response) -> None:
        body = answer.body if isinstance(answer.body, bytes) else f"{answer.body}\n".encode()
        self.respond(answer.code, body, {**_COMMON_HEADERS, "Content-Type": answer.content_type, **answer.headers})

    def _failed(self, failure: Failure) -> None:
        _log.failure("a page for operators could not be made", failure)
        self._answer(Response(500, "internal server error; see the log"))


class Channel(BoundedChannel):
    """A connection, for one request."""

    factory: WebFactory
    requestFactory = Request  # noqa: N815 (Twisted names it)

    def connectionMade(self) -> None:
        """Start the timeout of the connection."""
        super().connectionMade()
        self._end = self.factory.clock.callLater(TIMEOUT_SECONDS, self.cut_off)
        self.factory.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the connection, and cancel its timeout."""
        self.factory.connections.pop(self, None)
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """Always False: each request has its own connection, and so its own timeout."""
        return False

    def rawDataReceived(self, data: bytes) -> None:
        """Ignore what follows the headers."""

    def call_later(self, seconds: float, call: Callable[[], object]) -> DelayedCall:
        """Call a function in so many seconds."""
        return self.factory.clock.callLater(seconds, call)

    def cut_off(self) -> None:
        """Abort the connection: it took too long, or is the oldest of too many."""
        self.transport.abortConnection()


class WebFactory(Factory):
    """The factory of HTTP connections."""

    noisy = False

    def __init__(self, pages: Pages, clock: Clock, allows: Callable[[str], bool]) -> None:
        """`allows` returns whether an address may connect."""
        self.pages = pages
        self.clock = clock
        self._allows = allows
        #: Open connections, the oldest first.
        self.connections: dict[Channel, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> Channel | None:  # type: ignore[override]  # None closes, as in Factory
        """A connection; None, which closes it, for an address that may not connect."""
        if addr is not None and not self._allows(sockets.address_of(addr)):
            return None
        channel = Channel()
        channel.factory = self
        return channel

    def opened(self, channel: Channel) -> None:
        """Register a new connection. If that makes more than `MAX_CONNECTIONS`, the oldest is cut off."""
        self.connections[channel] = None
        if len(self.connections) > MAX_CONNECTIONS:
            oldest = next(iter(self.connections))
            del self.connections[oldest]
            oldest.cut_off()

    def log(self, request: http.Request) -> None:
        """Log nothing, where Twisted logs each request: one may come every few seconds for years."""

    async def drain(self) -> None:
        """Cut off all connections, as the server stops."""
        for channel in tuple(self.connections):
            channel.cut_off()


def _without_port(host: str) -> str:
    """The host in a Host header (RFC 9110, 7.2)."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
