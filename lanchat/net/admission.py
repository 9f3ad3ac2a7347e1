"""Decides which connections are accepted, by their network and by the limits on connections, before a byte of them is read."""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter
from typing import TypeAlias

from twisted.logger import Logger

from lanchat.net.addresses import is_loopback, limit_key
from lanchat.protocol.counts import Counts
from lanchat.protocol.errors import ChatError, Full
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Buckets, Limits
from lanchat.protocol.packet import visible

#: The networks that may connect by default: loopback, link-local and private ones (RFC 1122, 1918, 3927, 4193, 4291).
LOCAL_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fe80::/10",
    "fc00::/7",
)
#: The value of `--allow` that lets everyone in.
ANY = "any"

#: An IP network that may connect.
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_log = Logger("lanchat.edge")


class Admission:
    """Counts the connections of all gateways, and refuses those over a limit or from networks that are not allowed."""

    def __init__(self, limits: Limits, clock: Clock, networks: list[Network] | None, counts: Counts) -> None:
        """`networks` are those that may connect; None allows all."""
        self.limits = limits
        #: Open connections by the key of their address (`limit_key`).
        self.connections: Counter[str] = Counter()
        #: All open connections.
        self.total = 0
        self._counts = counts
        self._clock = clock
        self._networks = networks
        self._reset_cache()
        self._opens = Buckets(limits, "opens")

    def set_networks(self, networks: list[Network] | None) -> bool:
        """Change the networks that may connect; returns whether they differ. Open connections stay."""
        changed = networks != self._networks
        self._networks = networks
        self._reset_cache()
        return changed

    def count_outside(self) -> int:
        """The number of open connections from networks that may not connect any more."""
        counts = self.connections.items()
        return sum(count for counted, count in counts if not _is_inside(self._networks, counted.partition("/")[0]))

    def _reset_cache(self) -> None:
        """Whether an address is in a network is looked up once per address."""
        self._inside = functools.lru_cache(maxsize=4096)(functools.partial(_is_inside, self._networks))

    def allows(self, address: str) -> bool:
        """Whether an address is in a network that may connect; if not, it is counted and logged."""
        if self._inside(address):
            return True
        self._counts.denied += 1
        _log_refusal(address, "is not in a network that may connect (--allow)")
        return False

    def includes(self, address: str) -> bool:
        """Whether an address is in a network that may connect: also for where the server itself connects to."""
        return self._inside(address)

    def admit(self, address: str) -> ChatError | None:
        """Count a connection; returns the error if it must be refused. In both cases `release` must be called at its end."""
        counted = limit_key(address)
        self.connections[counted] += 1
        self.total += 1
        error = None
        if self.total > self.limits["users"]:
            error = self._full("users", "The server is full. Try again later.")
        elif not is_loopback(address):
            if self.connections[counted] > self.limits["per-address"]:
                error = self._full("per-address", "There are too many connections from your address.")
            elif self._opens.of(counted).try_take(1, self._clock.seconds()):
                error = Full("There are too many connections from your address at once. Try again in a second.")
        if error is not None:
            _log_refusal(address, str(error))
        return error

    def release(self, address: str) -> None:
        """Count the end of a connection."""
        counted = limit_key(address)
        self.connections[counted] -= 1
        self.total -= 1
        if not self.connections[counted]:
            del self.connections[counted]

    def _full(self, name: str, text: str) -> Full:
        self.limits.met[name] += 1
        return Full(text)


def parse_networks(texts: list[str]) -> list[Network] | None:
    """The networks of `--allow`: the local ones if there are none, None for "any". Raises `ValueError`."""
    if ANY in texts:
        return None
    return [ipaddress.ip_network(text, strict=False) for text in texts or LOCAL_NETWORKS]


def _log_refusal(address: str, why: str) -> None:
    _log.warn("refused {ip}: {why}", ip=visible(address, 60), why=why)


def _is_inside(networks: list[Network] | None, address: str) -> bool:
    if networks is None:
        return True
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip in network for network in networks)
