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
        self._names = _all_names(names)

    def use(self, names: Iterable[str]) -> list[str]:
        """Make these the names of the option, as in `__init__`; returns all names now, or none if nothing has changed."""
        before, self._names = self._names, _all_names(names)
        return sorted(self._names) if self._names != before else []

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["six"] or match["name"]
        return _is_address(name) or (match["name"] or "").lower().rstrip(".") in self._names


def _all_names(names: Iterable[str]) -> set[str]:
    return {"localhost", *machine_names(), *(name.lower().rstrip(".") for name in names)}


def machine_names() -> set[str]:
    """The machine's names, in lower case: as it calls itself, with its domain, and as in multicast DNS (RFC 6762)."""
    host = socket.gethostname().lower()
    first = host.partition(".")[0]
    return {host, first, f"{first}.local", socket.getfqdn().lower()}


def is_same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header (RFC 6454) belongs to a page that came from the host in the Host header, port included.

    The scheme is not compared: a proxy before the server may add TLS.
    """
    return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False
