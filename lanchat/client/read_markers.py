"""Tells the server how far each conversation was read, once what came of it is on the screen (docs/protocol.md, `/read`)."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.timers import Timers

#: Seconds between two reports, and conversations in one of them.
READ_SECONDS, MAX_REPORTED = 2.0, 20
#: Conversations that are remembered.
MAX_KNOWN = 10_000


class ReadMarkers:
    """The read markers of an account. A marker of the server's that is further on, set by another device, stays."""

    def __init__(self, timers: Timers, is_shown: Callable[[], bool], report: Callable[[str, int], object]) -> None:
        """`is_shown` tells whether all that came is on the screen; `report` sends a conversation and a `seq` to the server."""
        self._timers = timers
        self._is_shown = is_shown
        self._report = report
        self._waiting: dict[str, int] = {}  # by conversation: the `seq` up to which it was shown
        self._read: dict[str, int] = {}  # what the server knows
        self._is_on = False

    def switch(self, on: bool) -> None:
        """A connection is ready on which the server has markers for us, or it has ended; what waits is told on the next."""
        if on is not self._is_on:
            self._is_on = on
            self._read.clear()
            self._timers.stop(self.report)
            self._report_soon()

    def shown(self, conv: str, seq: int) -> None:
        """Note that a message is shown: its conversation is read up to its `seq`."""
        if self._is_on and len(self._waiting) < MAX_KNOWN and seq > max(self._waiting.get(conv, 0), self._read.get(conv, 0)):
            self._waiting[conv] = seq
            self._report_soon()

    def read_elsewhere(self, conv: str, seq: int) -> None:
        """Note that another device has read a conversation up to a `seq`."""
        self._note_read(conv, max(self._read.get(conv, 0), seq))
        if self._waiting.get(conv, seq + 1) <= seq:
            del self._waiting[conv]

    def report(self) -> None:
        """Tell the server what was read; if some of it is not on the screen yet, wait for that."""
        self._timers.stop(self.report)
        if self._is_on and self._is_shown():
            for conv in list(self._waiting)[:MAX_REPORTED]:
                seq = self._waiting.pop(conv)
                self._note_read(conv, seq)
                self._report(conv, seq)
        self._report_soon()

    def _note_read(self, conv: str, seq: int) -> None:
        if len(self._read) >= MAX_KNOWN:
            self._read.clear()
        self._read[conv] = seq

    def _report_soon(self) -> None:
        if self._is_on and self._waiting and self.report not in self._timers:
            self._timers.start(READ_SECONDS, self.report)
