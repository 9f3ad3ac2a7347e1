"""Keepalive: pings capable clients from which nothing came for a while. One timer serves all of them."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.model.session import Session
from lanchat.protocol.interfaces import Clock

#: Seconds between two checks, of silence before a ping, and of silence after which a client is closed.
EVERY, QUIET, DEAD = 15.0, 30.0, 60.0


class Keepalive:
    """Watches the sessions that have the cap `ping`."""

    def __init__(self, clock: Clock, ping: Callable[[Session], None], give_up: Callable[[Session], None]) -> None:
        self._clock = clock
        self._ping = ping
        self._give_up = give_up
        self._watched: set[Session] = set()
        self._looking = False

    def watch(self, session: Session) -> None:
        """Begin to ping this session when it is silent."""
        self._watched.add(session)
        self._look_later()

    def forget(self, session: Session) -> None:
        """Stop watching a session, which has ended."""
        self._watched.discard(session)

    def _look_later(self) -> None:
        if self._watched and not self._looking:
            self._looking = True
            self._clock.callLater(EVERY, self._look)

    def _look(self) -> None:
        self._looking = False
        for session in tuple(self._watched):
            silence = self._clock.seconds() - session.heard
            if silence >= DEAD:
                self._give_up(session)
            elif silence >= QUIET:
                self._ping(session)
        self._look_later()
