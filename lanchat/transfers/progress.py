"""How far a file has been sent or saved."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.protocol.files import format_size
from lanchat.protocol.packet import visible

#: Characters of a name that are shown.
MAX_SHOWN = 40


class Progress:
    """Counts the bytes of one file."""

    def __init__(self, verb: str, name: str, size: int, changed: Callable[[Progress], None]) -> None:
        """`verb` says what is done ("sending"); `changed` is called when the percentage has changed."""
        self._verb = verb
        self._name = name
        self._size = size
        self._changed = changed
        self._done = 0
        self._percent = 0

    def __str__(self) -> str:
        return f"{self._verb} {visible(self._name, MAX_SHOWN)}: {self._percent}% of {format_size(self._size)}"

    def moved(self, count: int) -> None:
        """So many more bytes have been sent, or have come."""
        self._done += count
        percent = min(100, 100 * self._done // max(1, self._size))
        if percent != self._percent:
            self._percent = percent
            self._changed(self)
