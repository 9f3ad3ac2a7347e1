"""Hosts: under which names browsers may reach the chat page, so that a page of somebody else's can't use it.

Without this, a page on another site could open a WebSocket to this server through a colleague's browser, and speak for them
(cross-site WebSocket hijacking), or let its own name lead to our address (DNS rebinding), and read what we answer.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address

#: Matches a Host header: an IPv6 address in brackets, or a name or IPv4 address; and a port (RFC 9110, 7.2).
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:/@\[\]]+))(?::\d{1,5})?")


class Hosts:
    """The names under which this server is reached. Any IP address is one of them, as nobody can let one lead elsewhere."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names` are those of the option `--http-name`, beside the machine's own and `localhost`."""
        self._names = {"localhost", *machine_names(), *map(str.lower, names)}

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["six"] or match["name"]
        return _is_address(name) or (match["name"] or "").lower().rstrip(".") in self._names


def machine_names() -> set[str]:
    """The machine's name, in lower case; its first part alone; and that with `.local`, as in multicast DNS (RFC 6762)."""
    full = socket.gethostname().lower()
    first = full.partition(".")[0]
    return {full, first, f"{first}.local"}


def is_same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header (RFC 6454) belongs to a page that came from the host in the Host header, port included.

    The scheme is not compared: a proxy before the server may add TLS.
    """
    return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False
