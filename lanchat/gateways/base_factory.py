"""Doorway: what the connections of one gateway have in common, and which they are."""

from __future__ import annotations

from functools import partial

from twisted.internet.protocol import Factory, Protocol

from lanchat.gateways.deadlines import Deadlines
from lanchat.gateways.flush import Flusher
from lanchat.gateways.outbox import PACE_SECONDS
from lanchat.net.admission import Admission
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Limits

#: Refused connections that may read why; more are closed at once.
MAX_LINGERING = 8


class BaseFactory(Factory):
    """Their deadlines and ticks, and who may come through."""

    noisy = False

    def __init__(self, clock: Clock, limits: Limits, admission: Admission, opening_factor: int) -> None:
        """A connection has the limit `opening` so many times until its name."""
        #: Who may connect, and how many; it counts for all gateways.
        self.admission = admission
        #: All that are open, named or not; those among them that were too many.
        self.connections: set[Protocol] = set()
        self.lingering: set[Protocol] = set()
        #: Those who have sent more than is served in one turn.
        self.backlog: set[Protocol] = set()
        self._limits = limits
        self._opening_factor = opening_factor
        self.openings = Deadlines(clock, self.opening_seconds)
        # Our own reactor has something cheaper than a delayed call for what is due in every turn.
        self.turn = Flusher(getattr(clock, "call_at_turn_end", partial(clock.callLater, 0)))
        self.pace = Flusher(partial(clock.callLater, PACE_SECONDS))

    def opening_seconds(self) -> float:
        """How long a connection has until its name."""
        return self._limits["opening"] * self._opening_factor

    def lets_linger(self, connection: Protocol) -> bool:
        """Whether a connection that is one too many may stay until it has read why."""
        self.lingering.add(connection)
        return len(self.lingering) <= MAX_LINGERING

    def left(self, connection: Protocol) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        self.lingering.discard(connection)
