"""What the server remembers of changes of messages, and of who is typing, while it runs."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.model.session import Session

#: For how many seconds a message may be edited or withdrawn by who said it, if the operator sets nothing else.
EDIT_WITHIN = 86_400
#: Seconds in which a session can tell once for each conversation that its user writes something.
TYPING_PAUSE = 3.0


class Changes:
    """What concerns changes of all messages."""

    def __init__(self) -> None:
        #: For how many seconds a message may be edited or withdrawn by who said it (`--edit-within`).
        self.edit_within: float = EDIT_WITHIN
        #: Called when a message was withdrawn; the service sets it.
        self.on_withdrawal: Callable[[], object] = lambda: None
        # Who told a moment ago that they write something, for whom, and when; the first told comes first.
        self._typing: dict[tuple[Session, str], float] = {}

    def may_tell_typing(self, session: Session, target: str, now: float) -> bool:
        """Whether a session may tell now that its user writes something for this target; if so, not again for a while.

        `now` is in seconds, by the clock that only goes forward.
        """
        while self._typing and now - next(iter(self._typing.values())) >= TYPING_PAUSE:
            del self._typing[next(iter(self._typing))]
        if (session, target) in self._typing:
            return False
        self._typing[session, target] = now
        return True
