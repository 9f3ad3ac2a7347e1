"""Limits: what one client may take of the server, so that the others have theirs.

One table: the options, the help and docs/security.md are made from it, and the operator's prompt shows it. A value is read
where it is used, each time, so a change counts at once.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from lanchat.interfaces import Clock


class Limit(NamedTuple):
    """One bound: its default, what it counts, and what happens to whoever is over it."""

    default: float
    unit: str
    consequence: str


LIMITS = {
    "users": Limit(20_000, "connections in all", "a new one is told that the server is full, and closed"),
    "per-address": Limit(500, "connections from one address, loopback exempt", "a new one is told so, and closed"),
    "opens": Limit(100, "connections a second from one address, loopback exempt", "a new one is closed"),
    "packets": Limit(200, "packets a second from one session", "reading waits; /shout and /list are refused"),
    "bytes": Limit(262_144, "bytes a second from one connection", "reading waits"),
    "outbox": Limit(262_144, "bytes that wait for one session", "it is told, and closed"),
    "opening": Limit(10, "seconds until a connection has its name", "it is told, and closed"),
    "bad": Limit(100, "bad packets within 10 s", "the session is told, and closed"),
}
#: A session that was quiet may go over a rate for so many seconds.
BURST_SECONDS = 10


class Limits:
    """The bounds as they are now, and how often each was met."""

    def __init__(self) -> None:
        #: The values by name; lifted ones are infinite.
        self.values: dict[str, float] = {name: limit.default for name, limit in LIMITS.items()}
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
        if not number > 0:
            raise ValueError(f"{value!r} is no value for {name}: write a number above 0 ({LIMITS[name].unit}), or off")
        self.values[name] = number


class Bucket:
    """What is left of a rate: it fills at that rate, up to a burst, and may be overdrawn by the last who took from it."""

    def __init__(self, limits: Limits, name: str, clock: Clock) -> None:
        self._limits = limits
        self._name = name
        self._clock = clock
        self._left = limits[name] * BURST_SECONDS
        self._at = clock.seconds()

    def spend(self, cost: float) -> float:
        """Take so much; how many seconds it takes until nothing is owed."""
        return self._owed(self._fill() - cost)

    def afford(self, cost: float) -> float:
        """Take so much if it is there; if not, nothing is taken, and the seconds until it will be are told."""
        left = self._fill()
        wait = self._owed(left - min(cost, self._limits[self._name] * BURST_SECONDS))
        if wait:
            self._left = left
        return wait

    def _fill(self) -> float:
        rate, now = self._limits[self._name], self._clock.seconds()
        passed, self._at = max(0.0, now - self._at), now
        return min(self._left + passed * rate, rate * BURST_SECONDS) if math.isfinite(rate) else math.inf

    def _owed(self, left: float) -> float:
        self._left = left
        if left >= -1e-3:  # what is owed to rounding is forgiven
            return 0.0
        self._limits.met[self._name] += 1
        return -left / self._limits[self._name]
