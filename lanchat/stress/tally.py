"""Tally: what was counted and timed in a while, in one process or in all of them together."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from lanchat.stress.histogram import Histogram

#: Kinds of words that are told apart; more are counted together, for the server may put anything into them.
MAX_WORDS = 20
OTHERS = "(other words)"


class Tally:
    """Counts and times, which can be added up and sent between processes."""

    def __init__(self) -> None:
        #: What happened, by what it was: opened, welcomed, left, sent, delivered, undelivered, asked, answered, failed, ...
        self.counts: Counter[str] = Counter()
        #: Connections that came to nothing, by the words for it.
        self.refused: Counter[str] = Counter()
        #: Connections that ended unasked, by the words for it.
        self.closed: Counter[str] = Counter()
        #: What the server answered with an error, by its code.
        self.errors: Counter[str] = Counter()
        #: How long it took from the intended moment: message, command, shout, welcome; and our own lateness, in speaking
        #: (lag) and in connecting (opening_lag).
        self.times: defaultdict[str, Histogram] = defaultdict(Histogram)

    def add(self, other: Tally) -> None:
        """Add what another has."""
        self.counts.update(other.counts)
        for mine, more in ((self.refused, other.refused), (self.closed, other.closed), (self.errors, other.errors)):
            for words, count in more.items():
                note(mine, words, count)
        for name, times in other.times.items():
            self.times[name].merge(times)

    def as_json(self) -> dict[str, Any]:
        """For `from_json`, in another process."""
        times = {name: histogram.as_json() for name, histogram in self.times.items()}
        return {**{name: value for name, value in vars(self).items() if name != "times"}, "times": times}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Tally:
        """What `as_json` said."""
        tally = cls()
        tally.counts, tally.refused, tally.closed, tally.errors = (
            Counter(said[name]) for name in ("counts", "refused", "closed", "errors")
        )
        tally.times.update({name: Histogram.from_json(times) for name, times in said["times"].items()})
        return tally


def note(counter: Counter[str], words: str, count: int = 1) -> None:
    """Count these words, in bounded room."""
    counter[words if words in counter or len(counter) < MAX_WORDS else OTHERS] += count
