"""HTTP/1.1 (RFC 9112) with bounded requests: short headers, and bodies that are refused before they come, unless wanted."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

#: The most bytes of a request without its body, lines of headers, and digits of a length.
MAX_BYTES, MAX_HEADERS, MAX_DIGITS = 8192, 64, 18
#: Status texts that Twisted lacks (RFC 9110, 15.5.14, 15.5.20 and 15.5.22; RFC 6585, 4).
_REASONS = {413: b"Content Too Large", 421: b"Misdirected Request", 426: b"Upgrade Required", 429: b"Too Many Requests"}
#: How long a client may go on sending after it was refused, in seconds and bytes (RFC 9112, 9.6); then it is cut off.
LINGER_SECONDS, LINGER_BYTES = 5.0, 67_108_864
#: Matches the beginning of a request: a method and a blank, if they are there already (RFC 9112, 2.2 and 3).
_BEGINNING = re.compile(rb"(?:\r\n)*[A-Za-z-]*(?P<blank> |\r?\Z)")


class Refusal(Exception):
    """Why a request is refused: raised by what serves it, and answered with this status and a line of text."""

    def __init__(self, code: int, text: str, **headers: str) -> None:
        """`text` is for people, without a newline; the names of `headers` have `_` for `-`."""
        super().__init__(text)
        self.code = code
        self.headers = {name.replace("_", "-").title(): headers[name] for name in headers}


def written_refusal(refusal: Refusal) -> bytes:
    """The whole answer, of a connection that is closed then."""
    reason = _REASONS.get(refusal.code) or http.RESPONSES.get(refusal.code, b"")
    told = f"{refusal}\n".encode()
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff", **refusal.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"HTTP/1.1 %d %b\r\n%bConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
        refusal.code,
        reason,
        lines.encode(),
        len(told),
        told,
    )


class Body(Protocol):
    """What takes the body of a request."""

    def write(self, data: bytes) -> None:
        """Take a piece of it. Raises `Refusal` if it is too long, or nothing more of it is wanted; then no more comes."""

    def abandon(self) -> None:
        """Give it up: the connection has ended, or the request was refused, before all of it came."""


class GatheredBody:
    """A short body, which is kept in memory."""

    def __init__(self, most: int) -> None:
        """`most` is how many bytes it may have."""
        self._most = most
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Keep a piece. Raises `Refusal` if there are too many bytes."""
        self._size += len(data)
        if self._size > self._most:
            raise Refusal(413, f"That is too long: at most {self._most} bytes are taken here.")
        self._pieces.append(data)

    def abandon(self) -> None:
        """Forget the pieces."""
        self._pieces.clear()

    @property
    def content(self) -> bytes:
        """All that came."""
        return b"".join(self._pieces)


class BoundedRequest(http.Request):
    """One request. A subclass answers it in `process`, with `respond`."""

    channel: Any  # a `BoundedChannel`; None after it has closed
    #: What takes its body; None if it has none.
    body: Body | None = None
    #: Whether all of it has come.
    complete = False
    #: Whether the body is not to be given up here any more: what answers the request has it, or has given it up.
    taken = False

    def gotLength(self, length: int | None) -> None:
        """Do nothing, where Twisted makes a place in memory or on the disk for a body of any size."""

    def handleContentChunk(self, data: bytes) -> None:
        """Hand a piece of the body to what takes it; what it refuses is answered, and nothing more is read."""
        if self.body is not None and not self.channel.closing:
            try:
                self.body.write(data)
                self.channel.body_received(len(data))
            except Refusal as refusal:
                self.channel.refuse(self, refusal)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Serve the request, of which everything is there, without parsing forms of any size, as Twisted does."""
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.complete = True
        if not self.channel.closing:
            self.process()

    def abandon(self) -> None:
        """Give its body up, if there is one, unless it has been taken."""
        if self.body is not None and not self.taken:
            self.taken = True
            self.body.abandon()

    def query(self) -> dict[str, str]:
        """What is behind the `?`, decoded (the first value of each name)."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.uri.partition(b"?")[2].decode("latin-1"), keep_blank_values=True, errors="replace"):
            found.setdefault(name, value)
        return found

    def values(self, header: bytes) -> list[str]:
        """The values of a header, which may be any bytes and need not be UTF-8 (RFC 9110, 5.5)."""
        return [value.decode("latin-1") for value in self.requestHeaders.getRawHeaders(header, [])]

    def respond(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answer the request, unless the client has closed the connection. Content-Length and Date are added to the headers.

        The answer's version is our own, whatever the client's (RFC 9112, 2.3).
        """
        if self.channel is not None:
            self.begin(code, None if code == http.NOT_MODIFIED else len(body), headers)
            self.write(body)
            self.finish()

    def begin(self, code: int, length: int | None, headers: Mapping[str, str]) -> None:
        """Begin an answer with a body of `length` bytes, to be written after this (None: there is none, and no length)."""
        self.clientproto = b"HTTP/1.1"
        self.setResponseCode(code, _REASONS.get(code))
        told = {} if length is None else {"Content-Length": str(length)}
        for name, value in {**headers, **told, "Date": http.datetimeToString().decode()}.items():
            self.setHeader(name, value)


class BoundedChannel(http.HTTPChannel):
    """A connection on which requests come, each of at most `MAX_BYTES` and `MAX_HEADERS` and the body that is wanted.

    While the client does not read an answer, its next request is not served, however many it sends (pipelining).
    """

    transport: Any
    totalHeadersSize, maxHeaders = MAX_BYTES, MAX_HEADERS  # noqa: N815 (Twisted names it)
    MAX_LENGTH = MAX_BYTES
    #: Whether the connection is being closed; nothing more is served.
    closing = False
    _lingering: Any = None
    _dropped = 0
    _begins = True
    timeOut = None  # noqa: N815 (as above; ours is not extended by each byte that comes)

    def allHeadersReceived(self) -> None:
        """Go on with the request, or refuse it before its body comes (and before the client is told to send it: Expect)."""
        request = self.requests[-1]
        if self.length != 0:
            request.method, request.uri, request.clientproto = self._command, self._path, self._version
            request.path = self._path.partition(b"?")[0]
            try:
                request.body = self.take_body(request, self.length)
            except Refusal as refusal:
                self.refuse(request, refusal)
                return
        super().allHeadersReceived()

    def take_body(self, request: Any, length: int | None) -> Body:
        """What takes the body of a request, of which the headers are there. Raises `Refusal` if none is wanted.

        `length` is in bytes; None if the client does not know it yet (chunked).
        """
        raise Refusal(413, "Nothing can be sent here.")

    def body_received(self, size: int) -> None:
        """Note that so many bytes of a body came."""

    def pause_body(self) -> None:
        """Read nothing more for now, as what takes the body can't take more."""
        self._networkProducer.pauseProducing()

    def resume_body(self) -> None:
        """Read again."""
        self._networkProducer.resumeProducing()

    def refuse(self, request: Any, refusal: Refusal) -> None:
        """Answer a request of which not all has come with why it is refused, and close. What still comes is not served."""
        request.abandon()
        self.transport.write(written_refusal(refusal))
        self.linger()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give up the body that was coming, as the connection has ended."""
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        for request in self.requests:
            request.abandon()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """Pass the data on, or refuse it at once if it is another protocol, whose first line might never end for HTTP."""
        if self.closing:
            self._dropped += len(data)
            if self._dropped > LINGER_BYTES:
                self.transport.abortConnection()
            return
        if self._begins:
            begins = _BEGINNING.match(self._buffer + data)
            self._begins = begins is not None and begins["blank"] != b" "
            if begins is None:
                self.refuse_protocol()
                return
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """Parse a line, unless the request has been refused."""
        if not self.closing:
            super().lineReceived(line)

    def headerReceived(self, line: bytes) -> bool:
        """Take a header, unless it is a length of so many digits that Python would refuse to read it."""
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value.strip()) > MAX_DIGITS:
            self.reject(b"413 Content Too Large" if value.strip().isdigit() else b"400 Bad Request")
            return False
        return bool(super().headerReceived(line))

    def rawDataReceived(self, data: bytes) -> None:
        """Decode what is no line, unless the request has been refused."""
        if not self.closing:
            super().rawDataReceived(data)

    def pauseProducing(self) -> None:
        """Serve and read nothing more, as the client does not read what it was answered (`IPushProducer`)."""
        super().pauseProducing()
        self.paused = True
        self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """Serve what has come meanwhile, and read again (`IPushProducer`)."""
        self.paused = False
        super().resumeProducing()
        self.dataReceived(b"")

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is too long."""
        self.reject(b"431 Request Header Fields Too Large")

    def _respondToBadRequestAndDisconnect(self) -> None:  # Twisted's says nothing of the end, and has no length
        self.reject(b"400 Bad Request")

    def refuse_protocol(self) -> None:
        """Refuse what is no HTTP."""
        self.reject(b"400 Bad Request")

    def reject(self, why: bytes) -> None:
        """Answer what is no request that we take with a status, such as `b"400 Bad Request"`, and close."""
        self.transport.write(b"HTTP/1.1 " + why + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.linger()

    def linger(self) -> None:
        """Close our side when all is written, and read and drop what still comes, until the client closes the other side.

        If both sides were closed while input is unread, the system would send a reset, which can destroy the answer on its way.
        """
        self.closing = True
        self._lingering = self.call_later(LINGER_SECONDS, self.transport.abortConnection)
        self.transport.unregisterProducer()
        self._networkProducer.resumeProducing()
        transport = self.transport
        if IHalfCloseableDescriptor.providedBy(self.transport):
            transport.loseWriteConnection()
        else:
            transport.loseConnection()  # (TLS closes its own side only, too)

    @abstractmethod
    def call_later(self, seconds: float, call: Callable[[], object]) -> Any:
        """Call a function in so many seconds."""

    def loseConnection(self) -> None:
        """Close the connection when all is written; what still comes is not served."""
        self.closing = True
        super().loseConnection()
