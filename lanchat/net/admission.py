"""Edge: who may connect, and how many. Asked once for each connection, before a byte of it is read."""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter

from twisted.logger import Logger

from lanchat.net.addresses import counted_as, is_loopback
from lanchat.protocol.counts import Counts
from lanchat.protocol.errors import ChatError, Full
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Buckets, Limits
from lanchat.protocol.packet import visible

#: Loopback, link-local and the private ranges (RFC 1122, 1918, 3927, 4193, 4291).
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
#: `--allow` of this lets everyone in.
ANY = "any"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_log = Logger("lanchat.edge")


class Admission:
    """Counts the connections of all gateways, and refuses those that are too many or from elsewhere."""

    def __init__(self, limits: Limits, clock: Clock, networks: list[Network] | None, counts: Counts) -> None:
        """`networks` are those that may connect; None lets everyone in."""
        self.limits = limits
        #: Connections, by what their addresses are counted as (`counted_as`).
        self.connections: Counter[str] = Counter()
        #: And in all.
        self.total = 0
        self._counts = counts
        self._clock = clock
        self._networks = networks
        self._remember()
        self._opens = Buckets(limits, "opens")

    def allow(self, networks: list[Network] | None) -> bool:
        """Let in connections from these networks from now on; whether they are others. Who is connected stays."""
        changed = networks != self._networks
        self._networks = networks
        self._remember()
        return changed

    def outside(self) -> int:
        """How many connections there are from where none is let in any more."""
        counts = self.connections.items()
        return sum(count for counted, count in counts if not _inside(self._networks, counted.partition("/")[0]))

    def _remember(self) -> None:
        """Of each address it is found out once whether it is inside."""
        self._inside = functools.lru_cache(maxsize=4096)(functools.partial(_inside, self._networks))

    def allows(self, address: str) -> bool:
        """Whether a connection from there is let in at all."""
        if self._inside(address):
            return True
        self._counts.denied += 1
        _refused(address, "is not in a network that may connect (--allow)")
        return False

    def admit(self, address: str) -> ChatError | None:
        """Count a connection; why it must be refused, if it must. `left` is for both."""
        counted = counted_as(address)
        self.connections[counted] += 1
        self.total += 1
        error = None
        if self.total > self.limits["users"]:
            error = self._full("users", "The server is full. Try again later.")
        elif not is_loopback(address):
            if self.connections[counted] > self.limits["per-address"]:
                error = self._full("per-address", "There are too many connections from your address.")
            elif self._opens.try_take(counted, self._clock.seconds()):
                error = Full("There are too many connections from your address at once. Try again in a second.")
        if error is not None:
            _refused(address, str(error))
        return error

    def left(self, address: str) -> None:
        """A connection has ended."""
        counted = counted_as(address)
        self.connections[counted] -= 1
        self.total -= 1
        if not self.connections[counted]:
            del self.connections[counted]

    def _full(self, name: str, text: str) -> Full:
        self.limits.met[name] += 1
        return Full(text)


def networks(texts: list[str]) -> list[Network] | None:
    """The networks of `--allow`, the local ones if there are none, None for "any"; raises `ValueError`."""
    if ANY in texts:
        return None
    return [ipaddress.ip_network(text, strict=False) for text in texts or LOCAL_NETWORKS]


def _refused(address: str, why: str) -> None:
    _log.warn("refused {ip}: {why}", ip=visible(address, 60), why=why)


def _inside(among: list[Network] | None, address: str) -> bool:
    if among is None:
        return True
    there = ipaddress.ip_address(address.partition("%")[0])
    return any(there in network for network in among)
