"""Sockets: what every client's connection asks of the system, and how its address is written."""

from __future__ import annotations

import functools
import ipaddress
import socket

from twisted.internet.interfaces import IAddress, IConsumer, IPushProducer, ITCPTransport

#: A silent connection is probed after 30 s, and again every 15 s; one that answers nothing for 60 s (here in ms) is dead.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
#: Bytes that the system may keep for a connection each way (Linux takes twice as many, for its own needs too).
SYSTEM_BUFFER = 131_072


class ITransport(ITCPTransport, IConsumer, IPushProducer):
    """What Twisted's TCP transports are, over TLS too: they take a producer, and are one."""

    def getHandle() -> socket.socket:
        """The socket beneath, for its options and its buffers."""


def prepare(listening: socket.socket) -> None:
    """Set what each connection needs on the socket that listens for them, whose options they inherit: once, not for each.

    A machine that lost its power or its cable says nothing: it is given up, and its name is free, after 75 seconds.
    The system would let megabytes wait for a client that does not read, before we learn of it; it is told not to.
    It would take a byte that telnet marks as urgent (RFC 854, "Synch") out of its place, and leave half of a command there.
    """
    if listening.family not in (socket.AF_INET, socket.AF_INET6):
        return
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # packets are collected; waiting would only be late
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BUFFER)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BUFFER)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # Linux has them all
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def unsent(transport: object) -> int:
    """Bytes that a transport of Twisted's was given and that the system has not taken yet; in encrypted form over TLS."""
    text = sum(map(len, getattr(transport, "_appSendBuffer", ())))  # what TLS has not encrypted yet
    beneath = getattr(transport, "transport", transport)
    buffered = len(getattr(beneath, "dataBuffer", b"")) - getattr(beneath, "offset", 0) + getattr(beneath, "_tempDataLen", 0)
    return text + int(buffered)


@functools.lru_cache(maxsize=4096)
def _shown(host: str) -> str:
    """An address as it is stamped: IPv4 where it is that in an IPv6 socket."""
    try:
        return str(getattr(ipaddress.ip_address(host), "ipv4_mapped", None) or host)
    except ValueError:
        return host


def address_of(peer: IAddress) -> str:
    """The address of a connection as it is stamped; loopback for a UNIX socket."""
    return _shown(getattr(peer, "host", "127.0.0.1"))
