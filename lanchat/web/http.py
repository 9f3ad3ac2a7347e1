"""Door: HTTP/1.1 (RFC 9112) on a port for operators and their programs. One request a connection, bounded in all it may take.

Nothing of a request is sent back or logged: there is nothing in it that the answer depends on but which page, and which form.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http

from lanchat.net import sockets
from lanchat.protocol.interfaces import Clock
from lanchat.web.pages import Answer, Pages

#: Seconds from when a connection opens until the answer is read; then it is cut off.
SECONDS = 10.0
#: Connections at a time. One more cuts off the oldest: who is slow on purpose keeps nobody else out.
MOST = 16
#: Bytes and lines of a request; there is no body.
MAX_BYTES, MAX_HEADERS = 8192, 64
#: What each answer says: it is not kept, and is what it says it is.
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Connection": "close"}
#: What Twisted has no words for (RFC 9110, 15.5.20).
_REASONS = {421: b"Misdirected Request"}

#: How a request begins, if it begins with whole words: with a method, and a blank (RFC 9112, 2.2 and 3).
_BEGINNING = re.compile(rb"(?:\r\n)*[A-Za-z-]*(?: |\r?\Z)")

_log = Logger("lanchat.web.door")


class Request(http.Request):
    """One request, and the answer to it."""

    channel: Any  # (a `Channel`, until that is gone)

    def process(self) -> None:
        """Find the answer; RFC 9112, 2.3 has us say our own version of HTTP, whatever theirs is."""
        self.clientproto = b"HTTP/1.1"
        task = Deferred.fromCoroutine(self._ask())
        task.addCallbacks(self._answer, self._failed)

    async def _ask(self) -> Answer:
        if self.method not in (b"GET", b"HEAD"):
            return Answer(405, "GET and HEAD only", headers={"Allow": "GET, HEAD"})
        if not self._asks_for_us():
            return Answer(421, "ask for localhost")
        accept = ",".join(self._said(b"Accept"))
        answer: Answer = await self.channel.factory.pages.answer(self.path, accept)
        return answer

    def _said(self, header: bytes) -> list[str]:
        """What a header has, as often as it is there: any bytes, which need be no UTF-8 (RFC 9110, 5.5)."""
        return [value.decode("latin-1") for value in self.requestHeaders.getRawHeaders(header, [])]

    def _asks_for_us(self) -> bool:
        """Whether no other name than ours was asked for, on loopback.

        A page of somebody's may have its own name lead to 127.0.0.1, and a browser here would let it read what we answer.
        """
        host = self.channel.transport.getHost()
        if not isinstance(host, (IPv4Address, IPv6Address)) or not _is_loopback(sockets.address_of(host)):
            return True
        return all(_is_loopback(_without_port(name)) for name in self._said(b"Host"))

    def _answer(self, answer: Answer) -> None:
        if self.channel is None:
            return  # nobody reads it any more
        self.setResponseCode(answer.code, _REASONS.get(answer.code))
        body = answer.body if isinstance(answer.body, bytes) else f"{answer.body}\n".encode()
        told = {"Content-Type": answer.kind, "Content-Length": str(len(body)), "Date": http.datetimeToString().decode()}
        for name, value in {**_ALWAYS, **told, **answer.headers}.items():
            self.setHeader(name, value)
        self.write(body)
        self.finish()

    def _failed(self, failure: Failure) -> None:
        _log.failure("a page for operators could not be made", failure)
        self._answer(Answer(500, "the server made a mistake; it is in the log"))


class Channel(http.HTTPChannel):
    """A connection, for one request."""

    factory: WebFactory
    transport: Any
    requestFactory = Request  # noqa: N815 (Twisted names it)
    totalHeadersSize, maxHeaders = MAX_BYTES, MAX_HEADERS  # noqa: N815 (as above)
    MAX_LENGTH = MAX_BYTES
    _begins = True
    timeOut = None  # noqa: N815 (as above; ours is one that a byte now and then does not put off)

    def connectionMade(self) -> None:
        """The time for all of it begins."""
        super().connectionMade()
        self._end = self.factory.clock.callLater(SECONDS, self.cut_off)
        self.factory.came(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        self.factory.connections.pop(self, None)
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """Never: the next request gets a connection of its own, and so its own time."""
        return False

    def allHeadersReceived(self) -> None:
        """All that matters has come; a request that has more to say than that is refused."""
        if self.length == 0:
            super().allHeadersReceived()
        else:
            self._refuse(b"413 Content Too Large")

    def dataReceived(self, data: bytes) -> None:
        """Bytes came. Who speaks another protocol is told at once: its first line may have no end that HTTP knows."""
        if self._begins:
            self._begins = False
            if _BEGINNING.match(data) is None:
                self._refuse(b"400 Bad Request")
                return
        super().dataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line that is no line of ours."""
        self._refuse(b"431 Request Header Fields Too Large")

    def rawDataReceived(self, data: bytes) -> None:
        """What comes after the headers is not looked at."""

    def cut_off(self) -> None:
        """Close it at once."""
        self.transport.abortConnection()

    def _refuse(self, why: bytes) -> None:
        self.transport.write(b"HTTP/1.1 " + why + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.loseConnection()


class WebFactory(Factory):
    """Makes the connections."""

    noisy = False

    def __init__(self, pages: Pages, clock: Clock, allows: Callable[[str], bool]) -> None:
        """`allows` says whether an address may connect."""
        self.pages = pages
        self.clock = clock
        self._allows = allows
        #: Those that are open, the oldest first.
        self.connections: dict[Channel, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> Channel | None:  # type: ignore[override]  # None closes, as in Factory
        """A connection; None, which closes it, for one from elsewhere."""
        if addr is not None and not self._allows(sockets.address_of(addr)):
            return None
        channel = Channel()
        channel.factory = self
        return channel

    def came(self, channel: Channel) -> None:
        """Another one is open."""
        self.connections[channel] = None
        if len(self.connections) > MOST:
            oldest = next(iter(self.connections))
            del self.connections[oldest]
            oldest.cut_off()

    def log(self, request: http.Request) -> None:
        """Twisted would have each request logged; one comes every few seconds for years."""

    async def drain(self) -> None:
        """The server ends: nobody waits for these."""
        for channel in tuple(self.connections):
            channel.cut_off()


def _without_port(host: str) -> str:
    """The name in a Host header (RFC 9110, 7.2)."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
