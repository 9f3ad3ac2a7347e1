"""The HTTP of the chat page (`--http`, `--https`): its files, a few words about the server, and the way to a WebSocket."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from twisted.web import http
from websockets.datastructures import Headers
from websockets.http11 import Request as Handshake, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.websocket_connection import SILENT
from lanchat.net.http import BoundedRequest, Refusal
from lanchat.webchat.files import COMMON_HEADERS, TYPES, File
from lanchat.webchat.hosts import is_same_origin
from lanchat.webchat.resources import Resource
from lanchat.webchat.site import Site

#: The longest that a request waits for the rate of its address, in seconds; one that would wait longer is refused.
MAX_WAIT = 5.0
#: Where the WebSocket is, and everything below it. Firefox delays a second attempt after a failed one, but not at another path.
WEBSOCKET = b"/ws"
#: Where IRC clients look for theirs that ask for no subprotocol (IRCv3 "WebSocket"), and the subprotocols of the others.
IRC_WEBSOCKET, IRC_SUBPROTOCOLS = b"/socket", ("text.ircv3.net", "binary.ircv3.net")
#: Matches a target with a scheme and a host, which then counts instead of the header Host (RFC 9112, 3.2.2).
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_TEXT = {**COMMON_HEADERS, "Content-Type": TYPES[".txt"], "Cache-Control": "no-store"}


class Request(BoundedRequest):
    """One request and its answer."""

    def process(self) -> None:
        """Answer the request, as soon as the rate of its address allows."""
        channel = self.channel
        channel.note_address()
        if channel.closing:
            return  # (it may not connect, and was told so)
        if channel.refusal is not None:
            self._serve_or_refuse()
            return
        bucket, now = channel.factory.requests.of(channel.limit_key), channel.factory.clock.seconds()
        wait = bucket.wait(now, 1)
        if wait > MAX_WAIT:
            channel.persistent = False  # (what follows would only be refused, too)
            self.abandon()
            told = "Too many requests come from your address. Try again in a while."
            # (To senders of webhooks 429 means that it is of no use to try again.)
            code = 429 if self.body is None else 503
            self.tell(code, told, retry_after=str(round(wait)), connection="close")
            return
        bucket.take(1, now)
        if wait:
            channel.factory.clock.callLater(wait, self._serve_or_refuse)
        else:
            self._serve_or_refuse()

    def _serve_or_refuse(self) -> None:
        if self.channel is None or self.channel.closing:
            return  # (it has been closed while the request waited)
        try:
            self._serve()
        except Refusal as refusal:
            self.respond(refusal.code, f"{refusal}\n".encode(), {**_TEXT, **refusal.headers})
        finally:
            self.abandon()  # (what is not for its resource after all, as it asks for a WebSocket, leaves nothing reserved)

    def _serve(self) -> None:
        resource, host = self.find_resource()
        if self._is_for_irc():
            self._open_websocket(host, self.channel.factory.irc)
        elif self.path == WEBSOCKET or self.path.startswith(WEBSOCKET + b"/"):
            self._open_websocket(host, self.channel.factory.websockets)
        elif self.channel.refusal is not None:
            self.abandon()
            self.tell(503, str(self.channel.refusal))
        elif resource is not None:
            self.taken = True
            resource.answer(self)
        elif self.method not in (b"GET", b"HEAD"):
            self.tell(405, "GET and HEAD only.", allow="GET, HEAD")
        else:
            self._get(self.channel.factory.site, self.path.decode("latin-1"))

    def find_resource(self) -> tuple[Resource | None, str]:
        """The resource that the request is for, if any, and its host. Raises `Refusal` if it is not for this host."""
        hosts = self.values(b"Host")
        if absolute := _ABSOLUTE.match(self.path):
            hosts, self.path = [absolute[1].decode("latin-1")], self.path[absolute.end() :] or b"/"
        if len(hosts) != 1:
            raise Refusal(400, "A request has one header Host.")
        factory = self.channel.factory
        found = next((one for one in factory.resources if one.serves(self.method, self.path)), None)
        if (found is None or found.own_names_only) and not factory.site.hosts.is_ours(hosts[0]):
            told = "This server does not know itself by that name. Its operator can add it with --http-name NAME."
            raise Refusal(421, told)
        return found, hosts[0]

    def _get(self, site: Site, path: str) -> None:
        if path == "/server.json":
            headers = {**COMMON_HEADERS, "Content-Type": TYPES[".json"], "Cache-Control": "no-store"}
            self.respond(200, json.dumps(site.facts()).encode(), headers)
        elif path in ("/ca.pem", "/trust"):
            self._get_authority(site, path)
        elif (file := site.files.get(path)) is not None:
            self._send(file)
        else:
            self.tell(404, "There is nothing here. The chat page is at /")

    def _get_authority(self, site: Site, path: str) -> None:
        if (found := site.authority()) is None:
            self.tell(404, "This server has no certificate authority of its own, so there is nothing to trust.")
        elif path == "/trust":
            self._send(found.page)
        else:
            kind = {
                "Content-Type": "application/x-x509-ca-cert",
                "Content-Disposition": 'attachment; filename="lanchat-ca.pem"',
            }
            self.respond(200, found.certificate, {**_TEXT, **kind})

    def _send(self, file: File) -> None:
        """Send a file, unless the browser has it already."""
        body, tag, headers = file.answer(",".join(self.values(b"Accept-Encoding")))
        headers = {**headers, "ETag": f'"{tag}"'}
        if any(f'"{tag}"' in known for known in self.values(b"If-None-Match")):
            self.respond(http.NOT_MODIFIED, b"", headers)
        else:
            self.respond(200, body, headers)

    def tell(self, code: int, text: str, **headers: str) -> None:
        """Answer with a text for people; the names of `headers` have `_` for `-`."""
        self.respond(code, f"{text}\n".encode(), {**_TEXT, **{name.replace("_", "-"): headers[name] for name in headers}})

    def _is_for_irc(self) -> bool:
        """Whether an IRC client asks for a WebSocket, and there is a gateway for those."""
        if self.channel.factory.irc is None:
            return False
        asked = ",".join(self.values(b"Sec-WebSocket-Protocol")).replace(" ", "").split(",")
        return self.path == IRC_WEBSOCKET or any(name in IRC_SUBPROTOCOLS for name in asked)

    def _open_websocket(self, host: str, gateway: ChatFactory) -> None:
        """Answer the handshake (RFC 6455, 4.2), and hand the connection to this gateway.

        A page of another origin is refused, and a program needs no Origin. A connection that is one too many gets its
        WebSocket, as a browser shows a page nothing else of why it is closed.
        """
        if not all(is_same_origin(origin, host) for origin in self.values(b"Origin")):
            self.tell(403, "A page of another site can't open a connection here.")
        elif (response := self._handshake()).status_code == 101:
            self.channel.become_websocket(response, gateway)
        else:
            told = "This is a WebSocket. The chat page is at /"
            self.tell(426, told, upgrade="websocket", connection="upgrade", sec_websocket_version="13")

    def _handshake(self) -> Response:
        headers = Headers(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
        )
        asked = ServerProtocol(logger=SILENT, select_subprotocol=_subprotocol if self._is_for_irc() else None)
        if self.method == b"GET" and self.clientproto == b"HTTP/1.1":
            return asked.accept(Handshake(self.path.decode("latin-1"), headers))
        return asked.reject(426, "")


def _subprotocol(asked: ServerProtocol, names: Sequence[Subprotocol]) -> Subprotocol | None:
    """The subprotocol of IRC that the client prefers; None if it asks for none."""
    return next((name for name in names if name in IRC_SUBPROTOCOLS), None)
