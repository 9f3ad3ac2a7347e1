"""Presence: who came and who went, told to those who asked for it, at most one packet a second."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.interfaces import Clock
from lanchat.session import Session

#: Seconds between two packets.
PAUSE = 1.0

#: Called with what happened ("came" or "went"), the names, and what each said at leaving.
Tell = Callable[[str, dict[str, str]], None]


class Presence:
    """Collects comings and goings: the first is told at once, what follows once a second, together.

    Somebody who came and went between two packets is not mentioned.
    """

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self._news: dict[str, dict[str, str]] = {"went": {}, "came": {}}
        self._resting = False
        #: Who asked to be told.
        self.watchers: dict[Session, None] = {}

    def watch(self, session: Session) -> None:
        """Tell this one, from now on."""
        self.watchers[session] = None

    def forget(self, session: Session) -> None:
        """It is over."""
        self.watchers.pop(session, None)
        if not self.watchers:
            self._news = {"went": {}, "came": {}}  # nobody is left to be told, and who asks later asks about what comes then

    def came(self, name: str) -> None:
        """Somebody opened a session."""
        if not self.watchers:
            return
        if self._news["went"].pop(name, None) is None:
            self._news["came"][name] = ""
        self._soon()

    def went(self, name: str, words: str = "") -> None:
        """Somebody's session ended, with these last words."""
        if not self.watchers:
            return
        if self._news["came"].pop(name, None) is None:
            self._news["went"][name] = words
        self._soon()

    def _soon(self) -> None:
        if not self._resting:
            self._resting = True
            self._clock.callLater(0, self._told)

    def _told(self) -> None:
        """Tell one kind of news; the other kind has its turn a second later."""
        for event, names in self._news.items():
            if names:
                self._news[event] = {}
                self._tell(event, names)
                self._news = dict(reversed(self._news.items()))
                self._clock.callLater(PAUSE, self._told)
                return
        self._resting = False
