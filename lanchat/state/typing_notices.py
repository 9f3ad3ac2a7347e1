"""Typing notices: how often a session may tell others that its user is typing (docs/protocol.md, `/typing`)."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.model.session import Session

#: Seconds in which a session can tell others once, for each conversation, that its user is typing.
TYPING_PAUSE = 3.0


class TypingNotices:
    """Remembers the notices of the last seconds. They are told to others at once, and kept nowhere else."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` returns the time of a clock that only goes forward."""
        self._seconds = seconds
        # For each session and target: when it told that last; the oldest notices come first.
        self._told: dict[tuple[Session, str], float] = {}

    def may_tell(self, session: Session, target: str) -> bool:
        """Whether a session may tell now that its user is typing for this target; if so, not again for `TYPING_PAUSE`."""
        now = self._seconds()
        while self._told and now - next(iter(self._told.values())) >= TYPING_PAUSE:
            del self._told[next(iter(self._told))]
        if (session, target) in self._told:
            return False
        self._told[session, target] = now
        return True
