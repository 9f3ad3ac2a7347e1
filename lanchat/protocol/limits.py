"""Limits: what one client may take of the server, so that the others have theirs.

One table: the options, the help and docs/security.md are made from it, and the operator's prompt shows it. A value is read
where it is used, each time, so a change counts at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from lanchat.protocol.errors import RateLimited


class Limit(NamedTuple):
    """One bound: its default, what it counts, and what happens to whoever is over it."""

    default: float
    unit: str
    consequence: str


LIMITS = {
    "users": Limit(20_000, "connections in total", "a new one is told that the server is full, and closed"),
    "per-address": Limit(500, "connections from one address, except loopback", "a new one is told so, and closed"),
    "opens": Limit(100, "new connections a second from one address, except loopback", "a new one is closed"),
    "packets": Limit(
        200, "packets a second from one session", "the server reads later; a command that costs several packets is refused"
    ),
    "bytes": Limit(262_144, "bytes a second from one connection", "the server reads later"),
    "outbox": Limit(
        262_144, "bytes waiting to be sent to one session", "some messages are left out; beyond that, it is told and closed"
    ),
    "opening": Limit(10, "seconds until a connection must have given its name", "it is told, and closed"),
    "waiting": Limit(10_000, "packets waiting to be stored", "the server reads later from their senders"),
    "accounts": Limit(100_000, "accounts", "no more can be made"),
    "devices": Limit(16, "devices of one account", "the one that has not been seen for longest is forgotten"),
    "registrations": Limit(
        100, "accounts made in an hour from one address, except loopback", "it must wait before making another"
    ),
    "logins": Limit(10, "logins a second to one account", "it must wait before the next login"),
    "rooms": Limit(1_000, "rooms", "no more can be made"),
    "owned": Limit(50, "existing rooms made by one account", "it must close one first"),
    "creations": Limit(20, "rooms made in an hour by one account", "it must wait before making another"),
    "joined": Limit(100, "rooms that one user is in", "the user must leave one first"),
    "members": Limit(10_000, "accounts that are members of one room", "no more can join it"),
    "invitations": Limit(1_000, "open invitations to one room", "no more can be sent"),
    "invites": Limit(100, "invitations sent in an hour by one account", "it must wait before sending another"),
    "sanctions": Limit(10_000, "server-wide bans and mutes, plus the same number in rooms", "no more can be made"),
    "room-sanctions": Limit(100, "bans and mutes in one room", "no more can be made there"),
    "decided": Limit(1_000, "bans and mutes in force that one account has made", "it can make no more"),
    "bad": Limit(100, "bad packets within 10 s", "the session is told, and closed"),
}
#: Rates and times, which may be fractions. All others count what is whole.
FRACTIONS = frozenset({"opens", "logins", "packets", "bytes", "opening"})
#: Bytes that each piece of what comes counts as, besides its own: to take it up is work, however short it is. A piece is what
#: is read at once; under TLS it is a record, which may have no content.
PIECE = 256
#: A session that was quiet may go over a rate for so many seconds.
BURST_SECONDS = 10
#: The seconds that a quota is for, and how many are remembered who took something of one.
HOUR, MOST = 3600.0, 10_000
#: What is wanting by so little is there.
ROUNDING = 1e-3


class Limits:
    """The bounds as they are now, and how often each was met."""

    def __init__(self, most: Mapping[str, float] | None = None) -> None:
        """`most` is what the system allows at the most, whatever is asked for."""
        self.most = dict(most or {})
        #: The values by name; lifted ones are infinite.
        self.values = {name: self._possible(name, limit.default) for name, limit in LIMITS.items()}
        #: How often somebody was over each.
        self.met: Counter[str] = Counter()

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def set(self, name: str, value: str | float) -> None:
        """Change a limit for everyone, at once; "off" lifts it. Raises `ValueError` that tells what would be right."""
        if name not in LIMITS:
            raise ValueError(f"there is no limit {name!r}; there are {', '.join(LIMITS)}")
        try:
            number = math.inf if value == "off" else float(value)
        except ValueError:
            number = math.nan
        fits = name in FRACTIONS or number == math.inf or number.is_integer()
        if not (number > 0 and fits):
            right = "a number" if name in FRACTIONS else "a whole number"
            raise ValueError(f"{value!r} is no value for {name}: write {right} above 0 ({LIMITS[name].unit}), or off")
        self.values[name] = self._possible(name, number)

    def _possible(self, name: str, value: float) -> float:
        return min(value, self.most.get(name, math.inf))


def written(value: float) -> str:
    """A value as one would write it: 50, 0.5, off."""
    return "off" if value == math.inf else f"{value:.12g}"


class Quota:
    """How many of something each may make in an hour: accounts from one address, or rooms of one account.

    What was made counts also when it is gone again. Of each it is kept when all of its quota will be there again.
    """

    def __init__(self, limits: Limits, name: str, seconds: Callable[[], float]) -> None:
        """`name` is the limit's; `seconds` tells the time, by a clock that does not go back."""
        self._limits = limits
        self._name = name
        self._seconds = seconds
        self._whole_at: dict[Hashable, float] = {}  # in the order in which they took something

    def check(self, who: Hashable, told: str) -> None:
        """Raise `RateLimited`, which begins with what shall be `told`, if nothing is left. Nothing is counted for None."""
        if who is None:
            return
        now = self._seconds()
        step = HOUR / self._limits[self._name]
        wait = self._whole_at.get(who, now) + step - now - HOUR
        if wait > ROUNDING:
            self._limits.met[self._name] += 1
            raise RateLimited(f"{told} Try again in {_minutes(wait)}.", retry_ms=math.ceil(wait * 1000))

    @contextmanager
    def taken(self, who: Hashable, told: str) -> Iterator[None]:
        """Take one for what is made in the block, and give it back if that raises. Raises as `check` does."""
        self.check(who, told)
        self._add(who, 1)
        try:
            yield
        except BaseException:
            self._add(who, -1)
            raise

    def _add(self, who: Hashable, count: int) -> None:
        if who is None:
            return
        now = self._seconds()
        whole_at = max(self._whole_at.pop(who, now), now) + count * HOUR / self._limits[self._name]
        if whole_at > now:
            self._whole_at[who] = whole_at
        while self._whole_at and (len(self._whole_at) > MOST or next(iter(self._whole_at.values())) <= now):
            del self._whole_at[next(iter(self._whole_at))]


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < 60 else f"{math.ceil(seconds / 60)} min"


class Bucket:
    """What is left of a rate: it fills at that rate, up to a burst, and may be overdrawn by the last who took from it.

    All that is kept is when it will be full again (the "virtual scheduling" of ITU-T I.371). Whoever asks says what time it
    is, in seconds of a clock that does not go back.
    """

    __slots__ = ("_full_at", "_limits", "_name", "_rate")

    def __init__(self, limits: Limits, name: str) -> None:
        self._limits = limits
        self._name = name
        self._rate = limits.values[name]
        self._full_at = 0.0

    def take(self, cost: float, now: float) -> bool:
        """Take so much, whether it is there or not; whether there surely is nothing to wait for afterwards."""
        rate = self._limits.values[self._name]
        if rate != self._rate:
            self._change(rate, now)
        self._full_at = full_at = max(self._full_at, now) + cost / rate
        return full_at - now <= BURST_SECONDS

    def wait(self, now: float, cost: float = 0.0) -> float:
        """How many seconds it takes until so much is there; for 0, until nothing is owed."""
        seconds = cost / self._limits.values[self._name]
        if max(self._full_at - now, 0.0) + seconds <= BURST_SECONDS:
            return 0.0
        seconds -= self._there(now)
        if seconds * self._rate <= ROUNDING:
            return 0.0
        self._limits.met[self._name] += 1
        return seconds

    def whole(self, most: int, now: float) -> int:
        """How many there are now, at most so many."""
        if max(self._full_at - now, 0.0) + most / self._limits.values[self._name] <= BURST_SECONDS:
            return most
        return max(0, int(min(most, self._there(now) * self._rate + ROUNDING)))

    def _there(self, now: float) -> float:
        """What there is, as the seconds in which so much comes; what is owed is below 0."""
        rate = self._limits.values[self._name]
        if rate != self._rate:
            self._change(rate, now)
        return _burst(rate) - max(self._full_at - now, 0.0)

    def _change(self, rate: float, now: float) -> None:
        """What is overdrawn stays as much as it was, but comes sooner or later; nothing is owed of what was there."""
        used = over = 0.0
        if self._rate != math.inf:
            used = max(self._full_at - now, 0.0) * self._rate
            over = max(used - _burst(self._rate) * self._rate, 0.0)
        self._full_at, self._rate = now + min(used / rate, _burst(rate) + over / rate), rate

    def afford(self, cost: float, now: float) -> float:
        """Take so much if it is there; if not, nothing is taken, and the seconds until it will be are told."""
        rate = self._limits.values[self._name]
        cost = min(cost, rate * _burst(rate))
        wait = self.wait(now, cost)
        if not wait:
            self.take(cost, now)
        return wait


class Buckets:
    """One rate for each of many, such as addresses; the `MOST` that were asked for last are remembered."""

    def __init__(self, limits: Limits, name: str) -> None:
        """`name` is the limit's."""
        self._limits = limits
        self._name = name
        self._of: dict[Hashable, Bucket] = {}

    def __len__(self) -> int:
        """Of how many something is remembered."""
        return len(self._of)

    def afford(self, who: Hashable, now: float) -> float:
        """Take one if it is there; if not, nothing is taken. Returns the seconds until one will be there."""
        bucket = self._of.pop(who, None) or Bucket(self._limits, self._name)
        self._of[who] = bucket  # the newest is the last
        if len(self._of) > MOST:
            del self._of[next(iter(self._of))]
        return bucket.afford(1, now)


def _burst(rate: float) -> float:
    """The seconds in which a bucket fills: one of what it counts it can always hold."""
    return max(BURST_SECONDS, 1 / rate)
