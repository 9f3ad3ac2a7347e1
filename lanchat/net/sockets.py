"""The socket options of clients' connections, their unsent bytes, and their addresses as text."""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IConsumer, IPushProducer, ITCPTransport
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol

#: Keepalive: a silent connection is probed after 30 s and then every 15 s; one that answers nothing for 60 s (in ms) is dead.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
#: The kernel's buffers for a connection in bytes, each way (Linux doubles it, for its own needs too).
SYSTEM_BUFFER = 131_072
#: The same for a connection that sends or gets a large file, as long as it does, each way in which it does.
WIDE_BUFFER = 1_048_576


class ITransport(ITCPTransport, IConsumer, IPushProducer):
    """The interfaces that all TCP transports of Twisted have, also with TLS: they take a producer, and are one."""

    def getHandle() -> socket.socket:
        """The socket beneath, for its options and buffers."""


def set_options(listening: socket.socket) -> None:
    """Set the options of connections on the listening socket, from which they inherit them: once, and not for each.

    Keepalive: a machine that lost its power or cable is given up, and its name becomes free, after 75 s. Small buffers:
    otherwise the kernel would hold megabytes for a client that does not read before we notice. SO_OOBINLINE: otherwise the
    kernel would take a byte that telnet marks as urgent (RFC 854, "Synch") out of its place and break up a command.
    """
    if listening.family not in (socket.AF_INET, socket.AF_INET6):
        return
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # packets are collected already
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BUFFER)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BUFFER)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # Linux has all of them
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def set_read_size(transport: Any, without_tls: int, with_tls: int) -> Callable[[], None]:
    """Read so many bytes at once from a connection, without TLS or with it; returns what sets the size that it had before."""
    size = without_tls
    while isinstance(transport, ProtocolWrapper):  # TLS, or a proxy's header
        if isinstance(transport, TLSMemoryBIOProtocol):
            size = with_tls
        transport = transport.transport
    before = getattr(transport, "bufferSize", size)
    transport.bufferSize = size
    return lambda: setattr(transport, "bufferSize", before)


def widen(transport: Any, option: int) -> Callable[[], None]:
    """Let the kernel buffer more of a large file: `socket.SO_RCVBUF` or `SO_SNDBUF`. Returns what ends that.

    With small buffers, sender and receiver wait for each other at every turn.
    """
    opened = transport.getHandle() if hasattr(transport, "getHandle") else None

    def use(size: int) -> None:
        if opened is not None and opened.fileno() >= 0:
            opened.setsockopt(socket.SOL_SOCKET, option, size)

    use(WIDE_BUFFER)
    return lambda: use(SYSTEM_BUFFER)


def unsent_bytes(transport: object) -> int:
    """Bytes that were given to a transport of Twisted and that the kernel has not taken yet; with TLS, encrypted bytes too."""
    text = sum(map(len, getattr(transport, "_appSendBuffer", ())))  # not encrypted yet
    beneath = getattr(transport, "transport", transport)
    buffered = len(getattr(beneath, "dataBuffer", b"")) - getattr(beneath, "offset", 0) + getattr(beneath, "_tempDataLen", 0)
    return text + int(buffered)


@functools.lru_cache(maxsize=4096)
def _format_host(host: str) -> str:
    """An address as it is shown: IPv4 for an IPv4 address mapped into IPv6."""
    try:
        return str(getattr(ipaddress.ip_address(host), "ipv4_mapped", None) or host)
    except ValueError:
        return host


def address_of(peer: IAddress) -> str:
    """The address of a connection as it is shown; loopback for a UNIX socket."""
    return _format_host(getattr(peer, "host", "127.0.0.1"))


@functools.lru_cache(maxsize=4096)
def _format_url_host(host: str) -> str:
    """An address as it is written in a URL; the name of the machine for an address that means it on one network only."""
    shown = _format_host(host)
    if "%" in shown:
        return socket.gethostname()
    return f"[{shown}]" if ":" in shown else shown


def url_host(address: IAddress) -> str:
    """An address of ours as it is written in a URL (RFC 3986, 3.2.2); loopback for a UNIX socket."""
    return _format_url_host(getattr(address, "host", "127.0.0.1"))
