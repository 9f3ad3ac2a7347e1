"""Flusher: one delayed call for all outboxes that have something to write, instead of one for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger

_log = Logger("lanchat.gateways.tick")


class Writer(Protocol):
    """What a flusher needs of an outbox."""

    def write(self) -> None:
        """Write what may be written now."""

    def abort(self) -> None:
        """Close the connection at once, after `write` has failed."""


class Flusher:
    """Lets all outboxes that have something to write do so in one delayed call."""

    def __init__(self, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` delays a call, for example to the end of the turn of the reactor."""
        self._later = later
        self._due: dict[Writer, None] = {}

    def add(self, outbox: Writer) -> None:
        """Let this outbox write in the next call."""
        if not self._due:
            self._later(self._ticked)
        self._due[outbox] = None

    def _ticked(self) -> None:
        due, self._due = self._due, {}
        for outbox in due:
            try:
                outbox.write()
            except Exception:  # noqa: BLE001, PERF203 (a fault of ours costs this connection, not all who are due)
                _log.failure("output could not be written")
                outbox.abort()
