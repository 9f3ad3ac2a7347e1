"""A thread that reads: it has its own connection, sees what is committed, and never makes the writer wait."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from sqlite3 import Connection
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from lanchat.protocol.errors import RateLimited, TooSlow

T = TypeVar("T")

#: A query that takes longer is ended; in seconds.
LONGEST = 1.0
#: How many instructions of SQLite's virtual machine are executed before the time is looked at: about 2 ms. (Looking may take
#: 5 ms while the reactor is busy.)
STEPS = 50_000
#: How many queries may wait: for pages of history, which are quick, and which all clients want at once after a restart; and for
#: searches.
PAGES, SEARCHES = 10_000, 64


class Reader:
    """Runs queries, one after the other, until `stop` is called."""

    def __init__(self, connection: Connection, call_in_reactor: Callable[..., object], most: int) -> None:
        """`connection` is closed at the end. `most` is how many queries may wait."""
        self._most = most
        self._connection = connection
        self._call_in_reactor = call_in_reactor
        self._queue: SimpleQueue[tuple[Callable[[Connection], Any], Deferred[Any]] | None] = SimpleQueue()

    def ask(self, query: Callable[[Connection], T]) -> Deferred[T]:
        """Run a query on a snapshot of what is committed. Fails with `TooSlow` after `LONGEST`, or with `RateLimited`."""
        if self._queue.qsize() >= self._most:
            busy = RateLimited("Too many history requests at the moment. Try again in a second.")
            busy.retry_ms = 1000
            return fail(busy)
        answer: Deferred[T] = Deferred()
        self._queue.put((query, answer))
        return answer

    def stop(self) -> None:
        """End the thread, after the queries that were asked so far."""
        self._queue.put(None)

    def run(self) -> None:
        """Answer queries until `stop` was called; the body of the thread."""
        while (asked := self._queue.get()) is not None:
            query, answer = asked
            self._call_in_reactor(answer.callback, self._answer(query))
        self._connection.close()

    def _answer(self, query: Callable[[Connection], T]) -> T | Failure:
        deadline = time.monotonic() + LONGEST
        self._connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            self._connection.execute("BEGIN")
            return query(self._connection)
        except sqlite3.OperationalError as error:
            if str(error) == "interrupted":
                return Failure(TooSlow("This search took too long. Narrow it: a room, a shorter time, a rarer word."))
            return Failure(error)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to whoever waits)
            return Failure(error)
        finally:
            self._connection.set_progress_handler(None, 0)
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.rollback()
