"""Tick: one call of the reactor's for all outboxes that have something to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger

_log = Logger("lanchat.gateways.tick")


class Writer(Protocol):
    """An outbox, as much of it as is needed here."""

    def write(self) -> None:
        """Write what the client may be sent now."""

    def abort(self) -> None:
        """Close the connection at once; what waits is lost."""


class Flusher:
    """One call for many outboxes: all that have something to write do so together."""

    def __init__(self, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` calls what it is given when they shall write."""
        self._later = later
        self._due: dict[Writer, None] = {}

    def add(self, outbox: Writer) -> None:
        """Let this outbox write at the next tick."""
        if not self._due:
            self._later(self._ticked)
        self._due[outbox] = None

    def _ticked(self) -> None:
        due, self._due = self._due, {}
        for outbox in due:
            try:
                outbox.write()
            except Exception:  # noqa: BLE001, PERF203 (a fault of ours costs this connection, not all who are due)
                _log.failure("what was to be sent could not be written")
                outbox.abort()
