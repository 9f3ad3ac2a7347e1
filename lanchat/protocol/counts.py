"""Counts: what the server has counted since it started. Whoever sees something happen adds to these.

They are plain numbers, so that to count costs no call: a chunk, a batch or a commit at a time, not a packet. Each has a bounded
number of labels, which are codes and kinds of ours, never names or texts of people. How often a limit was met, `Limits` knows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

#: How a session ends when it is not the server that ends it (then it is a code of the wire): the client hung up, or the
#: connection broke.
HUNG_UP, LOST = "HUNG_UP", "LOST"
#: Bounds for a commit, from a fast disk's to one that nobody would wait for; and for a turn of the reactor. Seconds.
COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
TURN_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Waiting(Protocol):
    """What is held up (an outbox, as much of it as is needed)."""

    #: Bytes.
    waiting: int


class Histogram:
    """How often something took how many seconds. One thread adds to it; others may look."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self.bounds = tuple(bounds)
        #: How often it was up to each bound and over the one before, and last how often it was over all of them.
        self.counts = [0] * (len(self.bounds) + 1)
        #: Seconds in all.
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """It took so long this time."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Counts:
    """What happened, and who is held up now."""

    def __init__(self) -> None:
        #: Sessions that there were, by gateway; and those that have ended, by gateway and by how.
        self.opened: Counter[str] = Counter()
        self.closed: Counter[tuple[str, str]] = Counter()
        #: What came from clients, names among it, and what went to them.
        self.received = self.sent = 0
        #: Messages that went straight on, and deliveries of what had been stored (one message may have many); messages that
        #: could not be stored.
        self.relayed = self.delivered = self.lost = 0
        #: Readers that were so far behind that they must fetch what they missed.
        self.gaps = 0
        #: Packets, and connections without a name yet, that were refused: by code.
        self.refused: Counter[str] = Counter()
        #: Connections from networks that may not connect; those that are over a limit are in `Limits.met`.
        self.strangers = 0
        #: TLS that was agreed on, and connections that ended before it was.
        self.handshakes = self.failed_handshakes = 0
        #: What a commit took (counted by the thread that writes), and batches that could not be written.
        self.commits = Histogram(COMMIT_SECONDS)
        self.failed_commits = 0
        #: What a turn of the reactor took; on one that can't be asked that, by how much a timer was late.
        self.turns, self.lateness = Histogram(TURN_SECONDS), Histogram(TURN_SECONDS)
        #: Outboxes whose client does not read as fast as it is written to.
        self.held_up: set[Waiting] = set()

    @property
    def sessions(self) -> Counter[str]:
        """Those that there are, by gateway."""
        now = Counter(self.opened)
        for (gateway, _), count in self.closed.items():
            now[gateway] -= count
        return now
