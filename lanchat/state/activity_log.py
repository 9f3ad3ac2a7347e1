"""Activity log: users who join and leave, in the server's log. What happens in one turn of the reactor is one line."""

from __future__ import annotations

from twisted.logger import Logger

from lanchat.model.session import Role
from lanchat.protocol.interfaces import Clock

#: How many notes one line of the log has at most.
MAX_NOTES = 20

_log = Logger("lanchat.journal")


class ActivityLog:
    """Collects notes for the log. If a thousand users join at once, a line for each would cost more than their joining."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._notes: list[str] = []

    def note(self, what: str) -> None:
        """Log this at the end of the turn, perhaps in one line with others."""
        if not self._notes:
            self._clock.callLater(0, self._write)
        self._notes.append(what)

    def decided(self, what: str, role: Role = Role.OPERATOR) -> None:
        """Log a decision of somebody with this role.

        That of a moderator or an operator is logged at once, in a line of its own that is marked for the audit. What others
        decide in a room is a `note`, as there may be any number of it.
        """
        if role >= Role.MODERATOR:
            _log.info("{what}", what=what, audit=True)
        else:
            self.note(what)

    def _write(self) -> None:
        notes, self._notes = self._notes, []
        for at in range(0, len(notes), MAX_NOTES):
            _log.info("{notes}", notes="; ".join(notes[at : at + MAX_NOTES]))
