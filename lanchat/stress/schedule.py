"""Schedule: things that are to happen at their times, whether or not what came before them is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from lanchat.stress.histogram import Histogram

#: After so many in one turn of the event loop what has come in is read.
A_TURN = 50
SECOND = 1_000_000_000


class Schedule:
    """Acts at each of some times, or as soon after as it can, and writes down how late it was.

    What is measured from the intended time shows a server (or a tool) that stalled for as long as it did, and for everyone
    who would have spoken meanwhile. Measured from the moment of sending, it would show as one slow answer.
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
        """Do what is due."""
        for _ in range(A_TURN):
            if self._next is None or (late := self._now() - self._next) < 0:
                break
            self._lag().record(late)
            self._act(self._next)
            self._next = next(self._times, None)
        self._wait()
