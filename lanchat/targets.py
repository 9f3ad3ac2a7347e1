"""Targets: whom a sanction is about: a name, an account, or all who come from an address or a network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from lanchat.errors import BadName, NoSuchTarget
from lanchat.names import parse
from lanchat.packet import visible
from lanchat.session import Account, Session

#: The machine itself (RFC 1122, 4291).
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a sanction is about: a name, an account, or all who come from somewhere."""

    #: As the table has it: the key of a name, "@" and the number of an account, or an address or network.
    kept: str
    #: As people write it.
    shown: str
    #: Of a name, or of the account's.
    key: str = ""
    account: Account | None = None
    network: Network | None = None

    def hits(self, session: Session) -> bool:
        """Whether this is somebody whom it is about; a stranger is who it wants to be."""
        return session.name.key == self.key or self.covers(session.sender.ip)

    def covers(self, address: str) -> bool:
        """Whether it is about all who come from this address."""
        return self.network is not None and _there(address) in self.network

    @property
    def is_machine(self) -> bool:
        """Whether it is about the machine itself, from where the operator sets right what went wrong."""
        mine = self.network
        return mine is not None and any(mine.version == loop.version and mine.overlaps(loop) for loop in LOOPBACK)

    @property
    def forms(self) -> set[str]:
        """What a sanction that is about it may be kept under: it may be older than the account."""
        return {self.kept, self.key or self.kept}


def aim(text: str, account: Callable[[str], Account | None]) -> Target:
    """Whom somebody means; `account` knows the accounts. Raises `NoSuchTarget`."""
    text = text.strip().removeprefix("@")
    if (network := network_of(text)) is not None:
        return Target(_written(network), _written(network), network=network)
    if (found := account(text)) is not None:
        return Target(f"@{found.id}", found.name.shown, found.name.key, found)
    try:
        name = parse(text)
    except BadName:
        raise NoSuchTarget(f"{visible(text, 40) or '(nothing)'} is no name, no address and no network.") from None
    return Target(name.key, name.shown, name.key)


def kept_under(session: Session, account: Account | None, lengths: Collection[int]) -> Iterator[str]:
    """All that a sanction that is about somebody may be kept under; `lengths` are those of the networks there are."""
    yield session.name.key
    if account is not None:
        yield f"@{account.id}"
    if lengths:
        there = _there(session.sender.ip)
        for length in lengths:
            if length <= there.max_prefixlen:
                yield _written(ip_network((str(there), length), strict=False))


@functools.lru_cache(maxsize=4096)
def _there(address: str) -> IPv4Address | IPv6Address:
    """The address of a connection, without the interface that it came through."""
    return ip_address(address.partition("%")[0])


def network_of(text: str) -> Network | None:
    """The network, or the one address, that this text is; IPv4 where it is that written as IPv6."""
    address, slash, length = text.partition("/")
    try:
        network = ip_network(address.partition("%")[0] + slash + length, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ip_network((str(mapped), network.prefixlen - 96), strict=False)
    return network


def _written(network: Network) -> str:
    whole = network.prefixlen == network.max_prefixlen
    return str(network.network_address if whole else network)
