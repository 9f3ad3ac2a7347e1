"""Targets of sanctions: a name, an account, a mask, an address or a network; and a quick search for those that hit somebody."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol, TypeAlias, TypeVar

from lanchat.model import masks
from lanchat.model.names import Name, are_confusable, parse, skeletons
from lanchat.model.session import Account, Session
from lanchat.protocol.errors import BadName, Forbidden, NoSuchTarget
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import MAX_SPELLING

#: The addresses of the machine itself (RFC 1122, RFC 4291).
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

Network: TypeAlias = IPv4Network | IPv6Network
#: The version of an IP address, a number of leading bits of it, and the value of these bits.
Prefix: TypeAlias = tuple[int, int, int]
#: The kind and the target of a sanction, as they are stored.
KindAndTarget: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a sanction: a name, an account, a mask, or all connections from an address or a network."""

    #: As it is stored: the key of a name, "@" and the number of an account, a mask, or an address or a network.
    kept: str
    #: As people write it.
    shown: str
    #: The name, or that of the account; None for a mask, an address or a network.
    name: Name | None = None
    account: Account | None = None
    network: Network | None = None

    @property
    def key(self) -> str:
        """The key of the name; "" for a mask, an address or a network."""
        return self.name.key if self.name is not None else ""

    def hits(self, session: Session) -> bool:
        """Whether a session is meant. A pending login counts as the account that it wants to log in to."""
        if self.is_mask:
            return masks.hits(self.kept, session)
        if self.name is None:
            return self.covers(session.sender.ip)
        guests = self.account is None and session.is_guest
        return session.name.key == self.name.key or (guests and are_confusable(session.name, self.name))

    @property
    def is_mask(self) -> bool:
        """Whether it is a mask."""
        return masks.is_mask(self.kept)

    def covers(self, address: str) -> bool:
        """Whether it is an address or a network that includes this address."""
        return self.network is not None and _there(address) in self.network

    @property
    def is_machine(self) -> bool:
        """Whether it includes the machine itself, from which the operator must be able to connect."""
        mine = self.network
        return mine is not None and any(mine.version == loop.version and mine.overlaps(loop) for loop in LOOPBACK)

    @property
    def forms(self) -> set[str]:
        """How sanctions on it may be stored: also under the name, as a sanction may be older than the account."""
        return {self.kept, self.key or self.kept}


def find_target(text: str, account: Callable[[str], Account | None]) -> Target:
    """Read a target that somebody wrote; `account` finds an account by its name.

    Raises `NoSuchTarget`, or `Forbidden` for a mask that would hit everybody.
    """
    written, text = text.strip(), text.strip().removeprefix("@")
    if len(text) > MAX_SPELLING:  # (reading it would take long, and no name, address or network is so long)
        raise _unknown(text)
    if masks.hits_everybody(text):
        raise Forbidden(f"Nothing was done: {text} would hit everybody.")
    if mask := masks.parse_mask(written) if masks.as_network(text) == text else "":
        return Target(mask, mask)
    if (network := network_of(masks.as_network(text))) is not None:
        return Target(_written(network), _written(network), network=network)
    if (found := account(text)) is not None:
        return Target(f"@{found.id}", found.name.shown, found.name, found)
    try:
        name = parse(text)
    except BadName:
        raise _unknown(text) from None
    return Target(name.key, name.shown, name)


def _unknown(text: str) -> NoSuchTarget:
    return NoSuchTarget(f"{visible(text, 40) or '(nothing)'} is not a name, a mask, an address or a network.")


class Index:
    """The targets of the sanctions of one kind in one room, or on the server, and which of them hit a session."""

    def __init__(self) -> None:
        self._networks: dict[Prefix, str] = {}  # by version, length and the leading bits of the address
        self._lengths: dict[int, Counter[int]] = {
            4: Counter(),
            6: Counter(),
        }  # by version: lengths of prefixes that there are
        self._by_skeleton: dict[str, set[str]] = {}  # by skeleton, the names that have it
        self._masks: dict[str, None] = {}  # (there are few: the limit `masks`)

    def add(self, target: str) -> None:
        """Add a target (`Target.kept`), which has not been added before."""
        if masks.is_mask(target):
            self._masks[target] = None
        elif (network := network_of(target)) is not None:
            self._networks[_leading(network)] = target
            self._lengths[network.version][network.prefixlen] += 1
        elif not target.startswith("@"):
            for skeleton in _skeletons(target):
                self._by_skeleton.setdefault(skeleton, set()).add(target)

    def discard(self, target: str) -> None:
        """Remove a target, as no sanction is about it any more."""
        if masks.is_mask(target):
            self._masks.pop(target, None)
        elif (network := network_of(target)) is not None:
            self._networks.pop(_leading(network), None)
            self._lengths[network.version] -= Counter({network.prefixlen: 1})  # (drops those that are 0)
        elif not target.startswith("@"):
            for skeleton in _skeletons(target):
                self._by_skeleton[skeleton].discard(target)
                if not self._by_skeleton[skeleton]:
                    del self._by_skeleton[skeleton]

    def hitting(self, session: Session, account: Account | None) -> Iterator[str]:
        """The targets that a session may be hit by (`Target.kept`), if it is of this account (None: a guest's).

        A sanction on a name also hits guests whose name looks like it, but no account with such a name.
        """
        yield session.name.key
        if account is not None:
            yield f"@{account.id}"
        elif self._by_skeleton:
            yield from self._alike(session.name)
        for mask in self._masks:
            if masks.matches(mask, session.name.key, account is not None):
                yield mask
        if self._networks:
            version, bits, address = _numbers(session.sender.ip)
            for length in self._lengths[version]:
                if (target := self._networks.get((version, length, address >> bits - length))) is not None:
                    yield target

    def _alike(self, name: Name) -> Iterator[str]:
        plain = name.shown.isascii()
        for target in {target for skeleton in name.skeletons for target in self._by_skeleton.get(skeleton, ())}:
            if not (plain and target.isascii()):
                yield target


class _About(Protocol):
    """Something with a kind and a target, such as a sanction."""

    @property
    def kind(self) -> str:
        """The kind: "mute" or "ban"."""

    @property
    def target(self) -> str:
        """The target, as it is stored (`Target.kept`)."""


T = TypeVar("T", bound=_About)


class SanctionTable(dict[KindAndTarget, T]):
    """The sanctions in one room, or on the whole server, by kind and target."""

    def __init__(self) -> None:
        super().__init__()
        self._index: defaultdict[str, Index] = defaultdict(Index)

    def put(self, decided: T) -> None:
        """Add a sanction, in place of one of its kind with the same target."""
        if (decided.kind, decided.target) not in self:
            self._index[decided.kind].add(decided.target)
        self[decided.kind, decided.target] = decided

    def drop(self, decided: T) -> None:
        """Remove the sanction of this kind with this target. Raises `KeyError` if there is none."""
        del self[decided.kind, decided.target]
        self._index[decided.kind].discard(decided.target)

    def hitting(self, kind: str, session: Session, account: Account | None) -> list[T]:
        """The sanctions of a kind that hit a session, if it is of this account (None: a guest's)."""
        targets = self._index[kind].hitting(session, account)
        return [self[kind, target] for target in targets if (kind, target) in self]


def _skeletons(key: str) -> tuple[str, ...]:
    """The skeletons of a name of which only the key is known."""
    return skeletons({key, key.upper()})


@functools.lru_cache(maxsize=4096)
def _there(address: str) -> IPv4Address | IPv6Address:
    """The address of a connection, without the zone of a link-local one (`%eth0`)."""
    return ip_address(address.partition("%")[0])


@functools.lru_cache(maxsize=4096)
def _numbers(address: str) -> Prefix:
    """The version of an address, its length in bits, and its value."""
    there = _there(address)
    return there.version, there.max_prefixlen, int(there)


def _leading(network: Network) -> Prefix:
    """The version of a network, the length of its prefix in bits, and the value of that."""
    length = network.prefixlen
    return network.version, length, int(network.network_address) >> network.max_prefixlen - length


def network_of(text: str) -> Network | None:
    """Read a network, or a single address; an IPv4 address that is mapped to IPv6 is IPv4. None if it is neither."""
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
