"""Delayed moves: places in the log that only move forward, such as cursors, and are stored a little later, many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from lanchat.core.delivery import Delivery
from lanchat.protocol.entry import Seq
from lanchat.protocol.interfaces import Clock, DelayedCall
from lanchat.tables.log_command import LogCommand

K = TypeVar("K")

#: Seconds until a move is stored, and until what could not be stored is tried again.
PAUSE, AGAIN = 1.0, 5.0


class DelayedMoves(Generic[K]):
    """Collects moves, and stores all of a second with one command. What can't be stored is tried again."""

    def __init__(self, clock: Clock, delivery: Delivery, command: Callable[[Mapping[K, Seq]], LogCommand[Any]]) -> None:
        """`command` makes the command that stores these moves: the new place of each thing that moved."""
        self._clock = clock
        self._delivery = delivery
        self._command = command
        #: The moves that wait to be stored. Whoever puts one here by itself calls `schedule`, and moves nothing back.
        self.waiting: dict[K, Seq] = {}
        # Those that are being stored, which may fail.
        self._under_way: list[dict[K, Seq]] = []
        self._timer: DelayedCall | None = None

    def move(self, what: K, seq: Seq, pause: float = PAUSE) -> None:
        """Move something forward to this place, never back; it is stored after a pause of so many seconds, or earlier."""
        if seq >= self.waiting.get(what, 0):
            self.waiting[what] = seq
        self.schedule(pause)

    def schedule(self, pause: float) -> None:
        """Have the moves stored after a pause of so many seconds, or earlier."""
        if self._timer is None:
            self._timer = self._clock.callLater(pause, self.write)

    def unstored(self) -> list[dict[K, Seq]]:
        """The moves that may not be stored yet, the oldest first."""
        return [*self._under_way, self.waiting]

    def write(self) -> None:
        """Hand all moves to the store now, without waiting for the pause."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self.waiting:
            moved, self.waiting = self.waiting, {}
            self._under_way.append(moved)
            self._delivery.store.write_in_background(self._command(moved), partial(self._written, moved))

    def _written(self, moved: dict[K, Seq], done: bool) -> None:
        self._under_way.remove(moved)
        if not done:
            for what, seq in moved.items():
                self.move(what, seq, AGAIN)
