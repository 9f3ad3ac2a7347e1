"""Histogram: how long things took, in bounded room, so that a million times cost no more than a thousand."""

from __future__ import annotations

import math
from collections import Counter

#: Buckets of one width in each doubling: what is read back is at most 1/64 too large.
_WIDTHS = 64
_BITS = _WIDTHS.bit_length()


class Histogram:
    """Times in nanoseconds, in buckets that grow with what they count (as HdrHistogram has them)."""

    def __init__(self, buckets: dict[int, int] | None = None, largest: int = 0) -> None:
        self._buckets = Counter(buckets or {})
        #: The largest, exactly.
        self.max = largest

    def __len__(self) -> int:
        return self._buckets.total()

    def record(self, nanoseconds: int) -> None:
        """Count one; what is below zero is zero."""
        self._buckets[_index(max(0, nanoseconds))] += 1
        self.max = max(self.max, nanoseconds)

    def merge(self, other: Histogram) -> None:
        """Count all that another has counted."""
        self._buckets.update(other._buckets)
        self.max = max(self.max, other.max)

    def percentile(self, percent: float) -> int:
        """The nanoseconds that so many percent did not exceed; 0 if there is nothing."""
        wanted, seen = math.ceil(len(self) * percent / 100), 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= wanted:
                return min(_largest(index), self.max)
        return 0

    def as_json(self) -> list[object]:
        """For `from_json`, in another process."""
        return [list(self._buckets.items()), self.max]

    @classmethod
    def from_json(cls, said: list[object]) -> Histogram:
        """What `as_json` said."""
        buckets, largest = said
        return cls(dict(buckets), int(largest))  # type: ignore[call-overload]  # JSON has no types


def _index(value: int) -> int:
    """The number of the bucket: exact at first, then 64 for each doubling."""
    shift = max(0, value.bit_length() - _BITS)
    return shift * _WIDTHS + (value >> shift)


def _largest(index: int) -> int:
    """The largest value of a bucket."""
    shift = max(0, index // _WIDTHS - 1)
    return ((index - shift * _WIDTHS + 1) << shift) - 1
