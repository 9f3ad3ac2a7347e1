"""The turns of a reactor, for tests with threads: what these hand over is called here, and every wait has a bound."""

from __future__ import annotations

from collections.abc import Coroutine
from queue import SimpleQueue
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.live import PATIENCE

T = TypeVar("T")


class Turns:
    """What a reactor does for a thread: its calls are made here, in order."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Any, ...]] = SimpleQueue()

    def __call__(self, *call: Any) -> None:
        """Call this in the reactor's thread."""
        self._calls.put(call)

    def turn(self, seconds: float = PATIENCE) -> None:
        """Make the next call, once there is one."""
        call, *args = self._calls.get(timeout=seconds)
        call(*args)

    def wait(self, result: Deferred[T]) -> T:
        """Make calls until this has a result."""
        found: list[T] = []
        failed: list[Failure] = []
        result.addCallbacks(found.append, failed.append)
        while not found and not failed:
            self.turn()
        for failure in failed:
            failure.raiseException()
        return found[0]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.wait(Deferred.fromCoroutine(work))
