"""Idle: the end of an operator's connection into which nobody types. Who left a terminal open has left the server open."""

from __future__ import annotations

from typing import Protocol

from lanchat.protocol.interfaces import Clock, DelayedCall

#: Seconds without a key until the connection is closed, and how many before that the operator is told.
IDLE_SECONDS, NOTICE_SECONDS = 900.0, 60.0


class Typed(Protocol):
    """A connection that may be typed into."""

    def is_busy(self) -> bool:
        """Whether it does something for the operator, who need not type meanwhile."""

    def warn(self, text: str) -> None:
        """Tell the operator, where there is a prompt."""

    def close_idle(self) -> None:
        """Close it: nobody has typed."""


class Idle:
    """Watches one connection. A command, a script, a tap, or a result that is waited for is not idle, however long it takes.

    Ctrl-C ends the waiting. Whoever taps somebody watches, so a tap keeps its window until it is stopped; and one of the places
    for operators.
    """

    def __init__(self, clock: Clock, connection: Typed) -> None:
        self._clock = clock
        self._connection = connection
        self._last = clock.seconds()
        self._call: DelayedCall = clock.callLater(IDLE_SECONDS - NOTICE_SECONDS, self._look)

    def typed(self) -> None:
        """There was a key."""
        self._last = self._clock.seconds()

    def stop(self) -> None:
        """The connection ends."""
        if self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        if self._connection.is_busy():
            self.typed()
        left = self._last + IDLE_SECONDS - self._clock.seconds()
        if left <= 0:
            self._connection.close_idle()
            return
        if left <= NOTICE_SECONDS:
            self._connection.warn(
                f"(Nothing was typed for a while: this closes in {left:.0f} seconds, unless you press a key.)\n"
            )
        self._call = self._clock.callLater(left if left <= NOTICE_SECONDS else left - NOTICE_SECONDS, self._look)
