"""Timers: calls that are made later, each by what is called, and at most once however often it was asked for."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timers:
    """What a conversation has still to do."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._calls: dict[Callable[[], None], IDelayedCall] = {}

    def __contains__(self, call: object) -> bool:
        return call in self._calls

    def now(self) -> float:
        """Seconds; they only go forward."""
        return self._clock.seconds()

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        """Call this in so many seconds, and not when it was to be called before."""
        self.stop(call)

        def ring() -> None:
            del self._calls[call]
            call()

        self._calls[call] = self._clock.callLater(seconds, ring)

    def stop(self, *calls: Callable[[], None]) -> None:
        """Do not call these."""
        for call in calls:
            if (timer := self._calls.pop(call, None)) is not None:
                timer.cancel()

    def stop_all(self) -> None:
        """Call nothing any more."""
        self.stop(*self._calls)
