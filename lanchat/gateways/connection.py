"""Connection: what a client's connection is in every dialect. It opens, it is bounded in time, it closes in one way."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.counts import HUNG_UP, LOST
from lanchat.errors import ChatError, Idle
from lanchat.gateways import sockets
from lanchat.gateways.doorway import Doorway
from lanchat.gateways.outbox import Outbox
from lanchat.interfaces import Call, IConnection, IReceipts
from lanchat.limits import Bucket
from lanchat.packet import SERVER, ServerPacket, visible
from lanchat.router import Router
from lanchat.session import Session

#: Frames of one connection that are served in one turn of the reactor; then the others have theirs.
FAIR_SHARE = 100
#: Bytes that may come while something is waited for; then they wait unread.
MAX_UNSERVED = 65536
#: What is served when there is nothing: one for all, as most are silent most of the time.
NOTHING: Iterator[Any] = iter(())

_log = Logger()


@implementer(IConnection, IHalfCloseableProtocol)
class Connection(Protocol, ABC):
    """A client's connection: a subclass adds the dialect (`frames`, `frameReceived`, `deliver`)."""

    #: The name of the dialect, as operators see it.
    gateway = ""
    #: How many times the limit `opening` a connection has until its name.
    opening_factor = 1
    transport: sockets.ITransport
    factory: Doorway
    # (Here, as hardly any connection ever has another value.)
    _holds = 0
    _hears_no_more = _unread = False

    def __init__(self, router: Router) -> None:
        self.router = router
        self.session: Session | None = None
        self.closed = False
        #: Whether nothing is served: it is closed, or waits for what it asked for.
        self.halted = False
        self._seconds = router.clock.seconds
        self._bytes = Bucket(router.limits, "bytes")
        self._unserved = b""
        self._serving = NOTHING
        self._resting: Call | None = None

    def connectionMade(self) -> None:
        """The clock for the name starts; a connection too many learns that it is."""
        self.factory.connections.add(self)
        self.address = sockets.address_of(self.transport.getPeer())
        router, turn, pace = self.router, self.factory.turn, self.factory.pace
        self.outbox = Outbox(self.transport, router.clock, router.limits, router.counts, turn, pace, self._overflowed)
        self.factory.openings.begin(self._too_slow)
        if (refusal := self.factory.edge.admit(self.address)) is not None:
            self.turn_away(refusal)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The far end is gone, or we closed: the name is free."""
        self.closed = self.halted = True
        self.factory.edge.left(self.address)
        self.outbox.gone()
        self._rested()
        self.factory.openings.end(self._too_slow)
        self.leave(reason.getErrorMessage(), HUNG_UP if reason.type is ConnectionDone else LOST)
        self.factory.left(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes came; they are served now, or when those before them have been."""
        if self.closed:
            return
        now = self._seconds()
        if self.session is not None:
            self.session.heard = now
        self._bytes.take(len(data), now)
        self._unserved += data
        if self._resting is None:
            self.serve(now)
        if self._holds and len(self._unserved) > MAX_UNSERVED and not self.closed:
            self._unread = True
            self.transport.pauseProducing()

    def serve(self, now: float) -> None:
        """Serve what has come: a fair share of it in this turn, and as much as the limits leave. The rest waits, unread."""
        session = self.session
        while session is None and self._serve(1) and not self.halted:
            session = self.session  # after a name there is a rate
        if session is not None and not self.halted:
            share = session.packets.whole(FAIR_SHARE, now)
            served = self._serve(share)
            session.packets.take(served, now)
            if served == share and not self.halted:
                self._rest(session.packets.wait(now, 1) if share < FAIR_SHARE else 0)
                return
        if self.halted:
            return
        if wait := self._bytes.wait(now):
            self._rest(wait)
        else:
            self.served()

    @abstractmethod
    def frames(self, data: bytes) -> Iterator[Any]:
        """The frames that these bytes complete, in this dialect: something that whoever serves them can serve."""

    @abstractmethod
    def frameReceived(self, frame: Any) -> None:
        """Serve one frame, or what `frames` has made of it."""

    def served(self) -> None:
        """All that came has been served."""

    def readConnectionLost(self) -> None:
        """The far end will send nothing more, but may read what it is still owed (`nc -N`)."""
        self._hears_no_more = True
        self._hear_out()

    def _hear_out(self) -> None:
        """Serve all that came, and what its end completes; then there is nothing more to wait for."""
        self._serve(sys.maxsize)  # over TLS the end is seen while what came before it waits; there is no later
        if not self.halted:
            self.inputEnded()
            self._serve(sys.maxsize)
        if not self.halted:
            self.served()
        if self.session is not None and self.session.pending and not self.halted:
            self.perform(self.router.delivery.settled(), hold=True)
        if self.halted and not self.closed:
            return  # it goes on here when that is done
        self.leave("hung up")
        self.closed = self.halted = True
        self.factory.openings.end(self._too_slow)
        self.outbox.heard_out()

    def writeConnectionLost(self) -> None:
        """Our last words are written. The connection ends when the far end does, or at the outbox's deadline."""
        self.outbox.written_out()

    def inputEnded(self) -> None:
        """A dialect in which silence means something learns here that there is nothing but silence."""

    def leave(self, why: str, code: str = HUNG_UP) -> None:
        """The session, if there is one, is over; its name is free at once."""
        if self.session is not None:
            self.router.leave(self.session, why, code=code)

    def open(self, name: str) -> Session:
        """Ask for a name, and so for a session; raises `BadName` or `NameTaken`."""
        self.session = self.router.open(name, self, self.address, self.gateway)
        self.factory.openings.end(self._too_slow)
        return self.session

    def refuse(self, error: ChatError) -> None:
        """Turn away a connection that has no name."""
        self.router.counts.refused[error.code] += 1
        why = visible(str(error), 200)
        _log.info("refused {ip} ({gateway}): {code} {why}", ip=self.address, gateway=self.gateway, code=error.code, why=why)
        self.deliver(ServerPacket(SERVER, "Guest", str(error)))
        self.disconnect()

    def turn_away(self, error: ChatError) -> None:
        """Refuse a connection that is one too many, and don't let it linger if there are many such."""
        self.deliver(ServerPacket(SERVER, "Guest", str(error)))
        self.disconnect()
        if not self.factory.lets_linger(self):
            self.transport.loseConnection()

    @abstractmethod
    def deliver(self, packet: ServerPacket) -> None:
        """Show a packet in this dialect."""

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Show some packets that are alike."""
        for packet in packets:
            self.deliver(packet)

    def perform(self, work: Coroutine[Any, Any, None], hold: bool) -> None:
        """Do what may have to wait; with `hold` what else comes from the client waits too, in its place."""
        task = Deferred.fromCoroutine(work)
        task.addErrback(lambda failure: _log.failure("what {ip} asked for failed", failure, ip=self.address))
        if hold and not task.called:
            self._holds += 1
            self.halted = True
            task.addBoth(self._performed)

    def _performed(self, result: None) -> None:
        self._holds -= 1
        self.halted = self.closed or self._holds > 0
        if self.halted:
            return
        if self._unread and self._resting is None:
            self.transport.resumeProducing()
        self._unread = False
        if self._hears_no_more:
            self._hear_out()
        elif self._resting is None:
            self.serve(self._seconds())

    def behind(self) -> bool:
        """Whether so much waits for it that it should be sent no more than it asks for."""
        return self.outbox.held_up and self.outbox.waiting > self.router.limits["outbox"] / 2

    def caught_up(self) -> Deferred[None]:
        """Fires when all that waited is written, or never will be."""
        return self.outbox.drained()

    def __conform__(self, interface: object) -> Outbox | None:
        """How much was written to it is known to its outbox."""
        return self.outbox if interface is IReceipts else None

    def encryption(self) -> str:
        """The version of TLS that is spoken; "" in plain text."""
        return ""

    def queued(self) -> int:
        """Bytes that wait for the client."""
        return self.outbox.waiting

    def serve_with(self, router: Router) -> None:
        """Let this router serve what comes from now on."""
        self.router = router

    def disconnect(self) -> None:
        """Close, once what was delivered is written."""
        self.closed = self.halted = True
        self.factory.openings.end(self._too_slow)
        if self._resting is not None or self._unread:
            self._rested()
            self.transport.resumeProducing()  # or its end would not be seen
        self.outbox.close()

    def goodbye(self) -> None:
        """The server ends."""
        if self.session is not None:
            self.router.close(self.session, "RELOAD", "The server is shutting down. Goodbye!", why="shut down")
        self.disconnect()

    def _too_slow(self) -> None:
        self.router.limits.met["opening"] += 1
        seconds = self.factory.opening_seconds()
        self.refuse(Idle(f"No name came within {seconds:.0f} seconds. Connect again, and send your name first."))

    def _serve(self, share: int) -> int:
        """Serve so many frames, in the order in which they came, if there are so many; how many it were."""
        served = 0
        while not self.halted:
            for frame in islice(self._serving, share - served):
                self.frameReceived(frame)
                served += 1
                if self.halted:
                    break
            if self.halted or served == share:
                break
            # A chunk is looked at when those before it have been served: what is in them may say how.
            data, self._unserved = self._unserved, b""
            self._serving = self.frames(data) if data else NOTHING
            if not data:
                break
        self.router.counts.received += served
        return served

    def _rest(self, seconds: float) -> None:
        """Read and serve nothing for so long, but a second at the most: the end of the connection would not be seen."""
        self.transport.pauseProducing()
        self._resting = self.router.clock.callLater(min(seconds, 1.0), self._go_on)

    def _go_on(self) -> None:
        self._resting = None
        if not self.closed:
            if not self._unread:
                self.transport.resumeProducing()
            self.serve(self.router.clock.seconds())

    def _rested(self) -> None:
        if self._resting is not None and self._resting.active():
            self._resting.cancel()

    def _overflowed(self) -> None:
        if self.session is not None:
            goodbye = "You are closed: more waited for you than you read."
            self.router.close(self.session, "SLOW", goodbye, why="did not read what was sent to it")
        self.disconnect()
