"""Intake: what comes from a client is served in its order, in shares, and no faster than its limits allow.

What is read is charged as `bytes`, and what is looked at as `packets`. Where there was too much of either, more waits unread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator
from itertools import islice
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from lanchat.core.router import Router
from lanchat.gateways.base_factory import BaseFactory
from lanchat.model.session import Session
from lanchat.net.sockets import ITransport
from lanchat.protocol.interfaces import DelayedCall
from lanchat.protocol.limits import READ_OVERHEAD, Bucket
from lanchat.protocol.packet import Packet

#: Frames that are served in one turn of the reactor for those who have sent more than that, all together; then the others have
#: their turn. Each of them is served at least one.
FAIR_SHARE = 100
#: Bytes that may come while something is waited for; then they wait unread.
MAX_UNSERVED = 65536
#: Bytes that are read of a client that has been closed, and seconds until as many are read again.
MAX_DISCARDED, DISCARD_SECONDS = 65_536, 0.01
#: Frames in their order: packets that were made at once, or an iterator that makes each frame when it is asked for.
Frames: TypeAlias = list[Packet] | Iterator[Any]
#: No frames. It is one list for all connections, as most are silent most of the time, and is never changed.
NOTHING: list[Packet] = []

_log = Logger("lanchat.gateways.intake")


class Input(Protocol, ABC):
    """The input of a connection."""

    transport: ITransport
    factory: BaseFactory
    #: The address at the far end.
    address: str
    # (Here, as hardly any connection ever has another value.)
    _holds = _discarded = 0
    _unread = False

    def __init__(self, router: Router) -> None:
        self.router = router
        self.session: Session | None = None
        self.closed = False
        #: Whether nothing is served: it is closed, or waits for what it asked for.
        self.halted = False
        self._seconds = router.chat.clock.seconds
        self._bytes = Bucket(router.chat.limits, "bytes")
        #: How much `dataReceived` has been charged so far, of that or, since it is closed, of what is discarded.
        self.taken = 0
        self._unserved = b""
        self._frames: Frames = NOTHING
        self._resting: DelayedCall | None = None

    def dataReceived(self, data: bytes) -> None:
        """Bytes came; they are served now, or when those before them have been."""
        cost = len(data) + READ_OVERHEAD
        self.taken += cost
        if self.closed:
            self._discard(cost)
            return
        now = self._seconds()
        if self.session is not None:
            self.session.heard = now
        plenty = self._bytes.take(cost, now)
        self._unserved += data
        if self._resting is None:
            self.serve(now, plenty)
        if self._holds and (not plenty or len(self._unserved) > MAX_UNSERVED) and not self.closed:
            self._read_no_more()

    def networkReceived(self, cost: int) -> None:
        """Under TLS more comes from the network than `dataReceived` is given: this is what else is to be taken of `bytes`.

        It is below 0 when a part of a record was taken before its content could be.
        """
        now = self._seconds()
        if self.closed:
            self._discard(cost)
        elif self._bytes.take(cost, now):
            return
        elif self._holds:
            self._read_no_more()
        elif self._resting is None and (wait := self._bytes.wait(now)):
            self._rest(wait)

    def serve(self, now: float, plenty: bool = False) -> None:
        """Serve what has come: a fair share of it in this turn, and as much as the limits leave. The rest waits, unread.

        `plenty` says that the limit on bytes is known to leave more.
        """
        session = self.session
        while session is None and self._serve(1) and not self.halted:
            session = self.session  # after a name there is a rate
        if session is not None and not self.halted:
            backlog = self.factory.backlog
            fair = max(FAIR_SHARE // (len(backlog) + 1), 1) if backlog else FAIR_SHARE
            share = session.packets.available(fair, now)
            served = self._serve(share)
            session.packets.take(served, now)
            if served == share and not self.halted:
                self._rest(session.packets.wait(now, 1) if share < fair else 0)
                return
        if self.halted:
            return
        if not plenty and (wait := self._bytes.wait(now)):
            self._rest(wait)
        else:
            self.served()

    @abstractmethod
    def frames(self, data: bytes) -> Frames:
        """The frames that these bytes complete, in this dialect.

        A list is of packets, and the router takes all of them at once. The frames of an iterator go to `frameReceived`, one by
        one, each before the next one is made. Bytes that are to be looked at later are put back before `_unserved`.
        """

    @abstractmethod
    def frameReceived(self, frame: Any) -> None:
        """Serve one frame."""

    def served(self) -> None:
        """All that came has been served."""

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
        self.holdEnded()

    def holdEnded(self) -> None:
        """What was waited for is there: what came meanwhile is served."""
        if self._resting is None:
            self.serve(self._seconds())

    def _serve(self, share: int) -> int:
        """Serve so many frames, in the order in which they came, if there are so many; returns how many were served."""
        served = 0
        while not self.halted and served < share:
            frames = self._frames
            if not frames:
                if not (data := self._unserved):
                    break
                # A chunk is looked at when those before it have been served: what is in them may say how.
                self._unserved = b""
                frames = self.frames(data)
            if type(frames) is list:
                served += self._serve_packets(frames, share - served)
            else:
                self._frames = frames
                for frame in islice(frames, share - served):
                    self.frameReceived(frame)
                    served += 1
                    if self.halted:
                        break
                else:
                    if served < share:
                        self._frames = NOTHING
        self.router.chat.counts.received += served
        return served

    def _serve_packets(self, packets: list[Packet], most: int) -> int:
        """Serve the first of these packets, and keep the others to be served next; returns how many were served."""
        assert self.session is not None  # noqa: S101 (packets come after the name)
        run, self._frames = (packets, NOTHING) if len(packets) <= most else (packets[:most], packets[most:])
        served = self.router.receive_all(self.session, run)
        if self.halted:
            self._frames = [*run[served:], *self._frames]
        return served

    def _rest(self, seconds: float) -> None:
        """Read and serve nothing for so long, but a second at the most: the end of the connection would not be seen."""
        self.transport.pauseProducing()
        if not seconds:
            self.factory.backlog.add(self)
        self._resting = self.router.chat.clock.callLater(min(seconds, 1.0), self._go_on)

    def _go_on(self) -> None:
        self._resting = None
        self.factory.backlog.discard(self)
        if (self.closed or not self._unread) and not self._leaving:
            self.transport.resumeProducing()
        if not self.closed:
            self.serve(self.router.chat.clock.seconds())

    def _discard(self, cost: int) -> None:
        """This comes too late. It is read, or our last words could be lost, but no faster than it can well be sent."""
        self._discarded += cost
        if self._discarded > MAX_DISCARDED and self._resting is None and not self._leaving:
            self._discarded = 0
            self._rest(DISCARD_SECONDS)

    @property
    def _leaving(self) -> bool:
        """Whether the connection is being closed both ways: it is not read any more, and is neither paused nor resumed."""
        return bool(getattr(self.transport, "disconnecting", False))

    def _read_no_more(self) -> None:
        """Read nothing until what is waited for is there."""
        self._unread = True
        self.transport.pauseProducing()

    def _rested(self) -> None:
        """It shall rest no longer."""
        if self._resting is not None and self._resting.active():
            self._resting.cancel()
            self.factory.backlog.discard(self)
        self._resting = None
