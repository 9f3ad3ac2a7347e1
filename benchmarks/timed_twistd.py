"""`twistd` that writes down its longest turn: run as `python -m benchmarks.timed_twistd ...` in place of `twistd ...`.

On SIGUSR2 the longest turn of the reactor since the last one is written to the file `turns`: its milliseconds, and those of the
turn that took the processor for longest, which others on the machine make no longer.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from select import epoll
from typing import Any

from twisted.scripts.twistd import run

from lanchat.net import reactor as reactors

#: Where the figures are written to.
TURNS = Path("turns")


class Watched(reactors.TimedPoll):
    """Remembers the longest turns."""

    def __init__(self, poller: epoll, on_turn: Callable[[float], object]) -> None:
        super().__init__(poller, self._turned)
        self._then = on_turn
        self.longest = self.busiest = 0.0
        self._began = time.thread_time()
        signal.signal(signal.SIGUSR2, self.write)

    def _turned(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        self.busiest = max(self.busiest, time.thread_time() - self._began)
        self._then(seconds)

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        """Wait for events, and begin a turn."""
        events = super().poll(timeout, maxevents)
        self._began = time.thread_time()
        return events

    def write(self, *_: Any) -> None:
        """Write down what was longest, and begin anew."""
        coming = TURNS.with_suffix(".new")
        coming.write_text(f"{self.longest * 1000} {self.busiest * 1000}")
        coming.rename(TURNS)
        self.longest = self.busiest = 0.0


class WatchedReactor(reactors.Reactor):
    """A reactor whose turns are watched from the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._poller = Watched(self._poller, lambda _: None)


if __name__ == "__main__":
    reactors.Reactor = WatchedReactor  # type: ignore[misc]  # a subclass takes its place
    run()
