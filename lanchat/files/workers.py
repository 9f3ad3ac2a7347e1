"""Workers: threads for what waits for the disk, so that the reactor never does."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

T = TypeVar("T")

#: How many threads there are: more than one, as one may wait for a slow disk while the other finds what it needs in memory; and
#: few, as they share the processor with the reactor.
THREADS = 2
#: Their niceness (sched(7)): people who chat don't wait for files to be hashed.
NICE = 10


class Workers:
    """Threads that do work for the reactor's thread."""

    def __init__(self, call_in_reactor: Callable[..., object]) -> None:
        """`call_in_reactor` has a function called in the reactor's thread, in order, like `reactor.callFromThread`."""
        self._call_in_reactor = call_in_reactor
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="files", initializer=_give_way)

    def do(self, work: Callable[[], T]) -> Deferred[T]:
        """Do something in a thread; fires, in the reactor's thread, with what it returns, or fails with what it raises.

        After `stop`, it fails with `OSError`.
        """
        done: Deferred[T] = Deferred()
        try:
            self._pool.submit(self._do, work, done)
        except RuntimeError:
            return fail(OSError("the server is being stopped"))
        return done

    def _do(self, work: Callable[[], T], done: Deferred[T]) -> None:
        try:
            result: T | Failure = work()
        except Exception:  # noqa: BLE001 (whatever it is, whoever waits is told)
            result = Failure()
        self._call_in_reactor(done.callback, result)

    def stop(self) -> None:
        """End the threads when all that they were given is done, which this waits for."""
        self._pool.shutdown()


def _give_way() -> None:
    """Let this thread have the processor when the reactor's does not want it (only Linux has a priority for each thread)."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
