"""A histogram of durations, in bounded memory: a million durations take no more than a thousand."""

from __future__ import annotations

import math
from collections import Counter

#: Buckets in each doubling of the duration: a value that is read back is at most 1/64 too large.
_BUCKETS_PER_DOUBLING = 64
_BITS = _BUCKETS_PER_DOUBLING.bit_length()


class Histogram:
    """Durations in nanoseconds, in buckets whose width grows with the duration (as in HdrHistogram)."""

    def __init__(self, buckets: dict[int, int] | None = None, largest: int = 0) -> None:
        self._buckets = Counter(buckets or {})
        #: The largest duration, exactly.
        self.max = largest

    def __len__(self) -> int:
        return self._buckets.total()

    def record(self, nanoseconds: int) -> None:
        """Count a duration; a negative one counts as 0."""
        self._buckets[_bucket(max(0, nanoseconds))] += 1
        self.max = max(self.max, nanoseconds)

    def merge(self, other: Histogram) -> None:
        """Add the durations of another histogram."""
        self._buckets.update(other._buckets)
        self.max = max(self.max, other.max)

    def percentile(self, percent: float) -> int:
        """The duration in nanoseconds that so many percent did not exceed; 0 if there are none."""
        wanted, seen = math.ceil(len(self) * percent / 100), 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= wanted:
                return min(_upper_bound(index), self.max)
        return 0

    def as_json(self) -> list[object]:
        """The histogram as JSON values, for `from_json` in another process."""
        return [list(self._buckets.items()), self.max]

    @classmethod
    def from_json(cls, data: list[object]) -> Histogram:
        """The histogram that `as_json` was called on."""
        buckets, largest = data
        return cls(dict(buckets), int(largest))  # type: ignore[call-overload]  # JSON has no types


def _bucket(value: int) -> int:
    """The number of a duration's bucket: one for each value at first, then 64 for each doubling."""
    shift = max(0, value.bit_length() - _BITS)
    return shift * _BUCKETS_PER_DOUBLING + (value >> shift)


def _upper_bound(index: int) -> int:
    """The largest duration of a bucket."""
    shift = max(0, index // _BUCKETS_PER_DOUBLING - 1)
    return ((index - shift * _BUCKETS_PER_DOUBLING + 1) << shift) - 1
