"""Deadlines: one timer for many who all have the same time for something. Who began first is due first."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.protocol.interfaces import Clock, DelayedCall

#: Seconds that a clock may seem to be early for having been rounded.
ROUNDING = 1e-6
#: Seconds after which it is looked whether the time that each has is another now.
MAX_PAUSE = 5.0


class Deadlines:
    """Calls those whose time is up. A timer for each would cost each of them memory for as long as it might have taken."""

    def __init__(self, clock: Clock, seconds: Callable[[], float]) -> None:
        """`seconds` is how long each may take; it is asked each time, so a change counts at once."""
        self._clock = clock
        self._seconds = seconds
        self._began: dict[Callable[[], None], float] = {}
        self._timer: DelayedCall | None = None

    def begin(self, too_slow: Callable[[], None]) -> None:
        """Call this when its time is up."""
        self._began[too_slow] = self._clock.seconds()
        if self._timer is None:
            self._look_in(self._seconds())

    def end(self, too_slow: Callable[[], None]) -> None:
        """It was quick enough, or does not matter any more."""
        self._began.pop(too_slow, None)
        if not self._began and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._began:
            too_slow, began = next(iter(self._began.items()))
            left = began + self._seconds() - now
            if left > ROUNDING:
                self._look_in(left)
                return
            del self._began[too_slow]
            too_slow()

    def _look_in(self, seconds: float) -> None:
        self._timer = self._clock.callLater(min(seconds, MAX_PAUSE), self._look)
