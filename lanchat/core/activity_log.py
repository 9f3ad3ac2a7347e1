"""Journal: who came and who went, in the log. What happens in one turn of the reactor is told in one line."""

from __future__ import annotations

from twisted.logger import Logger

from lanchat.protocol.interfaces import Clock

#: What is told in one line, at the most.
MAX_NOTES = 20

_log = Logger("lanchat.journal")


class ActivityLog:
    """Collects what happens in a turn: a line for each of a thousand who come at once would cost more than they do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._notes: list[str] = []

    def note(self, what: str) -> None:
        """Tell this soon."""
        if not self._notes:
            self._clock.callLater(0, self._write)
        self._notes.append(what)

    def decided(self, what: str) -> None:
        """Tell this at once, in a line of its own that is never summed up: somebody answers for it."""
        _log.info("{what}", what=what, audit=True)

    def _write(self) -> None:
        notes, self._notes = self._notes, []
        for at in range(0, len(notes), MAX_NOTES):
            _log.info("{notes}", notes="; ".join(notes[at : at + MAX_NOTES]))
