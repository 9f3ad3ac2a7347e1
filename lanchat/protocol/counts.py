"""Counters and histograms of the server, from which its metrics are made (docs/metrics.md).

They are plain numbers, so that counting costs no call, and are added to once for each chunk, batch or commit, not for each
packet. Labels are codes and kinds of ours, so their number is bounded; they are never names or texts of users. How often a
limit was met is in `Limits.met`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

#: How a session ended, if the server did not end it (then it is a code of the wire): the client hung up, or the connection
#: broke.
HUNG_UP, LOST = "HUNG_UP", "LOST"
#: Upper bounds of the histograms' buckets, in seconds: of commits, from those of a fast disk to far too slow ones, and of turns
#: of the reactor.
COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
TURN_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class WriteQueue(Protocol):
    """What the counters need of an outbox that is held up by its client."""

    #: Bytes that wait to be written.
    waiting: int


class Histogram:
    """How many times something took how many seconds. Only one thread may add to it; others may read."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self.bounds = tuple(bounds)
        #: For each bound, how many durations were at most that and over the bound before; last, how many were over all bounds.
        self.counts = [0] * (len(self.bounds) + 1)
        #: The sum of all durations, in seconds.
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count something that took this many seconds."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Counts:
    """All counters of one server, and the clients that are held up now."""

    def __init__(self) -> None:
        #: Sessions that began, by gateway; and those that ended, by gateway and reason.
        self.opened: Counter[str] = Counter()
        self.closed: Counter[tuple[str, str]] = Counter()
        #: Packets that came from clients, names among them, and packets that were sent to them.
        self.received = self.sent = 0
        #: Messages that were relayed without being stored; deliveries of stored ones (one message may have many); messages that
        #: could not be stored.
        self.relayed = self.delivered = self.not_stored = 0
        #: How many times a client was told to fetch the messages that it had missed, as it was too far behind.
        self.gaps = 0
        #: Refused packets, and refused connections that had no name yet, by code.
        self.refused: Counter[str] = Counter()
        #: Connections from networks that may not connect (`--allow`); those over a limit are in `Limits.met`.
        self.denied = 0
        #: Finished TLS handshakes, and connections that ended before theirs was finished.
        self.handshakes = self.failed_handshakes = 0
        #: Durations of commits (added by the writing thread), and batches that could not be written.
        self.commits = Histogram(COMMIT_SECONDS)
        self.failed_commits = 0
        #: Durations of turns of the reactor; with a reactor that can't measure them, how late timers were.
        self.turns, self.timer_delays = Histogram(TURN_SECONDS), Histogram(TURN_SECONDS)
        #: Outboxes whose client reads more slowly than it is written to.
        self.slow_readers: set[WriteQueue] = set()

    @property
    def sessions(self) -> Counter[str]:
        """The number of sessions now, by gateway."""
        now = Counter(self.opened)
        for (gateway, _), count in self.closed.items():
            now[gateway] -= count
        return now
