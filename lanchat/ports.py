"""Ports: what an operator writes for one, as the endpoint strings of Twisted."""

from __future__ import annotations

import socket

from twisted.internet.endpoints import serverFromString
from twisted.python import usage

#: Connections that may wait to be accepted: 1,000 clients that open at one moment all get in.
BACKLOG = 4096


def endpoints(port: str, *, loopback: bool = False) -> list[str]:
    """The endpoint strings for what was given as a port; raises `UsageError` when that is none."""
    if port.isascii() and port.isdigit():
        if int(port) > 65535:
            raise usage.UsageError(f"{port} is no port: it is a number up to 65535, or an endpoint such as tcp:5000.")
        families = [f"tcp:{int(port)}:interface=127.0.0.1"] if loopback else _families(int(port))
        return [f"{family}:backlog={BACKLOG}" for family in families]
    own_backlog = ":backlog=" in port or not port.startswith(("tcp:", "tcp6:", "unix:", "ssl:"))
    description = port if own_backlog else f"{port}:backlog={BACKLOG}"
    try:
        serverFromString(None, description)
    except (ValueError, TypeError, LookupError, OSError) as error:
        hint = "Write 5000, or tcp:5000:interface=127.0.0.1."
        raise usage.UsageError(f"{port!r} is no port and no endpoint ({error}). {hint}") from None
    return [description]


def _families(port: int) -> list[str]:
    """All addresses: one IPv6 socket where the system lets it serve IPv4 too, else one for each family there is."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
            both = not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return [f"tcp:{port}"]
    six = rf"tcp6:{port}:interface=\:\:"
    return [six] if both else [six, f"tcp:{port}"]
