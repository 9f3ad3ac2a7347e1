"""Sockets: what every client's connection asks of the system, and how its address is written."""

from __future__ import annotations

import ipaddress
import socket

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress, ITCPTransport

from lanchat.gateways.outbox import ITransport

#: A silent connection is probed after 30 s, and again every 15 s; one that answers nothing for 60 s (here in ms) is dead.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
#: Bytes that the system may keep for a connection each way (Linux takes twice as many, for its own needs too).
SYSTEM_BUFFER = 131_072


def prepare(transport: ITransport) -> None:
    """A machine that lost its power or its cable says nothing: it is given up, and its name is free, after 75 seconds.

    The system would let megabytes wait for a client that does not read, before we learn of it; it is told not to.
    """
    if not ITCPTransport.providedBy(transport) or isinstance(transport.getPeer(), UNIXAddress):
        return
    transport.setTcpNoDelay(True)  # packets are collected in the outbox; waiting for more would only be late
    transport.setTcpKeepAlive(True)
    handle = transport.getHandle()
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BUFFER)
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BUFFER)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # Linux has them all
            handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def address_of(peer: IAddress) -> str:
    """The address of a connection as it is stamped: IPv4 where it is that in an IPv6 socket; loopback for a UNIX socket."""
    host = getattr(peer, "host", "127.0.0.1")
    try:
        mapped = getattr(ipaddress.ip_address(host), "ipv4_mapped", None)
    except ValueError:
        return str(host)
    return str(mapped or host)
