"""Targets: whom a sanction is about: a name, an account, or all who come from an address or a network."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol, TypeAlias, TypeVar

from lanchat.model.session import Account, Role, Session
from lanchat.protocol.errors import BadName, NoSuchTarget
from lanchat.protocol.names import Name, are_confusable, parse, skeletons
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import MAX_SPELLING

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
    name: Name | None = None
    account: Account | None = None
    network: Network | None = None

    @property
    def key(self) -> str:
        """What any spelling of that name has in common; "" if it is about no name."""
        return self.name.key if self.name is not None else ""

    def hits(self, session: Session) -> bool:
        """Whether this is somebody whom it is about; a stranger is who it wants to be."""
        if self.name is None:
            return self.covers(session.sender.ip)
        guests = self.account is None and session.role is Role.GUEST
        return session.name.key == self.name.key or (guests and are_confusable(session.name, self.name))

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


def find_target(text: str, account: Callable[[str], Account | None]) -> Target:
    """Whom somebody means; `account` knows the accounts. Raises `NoSuchTarget`."""
    text = text.strip().removeprefix("@")
    if len(text) > MAX_SPELLING:  # to read it would take long, and no name, address or network is so long
        raise _unknown(text)
    if (network := network_of(text)) is not None:
        return Target(_written(network), _written(network), network=network)
    if (found := account(text)) is not None:
        return Target(f"@{found.id}", found.name.shown, found.name, found)
    try:
        name = parse(text)
    except BadName:
        raise _unknown(text) from None
    return Target(name.key, name.shown, name)


def _unknown(text: str) -> NoSuchTarget:
    return NoSuchTarget(f"{visible(text, 40) or '(nothing)'} is no name, no address and no network.")


class Index:
    """The targets of the sanctions of one kind in one place, and which of them somebody is among."""

    def __init__(self) -> None:
        self._networks: dict[tuple[int, int, int], str] = {}  # by version, length and the leading bits of the address
        self._lengths: dict[int, Counter[int]] = {4: Counter(), 6: Counter()}  # by version: only these are looked for
        self._looks: dict[str, set[str]] = {}  # the names that have a look

    def add(self, target: str) -> None:
        """A sanction is about this (`Target.kept`), which no other was about."""
        if (network := network_of(target)) is not None:
            self._networks[_leading(network)] = target
            self._lengths[network.version][network.prefixlen] += 1
        elif not target.startswith("@"):
            for look in _looks(target):
                self._looks.setdefault(look, set()).add(target)

    def discard(self, target: str) -> None:
        """No sanction is about this any more."""
        if (network := network_of(target)) is not None:
            self._networks.pop(_leading(network), None)
            self._lengths[network.version] -= Counter({network.prefixlen: 1})  # (what is 0 is not there)
        elif not target.startswith("@"):
            for look in _looks(target):
                self._looks[look].discard(target)
                if not self._looks[look]:
                    del self._looks[look]

    def hitting(self, session: Session, account: Account | None) -> Iterator[str]:
        """All that a sanction about somebody may be kept under (`Target.kept`).

        A guest whose name looks like another's is taken for that one; an account never is, it has shown whose name it is.
        """
        yield session.name.key
        if account is not None:
            yield f"@{account.id}"
        elif self._looks:
            yield from self._alike(session.name)
        if self._networks:
            version, bits, address = _numbers(session.sender.ip)
            for length in self._lengths[version]:
                if (target := self._networks.get((version, length, address >> bits - length))) is not None:
                    yield target

    def _alike(self, name: Name) -> Iterator[str]:
        plain = name.shown.isascii()
        for target in {target for look in name.skeletons for target in self._looks.get(look, ())}:
            if not (plain and target.isascii()):
                yield target


class _About(Protocol):
    """Something that was decided, and about whom."""

    @property
    def kind(self) -> str:
        """The kind of the sanction: "mute" or "ban"."""

    @property
    def target(self) -> str:
        """Whom it is about, as the table of sanctions has it (`Target.kept`)."""


T = TypeVar("T", bound=_About)


class Place(dict[tuple[str, str], T]):
    """What was decided in one place, by kind and target; and which of it hits somebody."""

    def __init__(self) -> None:
        super().__init__()
        self._index: defaultdict[str, Index] = defaultdict(Index)

    def put(self, decided: T) -> None:
        """It is in force, in place of what was of its kind and about the same target."""
        if (decided.kind, decided.target) not in self:
            self._index[decided.kind].add(decided.target)
        self[decided.kind, decided.target] = decided

    def drop(self, decided: T) -> None:
        """It is not in force any more."""
        del self[decided.kind, decided.target]
        self._index[decided.kind].discard(decided.target)

    def hitting(self, kind: str, session: Session, account: Account | None) -> list[T]:
        """What of a kind hits somebody."""
        targets = self._index[kind].hitting(session, account)
        return [self[kind, target] for target in targets if (kind, target) in self]


def _looks(key: str) -> tuple[str, ...]:
    """What a name looks like of which only the key is kept."""
    return skeletons({key, key.upper()})


@functools.lru_cache(maxsize=4096)
def _there(address: str) -> IPv4Address | IPv6Address:
    """The address of a connection, without the interface that it came through."""
    return ip_address(address.partition("%")[0])


@functools.lru_cache(maxsize=4096)
def _numbers(address: str) -> tuple[int, int, int]:
    """The version of an address, how many bits it has, and the address as a number."""
    there = _there(address)
    return there.version, there.max_prefixlen, int(there)


def _leading(network: Network) -> tuple[int, int, int]:
    """The version of a network, its length, and the bits that all its addresses begin with."""
    length = network.prefixlen
    return network.version, length, int(network.network_address) >> network.max_prefixlen - length


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
