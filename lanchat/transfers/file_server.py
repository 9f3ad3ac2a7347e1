"""Where files are: which machines the client connects to for them, and whom it trusts there.

The chat server tells addresses of files. They are believed only if they are on the same machine as the chat, or on one that the
user has named (`--files-host`): otherwise a server could make its users' machines connect to others in their network. A file
never goes without TLS if the chat has TLS.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cryptography.x509 import Certificate
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from lanchat.client import tls
from lanchat.client.link_local import ServerAddress
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import key
from lanchat.transfers.failed import Failed

#: Seconds that connecting may take.
CONNECT_SECONDS = 10
#: The ports of addresses that name none.
USUAL_PORTS = {"http": 80, "https": 443}


class SameServerVerifier(tls.KnownServersVerifier):
    """Trusts the server that the chat is with by its key, and others as `KnownServersVerifier` does."""

    def __init__(self, server: ServerAddress, own_certificate: Path | None, file: Path | None, chat_key: str) -> None:
        """`chat_key` is the fingerprint of the chat server's key; "" if the chat is without TLS, or with another machine."""
        host, port = server
        super().__init__(host, own_certificate, port, file)
        self._chat_key = chat_key

    def check(self, certificate: Certificate) -> str:
        """Compare the key with that of the chat; if it is another, look it up in the file of known servers."""
        if self._chat_key and tls.fingerprint(certificate) == self._chat_key:
            self.identity = self._chat_key
            return ""
        return super().check(certificate)


class FileServer:
    """Makes the connections for files."""

    def __init__(
        self,
        reactor: Any,
        options: Namespace,
        chat: tls.ServerVerifier | None,
        peer: Callable[[], str],
        notice: Callable[[str], None],
    ) -> None:
        """`options` are those of the command, `chat` is what the chat server is trusted by (None: without TLS).

        `peer` returns the address of the machine that the chat is with, "" if there is no connection; `notice` shows a text to
        the user.
        """
        self._reactor = reactor
        self._options = options
        self._chat = chat
        self._peer = peer
        self._notice = notice

    def endpoint(self, url: str) -> IStreamClientEndpoint:
        """What connects to the machine of this address. Raises `Failed` if nothing should connect there."""
        scheme, host, port = _parts(url)
        if self._chat is not None and scheme != "https":
            raise Failed("the server would have the file go without TLS. Its operator can add --https PORT.")
        is_same = self._is_same(host)
        if is_same:
            host = str(self._options.server[0])
        elif key(host) not in map(key, self._options.files_host):
            named = visible(host, 100)
            raise Failed(f"the server keeps its files on another machine, {named}. If that is right, add --files-host {named}.")
        plain = HostnameEndpoint(self._reactor, host, port, timeout=CONNECT_SECONDS)
        if scheme != "https":
            return plain
        endpoint: IStreamClientEndpoint = tls.TLSEndpoint(
            self._reactor, plain, self._verifier((host, port), is_same), self._notice, lambda why: None
        )
        return endpoint

    def _is_same(self, host: str) -> bool:
        """Whether a host is the machine that the chat is with."""
        if key(host) == key(str(self._options.server[0])):
            return True
        address = _address(host)
        return address is not None and address == _address(self._peer())

    def _verifier(self, server: ServerAddress, is_same: bool) -> tls.ServerVerifier:
        """Decides whether to trust the server at an address, as the user wants it for the chat. Raises `Failed`."""
        options = self._options
        try:
            if options.ca or options.fingerprint:
                return tls.make_verifier(Namespace(**{**vars(options), "server": server}))
            known = options.state and options.state / "known_servers"
            return SameServerVerifier(server, options.cert, known, self._chat.identity if self._chat and is_same else "")
        except tls.UnusableFile as error:
            raise Failed(str(error)) from None


def _parts(url: str) -> tuple[str, str, int]:
    """The scheme, host and port of an address. Raises `Failed`."""
    try:
        parts: SplitResult = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        scheme, host, port = "", "", None
    if scheme not in USUAL_PORTS or not host or "@" in parts.netloc or port == 0 or not (url.isascii() and url.isprintable()):
        raise Failed(f"the server gave no usable address for the file: {visible(url, 100)!r}.")
    return scheme, host, port or USUAL_PORTS[scheme]


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """A host as an address, without the zone; None if it is a name."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
