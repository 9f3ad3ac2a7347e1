"""Base factory: what the connections of one gateway share: the list of them, admission, deadlines and flushers."""

from __future__ import annotations

from functools import partial

from twisted.internet.protocol import Factory, Protocol

from lanchat.gateways.deadlines import Deadlines
from lanchat.gateways.flush import Flusher
from lanchat.gateways.outbox import PACE_SECONDS
from lanchat.net.admission import Admission
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Limits

#: How many refused connections may stay until they have read why; more are closed at once.
MAX_LINGERING = 8


class BaseFactory(Factory):
    """The part of a gateway's factory that its connections use."""

    noisy = False

    def __init__(self, clock: Clock, limits: Limits, admission: Admission, opening_factor: int) -> None:
        """A connection has `opening_factor` times the seconds of the limit `opening` to send its name."""
        #: Decides who may connect, and how many; shared by all gateways.
        self.admission = admission
        #: All open connections, with a name or without; and those among them that were refused as too many.
        self.connections: set[Protocol] = set()
        self.lingering: set[Protocol] = set()
        #: Connections that have sent more than is served in one turn of the reactor.
        self.backlog: set[Protocol] = set()
        self._limits = limits
        self._opening_factor = opening_factor
        self.name_deadlines = Deadlines(clock, self.opening_seconds)
        # Our own reactor has something cheaper than a delayed call for what is to be done at the end of a turn.
        self.turn = Flusher(getattr(clock, "call_at_turn_end", partial(clock.callLater, 0)))
        self.pace = Flusher(partial(clock.callLater, PACE_SECONDS))

    def opening_seconds(self) -> float:
        """The seconds that a connection has to send its name."""
        return self._limits["opening"] * self._opening_factor

    def lets_linger(self, connection: Protocol) -> bool:
        """Note a refused connection; returns whether it may stay until it has read why."""
        self.lingering.add(connection)
        return len(self.lingering) <= MAX_LINGERING

    def left(self, connection: Protocol) -> None:
        """Forget a connection that has ended."""
        self.connections.discard(connection)
        self.lingering.discard(connection)
