"""Timers by the function that they call: starting one again restarts it, so each function is called once at most."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timers:
    """The calls that a session has scheduled."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._calls: dict[Callable[[], None], IDelayedCall] = {}

    def __contains__(self, call: object) -> bool:
        return call in self._calls

    def now(self) -> float:
        """The time in seconds, by a clock that only goes forward."""
        return self._clock.seconds()

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` in `seconds` seconds. If it was scheduled already, the earlier time is dropped."""
        self.stop(call)

        def ring() -> None:
            del self._calls[call]
            call()

        self._calls[call] = self._clock.callLater(seconds, ring)

    def stop(self, *calls: Callable[[], None]) -> None:
        """Cancel these calls; those that are not scheduled are ignored."""
        for call in calls:
            if (timer := self._calls.pop(call, None)) is not None:
                timer.cancel()

    def stop_all(self) -> None:
        """Cancel all scheduled calls, as the session has ended."""
        self.stop(*self._calls)
