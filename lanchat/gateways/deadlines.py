"""Deadlines: one timer for many calls that all have the same delay, so the first to begin is the first to be due."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.protocol.interfaces import Clock, DelayedCall

#: Seconds by which a call may come too early because times are rounded.
ROUNDING = 1e-6
#: Seconds after which a change of the delay is noticed, at the latest.
MAX_PAUSE = 5.0


class Deadlines:
    """Calls functions when their time is up. A timer for each connection without a name would take more memory."""

    def __init__(self, clock: Clock, seconds: Callable[[], float]) -> None:
        """`seconds` returns the delay; it is asked each time, so that a change holds for those that have begun, too."""
        self._clock = clock
        self._seconds = seconds
        self._began: dict[Callable[[], None], float] = {}
        self._timer: DelayedCall | None = None
        self._looking = False

    def begin(self, too_slow: Callable[[], None]) -> None:
        """Start the time of this function, which is called when it is up; it may begin its time anew then."""
        self._began[too_slow] = self._clock.seconds()
        if self._timer is None and not self._looking:
            self._look_in(self._seconds())

    def end(self, too_slow: Callable[[], None]) -> None:
        """Don't call this function any more."""
        self._began.pop(too_slow, None)
        if not self._began and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer, self._looking = None, True
        try:
            self._call_due(self._clock.seconds())
        finally:
            self._looking = False
            if self._began:
                self._look_in(next(iter(self._began.values())) + self._seconds() - self._clock.seconds())

    def _call_due(self, now: float) -> None:
        while self._began:
            too_slow, began = next(iter(self._began.items()))
            if began + self._seconds() - now > ROUNDING:
                return
            del self._began[too_slow]
            too_slow()

    def _look_in(self, seconds: float) -> None:
        self._timer = self._clock.callLater(max(0.0, min(seconds, MAX_PAUSE)), self._look)
