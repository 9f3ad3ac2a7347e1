"""Lateness: how late a timer is, which shows on any reactor whether it has time. Our own can say what each turn takes."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.protocol.interfaces import Clock

#: Seconds between two looks.
EVERY = 1.0


class ReactorDelay:
    """A timer that tells by how much it was late."""

    def __init__(self, clock: Clock, late: Callable[[float], object]) -> None:
        """`late` is told of each time, in seconds."""
        self._clock = clock
        self._late = late

    def begin(self) -> None:
        """From now on."""
        self._due = self._clock.seconds() + EVERY
        self._clock.callLater(EVERY, self._look)

    def _look(self) -> None:
        self._late(max(0.0, self._clock.seconds() - self._due))
        self.begin()
