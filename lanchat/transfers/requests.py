"""Requests over HTTP for files: what is sent and what comes is bounded in bytes, and in the time without any."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import WrongBodyLength
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from lanchat import __version__
from lanchat.client.tls import UntrustedServer
from lanchat.protocol.packet import visible
from lanchat.transfers.failed import Failed, TryLater, Unclear
from lanchat.transfers.file_server import FileServer

#: Seconds that may pass without a byte of a file, and seconds that an answer may take when all of a file was sent.
IDLE_SECONDS, ANSWER_SECONDS = 30.0, 60.0
#: How many bytes the head of an answer may have.
MAX_HEAD = 262_144
#: The longest answer about a file that was sent, and the longest text of an error that is read, in bytes.
MAX_ANSWER, MAX_ERROR = 65_536, 1000
#: The longest time to wait that is believed of a server that can't take a file for now, in seconds.
MAX_RETRY_SECONDS = 30.0
#: Called with how many more bytes have been sent, or have come.
Moved = Callable[[int], None]


class Requests:
    """Sends requests to where files are."""

    def __init__(self, reactor: Any, server: FileServer) -> None:
        self.reactor = reactor
        self._server = server

    async def put(self, url: str, file: BinaryIO, size: int, moved: Moved) -> bytes:
        """Send so many bytes of a file, which is closed; the body of the answer. Raises `TryLater`, `Unclear`, or `Failed`."""
        source = _Source(file, size)
        body = FileBodyProducer(source)
        body.length = size
        async with _Exchange(self.reactor, self._server.endpoint(url)) as exchange:

            def read(count: int) -> None:
                exchange.alive(IDLE_SECONDS if source.left else ANSWER_SECONDS)
                moved(count)

            source.read_some = read
            try:
                response = await exchange.request("PUT", url, {"Content-Type": "application/octet-stream"}, body)
                answer = await exchange.body(response, MAX_ANSWER)
            except Failed as failed:
                if source.left:
                    raise
                raise Unclear(f"{failed} It may have arrived all the same.") from None
        if response.code != 201:
            raise _refusal(response, answer)
        return answer

    async def head(self, url: str) -> Headers:
        """What the server tells of a file that it has. Raises `Failed`."""
        async with _Exchange(self.reactor, self._server.endpoint(url)) as exchange:
            response = await exchange.request("HEAD", url, {})
            if response.code == 200:
                headers: Headers = response.headers
                return headers
            # (What a server says to a HEAD has no text, so the reason is asked for in another way.)
        async with _Exchange(self.reactor, self._server.endpoint(url)) as exchange:
            response = await exchange.request("GET", url, {})
            raise _refusal(response, await exchange.body(response, MAX_ERROR))

    async def get(
        self, url: str, headers: dict[str, str], started: Callable[[Any], int], take: Callable[[bytes], None]
    ) -> None:
        """Fetch a file, or a part of it. Raises `Failed`.

        `started` is called with the response (200 or 206), returns how many bytes of it are wanted, and may raise `Failed`;
        `take` is called with the bytes, and may raise `OSError`.
        """
        async with _Exchange(self.reactor, self._server.endpoint(url)) as exchange:
            response = await exchange.request("GET", url, headers)
            if response.code not in (200, 206):
                raise _refusal(response, await exchange.body(response, MAX_ERROR))
            await exchange.receive(response, started(response), take)


class _Exchange:
    """One request and its answer, which are given up when nothing happens for too long."""

    def __init__(self, reactor: Any, endpoint: IStreamClientEndpoint) -> None:
        self._place = _OneEndpoint(endpoint)
        self._agent = Agent.usingEndpointFactory(reactor, self._place)
        self._reactor = reactor
        self._waiting: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None
        self._was_idle = False

    async def __aenter__(self) -> _Exchange:
        self._timer = self._reactor.callLater(IDLE_SECONDS, self._idle)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._place.abort()

    def alive(self, seconds: float) -> None:
        """Something happened: the next thing may take so many seconds."""
        if self._timer is not None and self._timer.active():
            self._timer.reset(seconds)

    async def request(self, method: str, url: str, headers: dict[str, str], body: Any = None) -> Any:
        """Send a request; the response, whose body has not come yet. Raises `Failed`."""
        sent = Headers({"User-Agent": [f"lanchat/{__version__}"], **{name: [value] for name, value in headers.items()}})
        response = await self._wait(self._agent.request(method.encode(), url.encode(), sent, body))
        self._place.head_left = math.inf
        return response

    async def body(self, response: Any, most: int) -> bytes:
        """The body of a response, or the first bytes of it. Raises `Failed`."""
        came = bytearray()
        await self.receive(response, most, came.extend, cut=True)
        return bytes(came)

    async def receive(self, response: Any, most: int, take: Callable[[bytes], None], cut: bool = False) -> None:
        """Take the body of a response, at most so many bytes. If there are more, the rest is `cut`, or `Failed` is raised."""
        receiver = _Receiver(self, most, take, cut)
        response.deliverBody(receiver)
        await self._wait(receiver.done)

    async def _wait(self, wanted: Deferred[Any]) -> Any:
        """Wait for something; raises `Failed` if it does not come."""
        self._waiting = wanted
        try:
            return await wanted
        except Failed:
            raise
        except UntrustedServer as error:
            raise Failed(f"the server is not trusted: {error}") from None
        except OSError as error:
            raise Failed(f"it can't be written: {error.strerror or error}") from None
        except Exception as error:  # noqa: BLE001 (any way in which a connection can fail)
            raise Failed("nothing came from the server for too long." if self._was_idle else _reason(error)) from None

    def _idle(self) -> None:
        self._was_idle = True
        if self._waiting is not None:
            self._waiting.cancel()


class _Receiver(Protocol):
    """Takes the body of a response."""

    def __init__(self, exchange: _Exchange, most: int, take: Callable[[bytes], None], cut: bool) -> None:
        self._exchange = exchange
        self._left = most
        self._take = take
        self._cut = cut
        #: Fires when all of the body was taken.
        self.done: Deferred[None] = Deferred(lambda cancelled: self._stop())

    def dataReceived(self, data: bytes) -> None:
        """Take some bytes."""
        if self.done.called:
            return
        self._exchange.alive(IDLE_SECONDS)
        wanted, more = data[: self._left], len(data) > self._left
        self._left -= len(wanted)
        try:
            self._take(wanted)
            if more and not self._cut:
                raise Failed("the server sent more than it had announced.")
        except (OSError, Failed):
            self.done.errback()
            self._stop()
            return
        if more:
            self.done.callback(None)
            self._stop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end of the body, or of the connection before it."""
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(None)
        else:
            self.done.errback(reason)

    def _stop(self) -> None:
        if self.transport is not None:
            with contextlib.suppress(AttributeError):
                self.transport.loseConnection()


class _Source:
    """A file as it is sent: so many bytes of it, even if it grows meanwhile."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        #: How many bytes were not read yet.
        self.left = size
        #: Called when some bytes were read.
        self.read_some: Moved = lambda count: None
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, count: int) -> bytes:
        """The next bytes."""
        data = self._file.read(min(count, self.left))
        self.left -= len(data)
        self.read_some(len(data))
        return data


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _OneEndpoint:
    """Connects to the machine that was chosen before, whatever an address says, and ends that connection."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint
        self._made: Any = None
        #: How many bytes may still come before the body of the answer begins.
        self.head_left: float = MAX_HEAD

    def endpointForURI(self, uri: object) -> IStreamClientEndpoint:
        """This endpoint."""
        return cast(IStreamClientEndpoint, self)

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, and remember the connection."""
        return self._endpoint.connect(factory).addCallback(self._connected)

    def _connected(self, protocol: IProtocol) -> IProtocol:
        self._made = protocol
        take = self._made.dataReceived

        def bounded(data: bytes) -> None:
            # (What is no HTTP, and comes while a file is being sent, would be a traceback of Twisted's.)
            is_answer = self.head_left != MAX_HEAD or data[:5] == b"HTTP/"[: len(data)]
            self.head_left -= len(data)
            if self.head_left < 0 or not is_answer:
                self.abort()
            else:
                take(data)

        self._made.dataReceived = bounded
        return protocol

    def abort(self) -> None:
        """End the connection, if there is one: everything that was wanted has come, or nothing will."""
        if self._made is not None and self._made.transport is not None:
            self._made.transport.abortConnection()


def _refusal(response: Any, body: bytes) -> Failed:
    """The error for a response that is none of those hoped for."""
    text = " ".join(visible(line, 400) for line in body[:MAX_ERROR].decode(errors="replace").split("\n")[:1]).strip()
    why = text if text and not text.startswith("<") else f"the server answered {response.code}."
    if response.code != 503:
        return Failed(why)
    after = (response.headers.getRawHeaders("Retry-After") or [""])[0]
    return TryLater(why, min(float(after), MAX_RETRY_SECONDS) if after.isascii() and after.isdigit() else 1.0)


def _reason(error: Exception) -> str:
    """Why a connection could not be made, or ended too early, as a sentence for people."""
    causes = [cause.value for cause in getattr(error, "reasons", ())]
    if any(isinstance(cause, WrongBodyLength) for cause in causes):
        return "it was changed while it was sent."
    if causes or isinstance(error, CancelledError | SSL.Error | ConnectionLost | ConnectionDone):
        return "the connection was lost."
    return f"{visible(str(error), 300).rstrip('.') or 'the connection was lost'}."
