"""Posting to an HTTP server: one request on a connection of its own, to an address that was looked at first.

It is made for servers that nobody vouches for: the name is resolved here, and only an address that is allowed is connected to,
so no name can lead elsewhere; a redirection is an answer like any other, and is not followed; time and size of the answer are
bounded, and of its content nothing is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IResolutionReceiver
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.protocol.packet import visible

#: Seconds for one address to take the connection; for all of it; and for what follows the head of an answer without a length.
CONNECT_SECONDS, POST_SECONDS, REST_SECONDS = 5.0, 15.0, 1.0
#: The most bytes of an answer that are read, and the longest URL.
MAX_ANSWER, MAX_URL = 65_536, 1000
#: Addresses of one name that are tried, at most.
MAX_ADDRESSES = 4

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r?\n", re.IGNORECASE)
_END = re.compile(rb"\r?\n\r?\n")
_FORBIDDEN = re.compile(r"[^!-~]")


class PostFailed(Exception):
    """There was no answer; the text says why, in one line."""


class Target(NamedTuple):
    """Where to post, taken from a URL."""

    secure: bool
    host: str
    port: int
    #: The path and the query, as they are sent.
    path: str

    @property
    def authority(self) -> str:
        """The host, and the port unless it is the usual one, as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Where a URL leads. Raises `ValueError`, whose text says what is wrong with it."""
    if len(url) > MAX_URL or _FORBIDDEN.search(url):
        raise ValueError(f"A URL here has at most {MAX_URL} characters, all of them ASCII and no blanks.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("That is no URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("A URL here begins with http:// or https:// and a host.")
    if parts.username is not None or parts.password is not None or port == 0:
        raise ValueError("A URL here has no user name, no password, and a port above 0.")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, parts.hostname, port or (443 if secure else 80), path)


async def post(reactor: Any, target: Target, body: bytes, headers: Mapping[str, str], is_allowed: Callable[[str], bool]) -> int:
    """Post this; the status of the answer. Raises `PostFailed`, after `POST_SECONDS` at the latest.

    `is_allowed` is asked for each IP address, of which the first ones that are allowed are tried.
    """
    exchange: Deferred[int] = Deferred.fromCoroutine(_post(reactor, target, body, headers, is_allowed))
    late = reactor.callLater(POST_SECONDS, exchange.cancel)
    try:
        return await exchange
    except CancelledError:
        if late.active():
            raise  # (it was cancelled by whoever waits for it)
        raise PostFailed(f"{target.authority} did not answer within {POST_SECONDS:.0f} seconds") from None
    finally:
        if late.active():
            late.cancel()


async def _post(
    reactor: Any, target: Target, body: bytes, headers: Mapping[str, str], is_allowed: Callable[[str], bool]
) -> int:
    lines = {"Host": target.authority, **headers, "Content-Length": str(len(body)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    exchange = _Exchange(reactor, f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    await _connect(reactor, target, exchange, await _addresses(reactor, target.host, is_allowed))
    try:
        return await exchange.done
    finally:
        exchange.close()


async def _addresses(reactor: Any, host: str, is_allowed: Callable[[str], bool]) -> list[str]:
    """The allowed addresses of a host. Raises `PostFailed`."""
    with suppress(ValueError):
        return _allowed([str(ip_address(host))], is_allowed)
    receiver = _Addresses()
    reactor.nameResolver.resolveHostName(receiver, host, addressTypes=[IPv4Address, IPv6Address])
    found = await receiver.done
    if not found:
        raise PostFailed(f"there is no address for {host}")
    return _allowed(found, is_allowed)


def _allowed(addresses: Sequence[str], is_allowed: Callable[[str], bool]) -> list[str]:
    allowed = [address for address in addresses if is_allowed(address)]
    if not allowed:
        raise PostFailed(f"{addresses[0]} is in no network that is allowed (--allow)")
    return allowed[:MAX_ADDRESSES]


class _Exchanges(Factory):
    """Makes the one exchange of a connection; it has no lines in the log, as there is one for each message."""

    noisy = False


async def _connect(reactor: Any, target: Target, exchange: _Exchange, addresses: Sequence[str]) -> None:
    """Connect to the first address that takes the connection. Raises `PostFailed`."""
    why = ""
    for address in addresses:
        make = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        endpoint: Any = make(reactor, address, target.port, timeout=CONNECT_SECONDS)
        if target.secure:
            endpoint = wrapClientTLS(optionsForClientTLS(target.host), endpoint)
        try:
            await endpoint.connect(_Exchanges.forProtocol(lambda: exchange))
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it was, it is told)
            why = visible(str(error) or type(error).__name__, 200)
        else:
            return
    raise PostFailed(f"{target.authority} could not be reached: {why}")


@implementer(IResolutionReceiver)
class _Addresses:
    """Collects the addresses of a name."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self.done: Deferred[list[str]] = Deferred()

    def resolutionBegan(self, resolution: object) -> None:
        """Do nothing: the addresses come later."""

    def addressResolved(self, address: Any) -> None:
        """Note an address."""
        self._found.append(address.host)

    def resolutionComplete(self) -> None:
        """Tell all that were found."""
        self.done.callback(self._found)


class _Exchange(Protocol):
    """The connection: it sends a request, and reads the status of the answer, and no more than it must of the rest."""

    transport: Any

    def __init__(self, clock: Any, request: bytes) -> None:
        self._clock = clock
        self._request = request
        self._status = 0
        self._got = b""
        self._rest: Any = None
        #: Fires with the status, or fails with `PostFailed`.
        self.done: Deferred[int] = Deferred()

    def connectionMade(self) -> None:
        """Send the request."""
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Read the head of the answer; heads with a status below 200 come before it (RFC 9110, 15.2), and count with it."""
        self._got += data
        self._received += len(data)
        while not self._status and (end := _END.search(self._got)):
            head = self._got[: end.end()]
            if (match := _STATUS.match(head)) is None:
                self._finish("what was answered is no HTTP")
                return
            if int(match[1]) < 200:
                self._got = self._got[end.end() :]
                continue
            self._status, length = int(match[1]), _LENGTH.search(head)
            if length is not None:
                self._wanted = min(end.end() + int(length[1]), MAX_ANSWER)
            else:  # (the other side closes at the end, or never)
                self._wanted = MAX_ANSWER
                self._rest = self._clock.callLater(REST_SECONDS, self._finish)
        if len(self._got) >= self._wanted if self._status else self._received >= MAX_ANSWER:
            self._finish("the head of the answer is too long")

    _wanted = MAX_ANSWER
    _received = 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the status, if it came."""
        self._finish(f"the connection was closed without an answer: {visible(reason.getErrorMessage(), 200)}")

    def close(self) -> None:
        """Close the connection, if there is one; nothing that still comes is read."""
        if self._rest is not None and self._rest.active():
            self._rest.cancel()
        if self.transport is not None and self.connected:
            self.transport.abortConnection()

    def _finish(self, why: str = "") -> None:
        if self.done.called:
            return
        if self._status:
            self.done.callback(self._status)
        else:
            self.done.errback(PostFailed(why))
