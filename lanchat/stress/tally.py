"""Counts and latencies of a while, of one process or of all of them together."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from lanchat.stress.histogram import Histogram

#: Texts that are counted separately; the server may send any number of different ones, so the rest are counted together.
MAX_TEXTS = 20
OTHER_TEXTS = "(other words)"


class Tally:
    """Counts and latencies, which can be added up and sent between processes."""

    def __init__(self) -> None:
        #: Events by kind: opened, welcomed, left, sent, delivered, undelivered, asked, answered, failed, ...
        self.counts: Counter[str] = Counter()
        #: Connections that got no welcome, by the error.
        self.refused: Counter[str] = Counter()
        #: Connections that the server closed, by the reason.
        self.closed: Counter[str] = Counter()
        #: Errors that the server answered with, by code.
        self.errors: Counter[str] = Counter()
        #: Latencies from the scheduled time: message, command, shout, welcome. And the load tool's own lateness, in sending
        #: (lag) and in connecting (opening_lag).
        self.times: defaultdict[str, Histogram] = defaultdict(Histogram)

    def add(self, other: Tally) -> None:
        """Add the counts and times of another tally to these."""
        self.counts.update(other.counts)
        for mine, others in ((self.refused, other.refused), (self.closed, other.closed), (self.errors, other.errors)):
            for text, count in others.items():
                count_text(mine, text, count)
        for name, times in other.times.items():
            self.times[name].merge(times)

    def as_json(self) -> dict[str, Any]:
        """The tally as JSON values, for `from_json` in another process."""
        times = {name: histogram.as_json() for name, histogram in self.times.items()}
        return {**{name: value for name, value in vars(self).items() if name != "times"}, "times": times}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        """The tally that `as_json` was called on."""
        tally = cls()
        tally.counts, tally.refused, tally.closed, tally.errors = (
            Counter(data[name]) for name in ("counts", "refused", "closed", "errors")
        )
        tally.times.update({name: Histogram.from_json(times) for name, times in data["times"].items()})
        return tally


def count_text(counter: Counter[str], text: str, count: int = 1) -> None:
    """Count a text; at most `MAX_TEXTS` different ones are kept."""
    counter[text if text in counter or len(counter) < MAX_TEXTS else OTHER_TEXTS] += count
