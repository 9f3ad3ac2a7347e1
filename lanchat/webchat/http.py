"""The HTTP of the chat page (`--http`, `--https`): its files, a few words about the server, and the way to a WebSocket.

A connection is counted by the admission like any other client's. When it becomes a WebSocket, it is handed to the gateway for
those (lanchat/gateways/websocket.py) and stays counted.
"""

from __future__ import annotations

import json

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web import http
from websockets.datastructures import Headers
from websockets.http11 import Request as Handshake, Response
from websockets.server import ServerProtocol

from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.net import sockets
from lanchat.net.http import BoundedChannel, BoundedRequest
from lanchat.webchat.files import COMMON_HEADERS, TYPES, File
from lanchat.webchat.hosts import is_same_origin
from lanchat.webchat.site import Site

#: Seconds for one request: from the opening of the connection, or the end of the answer before, until the next one has come;
#: and seconds after that until the connection is cut off.
REQUEST_SECONDS, CLOSE_SECONDS = 10.0, 5.0
#: The most requests on one connection, and the bytes that may come over the network for one of them.
MAX_REQUESTS, MAX_TAKEN = 100, 65_536
#: Where the WebSocket is, and everything below it. Firefox delays a second attempt after a failed one, but not at another path.
WEBSOCKET = b"/ws"
_TEXT = {**COMMON_HEADERS, "Content-Type": TYPES[".txt"], "Cache-Control": "no-store"}


class Request(BoundedRequest):
    """One request and its answer."""

    def process(self) -> None:
        """Answer the request, or hand the connection to the gateway for WebSockets."""
        site: Site = self.channel.factory.site
        host = self.values(b"Host")
        if len(host) != 1 or not site.hosts.is_ours(host[0]):
            self._tell(421, "This server has another name. Its operator can add this one with --http-name NAME.")
        elif self.path == WEBSOCKET or self.path.startswith(WEBSOCKET + b"/"):
            self._open_websocket(host[0])
        elif self.method not in (b"GET", b"HEAD"):
            self._tell(405, "GET and HEAD only.", Allow="GET, HEAD")
        else:
            self._get(site, self.path.decode("latin-1"))

    def _get(self, site: Site, path: str) -> None:
        if path == "/server.json":
            headers = {**COMMON_HEADERS, "Content-Type": TYPES[".json"], "Cache-Control": "no-store"}
            self.respond(200, json.dumps(site.facts()).encode(), headers)
        elif path in ("/ca.pem", "/trust"):
            self._get_authority(site, path)
        elif (file := site.files.get(path)) is not None:
            self._send(file)
        else:
            self._tell(404, "There is nothing here. The chat page is at /")

    def _get_authority(self, site: Site, path: str) -> None:
        if (found := site.authority()) is None:
            self._tell(404, "This server has no certificate authority of its own.")
        elif path == "/trust":
            self._send(found[1])
        else:
            kind = {
                "Content-Type": "application/x-x509-ca-cert",
                "Content-Disposition": 'attachment; filename="lanchat-ca.pem"',
            }
            self.respond(200, found[0], {**_TEXT, **kind})

    def _send(self, file: File) -> None:
        """Send a file, unless the browser has it already."""
        body, tag, headers = file.answer(",".join(self.values(b"Accept-Encoding")))
        is_cached = self.setETag(f'"{tag}"'.encode()) is http.CACHED
        self.respond(304 if is_cached else 200, b"" if is_cached else body, headers)

    def _tell(self, code: int, text: str, **headers: str) -> None:
        self.respond(code, f"{text}\n".encode(), {**_TEXT, **headers})

    def _open_websocket(self, host: str) -> None:
        """Answer the handshake (RFC 6455, 4.2); a page of another origin is refused, and a program needs no Origin."""
        if not all(is_same_origin(origin, host) for origin in self.values(b"Origin")):
            self._tell(403, "A page of another site can't open a connection here.")
            return
        headers = Headers(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
        )
        response = ServerProtocol().accept(Handshake(self.path.decode("latin-1"), headers))
        if response.status_code == 101 and self.method == b"GET" and self.clientproto == b"HTTP/1.1":
            self.channel.become_websocket(response)
        else:
            self._tell(426, "This is a WebSocket. The chat page is at /", Upgrade="websocket")


class Channel(BoundedChannel):
    """A connection, for several requests one after another, or for one that makes it a WebSocket."""

    factory: WebchatFactory
    requestFactory = Request  # noqa: N815 (Twisted names it)
    #: The bytes that were read (see `networkReceived`).
    taken = 0
    _requests = _network_bytes = 0
    _websocket: Connection | None = None

    def connectionMade(self) -> None:
        """Count the connection, and start its timeout. One that is one too many is refused."""
        super().connectionMade()
        self.factory.channels.add(self)
        self._address = sockets.address_of(self.transport.getPeer())
        self._end = self.factory.clock.callLater(REQUEST_SECONDS, self._timed_out)
        if self.factory.admission.admit(self._address) is not None:
            self.reject(b"503 Service Unavailable")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the connection, and cancel its timeout."""
        self._forget()
        self.factory.admission.release(self._address)
        super().connectionLost(reason)

    def _forget(self) -> None:
        self.factory.channels.discard(self)
        if self._end.active():
            self._end.cancel()

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """Whether another request may follow on this connection; if not, the answer says so."""
        self._requests += 1
        persists = super().checkPersistence(request, version) and self._requests < MAX_REQUESTS
        if not persists:
            request.setHeader(b"Connection", b"close")
        return persists

    def requestDone(self, request: http.Request) -> None:
        """Wait for the next request."""
        self._network_bytes = 0
        if self._end.active():
            self._end.cancel()
            self._end = self.factory.clock.callLater(REQUEST_SECONDS, self._timed_out)
        super().requestDone(request)

    def rawDataReceived(self, data: bytes) -> None:
        """Keep what came behind the request: for the WebSocket, if it has become one, and for the next request otherwise."""
        if self._websocket is None:
            super().rawDataReceived(data)
        else:
            self._websocket.dataReceived(data)

    def become_websocket(self, response: Response) -> None:
        """Answer with this response, and hand the connection to the gateway for WebSockets."""
        self._forget()
        transport, websocket = self.transport, self.factory.websockets.buildProtocol(None)
        assert isinstance(websocket, Connection)  # noqa: S101 (it refuses by address only, and that was checked)
        self._websocket = websocket
        transport.unregisterProducer()
        self.requests.clear()  # (each refers to us, and we to it)
        transport.write(response.serialize())
        if isinstance(transport, ProtocolWrapper):  # TLS, or a proxy's header
            transport.wrappedProtocol = websocket
        else:
            transport.protocol = websocket
        websocket.makeConnection(transport)

    def networkReceived(self, cost: int) -> None:
        """Charge what came from the network for a request, also what has no content, such as empty records of TLS."""
        self._network_bytes += cost
        if self._network_bytes > MAX_TAKEN:
            self.transport.abortConnection()

    def readConnectionLost(self) -> None:
        """Close, as the browser has closed its side (TLS only)."""
        self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: our side is closed, and the browser closes the rest (TLS only)."""

    def close(self) -> None:
        """Close the connection, as the server stops."""
        self.loseConnection()

    def _timed_out(self) -> None:
        """Close the connection, and cut it off if it is still there a while later."""
        self._end = self.factory.clock.callLater(CLOSE_SECONDS, self.transport.abortConnection)
        self.loseConnection()


class WebchatFactory(Factory):
    """The factory of the connections of browsers, for all ports of `--http` and `--https`."""

    noisy = False

    def __init__(self, site: Site, websockets: ChatFactory) -> None:
        """`websockets` makes the connections that requests turn into."""
        self.site = site
        self.websockets = websockets
        self.admission = websockets.admission
        self.clock = websockets.router.chat.clock
        #: Open connections that are not WebSockets.
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
        """Close all connections, those that are WebSockets with a goodbye, and wait until these have ended."""
        for channel in tuple(self.channels):
            channel.close()
        await self.websockets.drain()
