"""Closes an operator's connection into which nothing is typed: an unattended terminal would be an open server."""

from __future__ import annotations

from typing import Protocol

from lanchat.protocol.interfaces import Clock, DelayedCall

#: Seconds without a key before the connection is closed, and how many before that the operator is warned.
IDLE_SECONDS, NOTICE_SECONDS = 900.0, 60.0


class IdleConnection(Protocol):
    """A connection that `IdleTimer` can watch."""

    def is_busy(self) -> bool:
        """Whether it works for the operator, who then need not type."""

    def warn(self, text: str) -> None:
        """Show a text at the prompt, if there is one."""

    def close_idle(self) -> None:
        """Close the connection, as nothing was typed."""


class IdleTimer:
    """Watches one connection. One with a running command, script, tap or unfinished result is not idle, however long it takes.

    Ctrl-C ends the waiting. An operator with a tap is watching, so the tap keeps its window open, and keeps one of the places
    for operators, until it is stopped.
    """

    def __init__(self, clock: Clock, connection: IdleConnection) -> None:
        self._clock = clock
        self._connection = connection
        self._last = clock.seconds()
        self._call: DelayedCall = clock.callLater(IDLE_SECONDS - NOTICE_SECONDS, self._look)

    def key_pressed(self) -> None:
        """Note that a key was pressed."""
        self._last = self._clock.seconds()

    def stop(self) -> None:
        """Stop watching, as the connection ends."""
        if self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        if self._connection.is_busy():
            self.key_pressed()
        left = self._last + IDLE_SECONDS - self._clock.seconds()
        if left <= 0:
            self._connection.close_idle()
            return
        if left <= NOTICE_SECONDS:
            self._connection.warn(f"(Idle: this connection closes in {left:.0f} seconds unless you press a key.)\n")
        self._call = self._clock.callLater(left if left <= NOTICE_SECONDS else left - NOTICE_SECONDS, self._look)
