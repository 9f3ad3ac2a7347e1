"""Limits on what one client may take of the server, so that enough is left for the others.

The options, their help and docs/security.md are made from one table, and the operators' prompt shows it. The value of a limit
is read each time it is used, so a change takes effect at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from lanchat.protocol.errors import RateLimited


class Limit(NamedTuple):
    """One limit: its default, what it counts, and what happens when it is exceeded."""

    default: float
    unit: str
    consequence: str


#: All limits by name, as in the options and at the operators' prompt.
LIMITS = {
    "users": Limit(20_000, "connections in total", "a new one is told that the server is full, and closed"),
    "per-address": Limit(500, "connections from one address, except loopback", "a new one is told so, and closed"),
    "opens": Limit(100, "new connections a second from one address, except loopback", "a new one is closed"),
    "requests": Limit(
        200, "requests a second for parts of the chat page from one address", "they are answered later, or refused"
    ),
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
    "invites": Limit(
        100,
        "invitations sent in an hour by one account or address",
        "it must wait before sending another",
    ),
    "ranks": Limit(1_000, "accounts with a rank in one room", "no more can be given one"),
    "renames": Limit(20, "changes of name in an hour by one guest", "the guest keeps its name for now"),
    "notices": Limit(10, "messages a second from one bot", "the bot is told to wait"),
    "file": Limit(50_000_000, "bytes of one file", "it is refused before it is sent"),
    "account-files": Limit(
        1_000_000_000, "bytes of all files of one account, or one address without an account", "no more can be sent"
    ),
    "files": Limit(10_000_000_000, "bytes of all files", "no more can be sent"),
    "free-disk": Limit(1_000_000_000, "bytes of free disk that files leave", "no more can be sent"),
    "uploads": Limit(20, "files being sent at the same time", "another one must wait"),
    "address-uploads": Limit(4, "files being sent at the same time from one address, except loopback", "another one must wait"),
    "upload-idle": Limit(
        30, "seconds in which less than 16 KiB of a file being sent come", "it is given up, and the connection is closed"
    ),
    "hooks": Limit(20, "webhooks of one room", "no more can be made there"),
    "hook-posts": Limit(10, "messages a second from one webhook", "its sender is told to try again, and when"),
    "streams": Limit(100, "streams of messages open at the same time for one account", "no more can be opened"),
    "sanctions": Limit(10_000, "server-wide bans and mutes, plus the same number in rooms", "no more can be made"),
    "room-sanctions": Limit(100, "bans and mutes in one room", "no more can be made there"),
    "masks": Limit(20, "bans and mutes by mask in one room, or on the server", "no more can be made there"),
    "decided": Limit(1_000, "bans and mutes in force that one account has made", "it can make no more"),
    "changes": Limit(100, "edits of one message and reactions to it by one account", "it can make no more"),
    "reactions": Limit(500, "reactions to one message, with those that others took the place of", "there can be no more"),
    "bad": Limit(100, "bad packets within 10 s", "the session is told, and closed"),
}
#: Limits that may be fractions, as they are rates or times; all others are whole numbers.
FRACTIONAL = frozenset({"opens", "requests", "logins", "notices", "hook-posts", "packets", "bytes", "opening", "upload-idle"})
#: Bytes that are added to the size of each read, as handling a read costs time however short it is. Under TLS a read is a
#: record, which may be empty.
READ_OVERHEAD = 256
#: A session that was quiet may send this many seconds' worth of a rate at once.
BURST_SECONDS = 10
#: The period of a quota, in seconds, and the number of keys (addresses, accounts) that a `Quota` or `Buckets` remembers.
HOUR, MAX_REMEMBERED = 3600.0, 10_000
#: Smaller shortages are ignored, as they come from rounding.
ROUNDING = 1e-3


class Limits:
    """The values of all limits, and how often each was met."""

    def __init__(self, ceilings: Mapping[str, float] | None = None) -> None:
        """`ceilings` are the highest values that the operating system allows, whatever is set."""
        self.ceilings = dict(ceilings or {})
        #: The values by name; a limit that is off is infinite.
        self.values = {name: self._capped(name, limit.default) for name, limit in LIMITS.items()}
        #: How often each limit was exceeded.
        self.met: Counter[str] = Counter()

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def set(self, name: str, value: str | float) -> None:
        """Change a limit for all clients at once; "off" removes it. Raises `ValueError`, whose text says what is allowed."""
        if name not in LIMITS:
            raise ValueError(f"unknown limit {name!r}; the limits are {', '.join(LIMITS)}")
        try:
            number = math.inf if value == "off" else float(value)
        except ValueError:
            number = math.nan
        fits = name in FRACTIONAL or number == math.inf or number.is_integer()
        if not (number > 0 and fits):
            right = "a number" if name in FRACTIONAL else "a whole number"
            raise ValueError(f"{value!r} is not a valid value for {name}: write {right} above 0 ({LIMITS[name].unit}), or off")
        self.values[name] = self._capped(name, number)

    def _capped(self, name: str, value: float) -> float:
        return min(value, self.ceilings.get(name, math.inf))


def format_value(value: float) -> str:
    """The value of a limit as it is written in options: 50, 0.5, off."""
    return "off" if value == math.inf else f"{value:.12g}"


class Quota:
    """How many of something each key may make in an hour: accounts for one address, rooms for one account.

    Things that were removed again still count. For each key only the time is remembered at which its whole quota will be
    available again.
    """

    def __init__(self, limits: Limits, name: str, seconds: Callable[[], float]) -> None:
        """`name` is the name of the limit; `seconds` returns the time of a monotonic clock."""
        self._limits = limits
        self._name = name
        self._seconds = seconds
        self._whole_at: dict[Hashable, float] = {}  # the key that took something last is the last

    def check(self, key: Hashable, message: str) -> None:
        """Raise `RateLimited`, whose text begins with `message`, if nothing is left for this key. The key None is exempt."""
        if key is None:
            return
        now = self._seconds()
        step = HOUR / self._limits[self._name]
        wait = self._whole_at.get(key, now) + step - now - HOUR
        if wait > ROUNDING:
            self._limits.met[self._name] += 1
            raise RateLimited(f"{message} Try again in {_minutes(wait)}.", retry_ms=math.ceil(wait * 1000))

    @contextmanager
    def take(self, key: Hashable, message: str) -> Iterator[None]:
        """Take one for what the block makes, and give it back if the block raises. Raises as `check` does."""
        self.check(key, message)
        self._add(key, 1)
        try:
            yield
        except BaseException:
            self._add(key, -1)
            raise

    def _add(self, key: Hashable, count: int) -> None:
        if key is None:
            return
        now = self._seconds()
        whole_at = max(self._whole_at.pop(key, now), now) + count * HOUR / self._limits[self._name]
        if whole_at > now:
            self._whole_at[key] = whole_at
        while self._whole_at and (len(self._whole_at) > MAX_REMEMBERED or next(iter(self._whole_at.values())) <= now):
            del self._whole_at[next(iter(self._whole_at))]


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < 60 else f"{math.ceil(seconds / 60)} min"


class Bucket:
    """A token bucket: it fills at the rate of a limit up to a burst, and the last to take from it may overdraw it.

    Only the time is stored at which it will be full again ("virtual scheduling", ITU-T I.371). Callers pass `now`, in seconds
    of a monotonic clock.
    """

    __slots__ = ("_full_at", "_limits", "_name", "_rate")

    def __init__(self, limits: Limits, name: str) -> None:
        self._limits = limits
        self._name = name
        self._rate = limits.values[name]
        self._full_at = 0.0

    def take(self, cost: float, now: float) -> bool:
        """Take `cost`, whether it is there or not. True if the caller surely need not `wait` now; if False, `wait` tells."""
        rate = self._limits.values[self._name]
        if rate != self._rate:
            self._change(rate, now)
        if self._full_at < now:  # noqa: PLR1730 (`max` is slower, and this is done twice for each packet)
            self._full_at = now
        self._full_at += cost / rate
        return self._full_at - now <= BURST_SECONDS

    def take_one(self, now: float) -> bool:
        """Take one if it is surely there, and another one too; otherwise take nothing, and `available` tells how many are."""
        rate = self._limits.values[self._name]
        full_at = (self._full_at if self._full_at > now else now) + 1 / rate  # noqa: FURB136 (as in `take`)
        if rate != self._rate or full_at + 1 / rate - now > BURST_SECONDS:
            return False
        self._full_at = full_at
        return True

    def wait(self, now: float, cost: float = 0.0) -> float:
        """Seconds until `cost` is there; for a cost of 0, until the bucket is not overdrawn."""
        seconds = cost / self._limits.values[self._name]
        if max(self._full_at - now, 0.0) + seconds <= BURST_SECONDS:
            return 0.0
        seconds -= self._available_seconds(now)
        if seconds * self._rate <= ROUNDING:
            return 0.0
        self._limits.met[self._name] += 1
        return seconds

    def available(self, maximum: int, now: float) -> int:
        """How many are there now, at most `maximum`."""
        seconds = maximum / self._limits.values[self._name]
        if seconds <= BURST_SECONDS and self._full_at - now + seconds <= BURST_SECONDS:
            return maximum
        return max(0, int(min(maximum, self._available_seconds(now) * self._rate + ROUNDING)))

    def _available_seconds(self, now: float) -> float:
        """What is there, as the seconds that it takes to come in; negative if the bucket is overdrawn."""
        rate = self._limits.values[self._name]
        if rate != self._rate:
            self._change(rate, now)
        return _burst_seconds(rate) - max(self._full_at - now, 0.0)

    def _change(self, rate: float, now: float) -> None:
        """Adopt another rate. The amount that is overdrawn stays the same, and is paid back at the new rate."""
        used = over = 0.0
        if self._rate != math.inf:
            used = max(self._full_at - now, 0.0) * self._rate
            over = max(used - _burst_seconds(self._rate) * self._rate, 0.0)
        self._full_at, self._rate = now + min(used / rate, _burst_seconds(rate) + over / rate), rate

    def try_take(self, cost: float, now: float) -> float:
        """Take `cost` if it is there and return 0; if not, take nothing and return the seconds until it will be there."""
        rate = self._limits.values[self._name]
        cost = min(cost, rate * _burst_seconds(rate))
        wait = self.wait(now, cost)
        if not wait:
            self.take(cost, now)
        return wait


class Buckets:
    """A bucket for each key, such as an address; those of the `MAX_REMEMBERED` keys used last are kept."""

    def __init__(self, limits: Limits, name: str) -> None:
        """`name` is the name of the limit."""
        self._limits = limits
        self._name = name
        self._of: dict[Hashable, Bucket] = {}

    def __len__(self) -> int:
        return len(self._of)

    def of(self, key: Hashable) -> Bucket:
        """The bucket of a key."""
        bucket = self._of.pop(key, None) or Bucket(self._limits, self._name)
        self._of[key] = bucket  # the key used last is the last
        if len(self._of) > MAX_REMEMBERED:
            del self._of[next(iter(self._of))]
        return bucket


def _burst_seconds(rate: float) -> float:
    """Seconds in which an empty bucket fills; long enough that at least one fits into it."""
    return max(BURST_SECONDS, 1 / rate)
