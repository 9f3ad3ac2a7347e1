"""A schedule of actions at given times, whether or not earlier ones are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from lanchat.stress.histogram import Histogram

#: Actions in one turn of the reactor; then incoming data is read.
MAX_PER_TURN = 50
SECOND = 1_000_000_000


class Schedule:
    """Acts at each of the given times, or as soon after as possible, and records how late it was.

    Latencies are measured from the scheduled time. So a stalled server (or tool) shows as stalled for as long as it was, and
    for everyone who would have sent something meanwhile. Measured from the time of sending, it would show as one slow answer.
    """

    def __init__(
        self,
        reactor: Any,
        times: Iterator[int],
        act: Callable[[int], object],
        lag: Callable[[], Histogram],
        now: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`times` are nanoseconds of `now`, in order; `act` is called with each."""
        self._reactor, self._times, self._act, self._lag, self._now = reactor, times, act, lag, now
        self._next = next(times, None)
        self._wait()

    def _wait(self) -> None:
        if self._next is not None:
            self._reactor.callLater(max(0, self._next - self._now()) / SECOND, self._run)

    def _run(self) -> None:
        """Act for each time that has come."""
        for _ in range(MAX_PER_TURN):
            if self._next is None or (late := self._now() - self._next) < 0:
                break
            self._lag().record(late)
            self._act(self._next)
            self._next = next(self._times, None)
        self._wait()
