"""HTTP/1.1 (RFC 9112) with bounded requests, for the ports of `--web` and `--http`: no bodies, short headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.web import http

#: The largest request in bytes, and in header lines; there is no body.
MAX_BYTES, MAX_HEADERS = 8192, 64
#: Status texts that Twisted lacks (RFC 9110, 15.5.20 and 15.5.22; RFC 6585, 4).
_REASONS = {421: b"Misdirected Request", 426: b"Upgrade Required", 429: b"Too Many Requests"}
#: Matches the beginning of a request: a method and a blank, if they are there already (RFC 9112, 2.2 and 3).
_BEGINNING = re.compile(rb"(?:\r\n)*[A-Za-z-]*(?P<blank> |\r?\Z)")


class BoundedRequest(http.Request):
    """One request. A subclass answers it in `process`, with `respond`."""

    channel: Any  # a `BoundedChannel`; None after it has closed

    def values(self, header: bytes) -> list[str]:
        """The values of a header, which may be any bytes and need not be UTF-8 (RFC 9110, 5.5)."""
        return [value.decode("latin-1") for value in self.requestHeaders.getRawHeaders(header, [])]

    def respond(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answer the request, unless the client has closed the connection. Content-Length and Date are added to the headers.

        The answer's version is our own, whatever the client's (RFC 9112, 2.3).
        """
        if self.channel is None:
            return
        self.clientproto = b"HTTP/1.1"
        self.setResponseCode(code, _REASONS.get(code))
        length = {} if code == http.NOT_MODIFIED else {"Content-Length": str(len(body))}
        for name, value in {**headers, **length, "Date": http.datetimeToString().decode()}.items():
            self.setHeader(name, value)
        self.write(body)
        self.finish()


class BoundedChannel(http.HTTPChannel):
    """A connection on which requests come, each of at most `MAX_BYTES` and `MAX_HEADERS`, and without a body.

    While the client does not read an answer, its next request is not served, however many it sends (pipelining).
    """

    transport: Any
    totalHeadersSize, maxHeaders = MAX_BYTES, MAX_HEADERS  # noqa: N815 (Twisted names it)
    MAX_LENGTH = MAX_BYTES
    #: Whether the connection is being closed; nothing more is served.
    closing = False
    _begins = True
    timeOut = None  # noqa: N815 (as above; ours is not extended by each byte that comes)

    def allHeadersReceived(self) -> None:
        """Answer the request, or refuse it if it has a body."""
        if self.length == 0:
            super().allHeadersReceived()
        else:
            self.reject(b"413 Content Too Large")

    def dataReceived(self, data: bytes) -> None:
        """Pass the data on, or refuse it at once if it is another protocol, whose first line might never end for HTTP."""
        if self.closing:
            return
        if self._begins:
            begins = _BEGINNING.match(self._buffer + data)
            self._begins = begins is not None and begins["blank"] != b" "
            if begins is None:
                self.refuse_protocol()
                return
        super().dataReceived(data)

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
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close the connection when all is written; what still comes is not served."""
        self.closing = True
        super().loseConnection()
