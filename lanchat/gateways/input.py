"""Input: what comes from a client is served in order, a share in each turn of the reactor, and as fast as its rates allow.

Bytes are charged to the limit `bytes` when they are read, and frames to `packets` when they are served. If there was too much
of either, reading stops for a while.
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

#: How many frames are served in one turn of the reactor for one connection. All connections that have sent more than their
#: share divide this number among them, but each of them is served at least one frame.
FAIR_SHARE = 100
#: Bytes that are read while a command of the client's waits; then reading stops.
MAX_UNSERVED = 65536
#: Bytes that are read and dropped after the server has closed a connection, and seconds until as many are read again.
MAX_DISCARDED, DISCARD_SECONDS = 65_536, 0.01
#: What bytes are split into: packets that were made at once; then an iterator that makes each further frame when it is asked
#: for, or None; then the bytes that are to be split later.
Split: TypeAlias = tuple[list[Packet], Iterator[Any] | None, bytes]
#: No packets. It is one list for all connections, as most are silent most of the time, and is never changed.
NO_PACKETS: list[Packet] = []

_log = Logger("lanchat.gateways.intake")


class Input(Protocol, ABC):
    """The input of a connection. `Connection` adds the rest, and a subclass of that the dialect."""

    transport: ITransport
    factory: BaseFactory
    #: The IP address of the client.
    address: str
    # (Class attributes, as hardly any connection ever has another value.)
    _holds = _discarded = 0
    _unread = False

    def __init__(self, router: Router) -> None:
        self.router = router
        self.session: Session | None = None
        self.closed = False
        #: Whether nothing is served now: the connection is closed, or a command of the client's waits.
        self.halted = False
        self._seconds = router.chat.clock.seconds
        self._bytes = Bucket(router.chat.limits, "bytes")
        #: Bytes that `dataReceived` has charged or, since the connection is closed, dropped; each read has some on top.
        self.taken = 0
        self._unserved = b""
        self._packets = NO_PACKETS
        self._frames: Iterator[Any] | None = None
        self._resting: DelayedCall | None = None

    def dataReceived(self, data: bytes) -> None:
        """Serve these bytes now, or when those before them have been served."""
        cost = len(data) + READ_OVERHEAD
        self.taken += cost
        if self.closed:
            self._discard(cost)
            return
        now = self._seconds()
        plenty, session = self._bytes.take(cost, now), self.session
        if session is not None:
            session.heard = now
            if plenty and not (self.halted or self._resting or self._unserved or self._packets or self._frames):
                packets, self._frames, data = self.split(data)
                # Nearly always that is one packet, and nothing else.
                if packets and not (packets[1:] or self._frames or data) and session.packets.take_one(now):
                    self._serve_one(session, packets)
                    return
                self._packets = packets
        self._unserved += data
        if self._resting is None:
            self.serve(now, plenty)
        if self._holds and (not plenty or len(self._unserved) > MAX_UNSERVED) and not self.closed:
            self._stop_reading()

    def networkReceived(self, cost: int) -> None:
        """Charge what came from the network besides the bytes that `dataReceived` was given, as with TLS.

        `cost` is below 0 if a part of a record was charged before its content came.
        """
        now = self._seconds()
        if self.closed:
            self._discard(cost)
        elif self._bytes.take(cost, now):
            return
        elif self._holds:
            self._stop_reading()
        elif self._resting is None and (wait := self._bytes.wait(now)):
            self._rest(wait)

    def serve(self, now: float, plenty: bool = False) -> None:
        """Serve a fair share of what has come, as far as the rates allow. If there is more, read nothing until it is served.

        `plenty` says that the rate of bytes is known to allow more.
        """
        session = self.session
        while session is None and self._serve(1) and not self.halted:
            session = self.session  # (with a name there is a session, which has a rate)
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

    def _serve_one(self, session: Session, packets: list[Packet]) -> None:
        """Serve one packet that came when nothing else waited, as most do: what `serve` does, without looking for others."""
        self.router.receive_all(session, packets)
        self.router.chat.counts.received += 1
        if not self.halted:
            self.served()

    @abstractmethod
    def split(self, data: bytes) -> Split:
        """Split bytes into what they complete, in this dialect.

        The router takes the packets at once. The frames go to `frameReceived`, one by one, each before the next one is made.
        """

    @abstractmethod
    def frameReceived(self, frame: Any) -> None:
        """Serve one frame of those that `split` returned: a name, a packet, an error, or what else the dialect has."""

    def served(self) -> None:
        """Called when all that came has been served."""

    def perform(self, work: Coroutine[Any, Any, None], hold: bool) -> None:
        """Run `work`. With `hold`, nothing else that comes from the client is served before it is done."""
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
        unread, self._unread = self._unread, False
        self.holdEnded()
        # Reading goes on when what has come does not wait any more: if it did for each command, far too much would come.
        if unread and self._holds:
            self._unread = True
        elif unread and self._resting is None and not self._leaving:
            self.transport.resumeProducing()

    def holdEnded(self) -> None:
        """Serve what came while `perform` waited."""
        if self._resting is None:
            self.serve(self._seconds())

    def _serve(self, share: int) -> int:
        """Serve at most `share` frames, in the order in which they came; returns how many were served."""
        served = 0
        while not self.halted and served < share:
            most = share - served
            if packets := self._packets:
                assert self.session is not None  # noqa: S101 (packets come after the name)
                run, self._packets = packets[:most], packets[most:] or NO_PACKETS
                taken = self.router.receive_all(self.session, run)
                served += taken
                if self.halted:
                    self._packets = run[taken:] + self._packets or NO_PACKETS
            elif self._frames is not None:
                for frame in islice(self._frames, most):
                    self.frameReceived(frame)
                    served += 1
                    if self.halted:
                        break
                else:
                    if served < share:
                        self._frames = None
            elif self._unserved:
                # Later bytes are split only now, as earlier frames may say how: a hello, for example.
                self._packets, self._frames, self._unserved = self.split(self._unserved)
            else:
                break
        self.router.chat.counts.received += served
        return served

    def _rest(self, seconds: float) -> None:
        """Read and serve nothing for so long, but at most a second, as the end of the connection is not noticed meanwhile."""
        self.transport.pauseProducing()
        if not seconds:
            self.factory.backlog.add(self)
        self._resting = self.router.chat.clock.callLater(min(seconds, 1.0), self._go_on)

    def _go_on(self) -> None:
        self._resting = None
        self.factory.backlog.discard(self)
        if (self.closed or not self._unread) and not self._leaving:
            self.transport.resumeProducing()
        if self.closed:
            return
        self.serve(self.router.chat.clock.seconds())
        if self._holds and len(self._unserved) > MAX_UNSERVED and not self.closed:
            self._stop_reading()  # (as when a command waits while more comes)

    def _discard(self, cost: int) -> None:
        """Drop what comes after the end. It must be read, or the last packets on their way could be lost, but only slowly."""
        self._discarded += cost
        if self._discarded > MAX_DISCARDED and self._resting is None and not self._leaving:
            self._discarded = 0
            self._rest(DISCARD_SECONDS)

    @property
    def _leaving(self) -> bool:
        """Whether both sides of the connection are being closed; then it must be neither paused nor resumed."""
        return bool(getattr(self.transport, "disconnecting", False))

    def _stop_reading(self) -> None:
        """Read nothing until `perform` has ended."""
        self._unread = True
        self.transport.pauseProducing()

    def _cancel_rest(self) -> None:
        """Cancel `_rest`."""
        if self._resting is not None and self._resting.active():
            self._resting.cancel()
            self.factory.backlog.discard(self)
        self._resting = None
