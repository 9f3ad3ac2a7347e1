"""Measures how late a timer is, for reactors that can't measure their turns as `lanchat.net.reactor` does."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.protocol.interfaces import Clock

#: Seconds between two measurements.
INTERVAL = 1.0


class ReactorDelayTimer:
    """A timer that reports how late it was called."""

    def __init__(self, clock: Clock, on_delay: Callable[[float], object]) -> None:
        """`on_delay` is called with each delay in seconds."""
        self._clock = clock
        self._on_delay = on_delay

    def start(self) -> None:
        """Start the timer, for the next measurement."""
        self._due = self._clock.seconds() + INTERVAL
        self._clock.callLater(INTERVAL, self._check)

    def _check(self) -> None:
        self._on_delay(max(0.0, self._clock.seconds() - self._due))
        self.start()
