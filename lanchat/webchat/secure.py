"""TLS under the connections of browsers (`--https`). Who forgot it in the address is led there."""

from __future__ import annotations

import re

from twisted.internet.interfaces import IProtocolFactory, IReactorTime

from lanchat.net.tls import Contexts, TLSFactory, TLSTransport
from lanchat.protocol.counts import Counts
from lanchat.webchat.hosts import Hosts

#: How a client's first record of TLS begins (RFC 8446, 5.1), and how a request does: its target, and its header Host. The
#: target is taken as a whole, or not at all: else every part of it would be tried with all that follows.
_HANDSHAKE = b"\x16"
_REQUEST = re.compile(
    rb"[A-Z]{3,20} (?:(?P<target>/[!-~]*)(?![!-~]))?(?:[^\r\n]*\r\n)+?Host:[ \t]*(?P<host>[!-~]+)\r\n", re.IGNORECASE
)
_TEXT = b"This port has TLS: begin the address with https://\n"
_ANSWER = b"HTTP/1.1 %b\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"


class SecureTransport(TLSTransport):
    """TLS under a browser's connection; a request that comes without it is answered with where to ask."""

    factory: SecureFactory
    _begins = True

    def dataReceived(self, bytes: bytes) -> None:  # noqa: A002 (Twisted names it)
        """Decrypt, unless the first bytes are a request without TLS."""
        begins, self._begins = self._begins, False
        if begins and not bytes.startswith(_HANDSHAKE) and (asked := _REQUEST.match(bytes)):
            self.transport.write(_ANSWER % (self._where_to_ask(asked), len(_TEXT), _TEXT))
            self.transport.loseConnection()
        elif not self.transport.disconnecting:
            super().dataReceived(bytes)

    def _where_to_ask(self, asked: re.Match[bytes]) -> bytes:
        """The status for a request without TLS; one of our own hosts is asked for again with TLS (RFC 9110, 15.4.9)."""
        if not self.factory.hosts.is_ours(asked["host"].decode("latin-1")):
            return b"400 Bad Request"
        return b"308 Permanent Redirect\r\nLocation: https://%b%b" % (asked["host"], asked["target"] or b"/")


class SecureFactory(TLSFactory):
    """The factory of browsers' connections with TLS."""

    protocol = SecureTransport

    def __init__(
        self, contexts: Contexts, factory: IProtocolFactory, clock: IReactorTime, counts: Counts, hosts: Hosts
    ) -> None:
        """`hosts` are the names of this server."""
        super().__init__(contexts, factory, clock, counts)
        self.hosts = hosts
