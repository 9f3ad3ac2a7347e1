"""Outbox: the one bounded way out of the server, for every gateway.

What goes to one client in one turn of the reactor is written at once; what can't be written waits, up to a limit; a client
that lets more wait is told and closed, so that it harms nobody else. Clients that can't tell packets apart get one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IHalfCloseableDescriptor, IPushProducer
from zope.interface import implementer

from lanchat.gateways.flush import Flusher
from lanchat.net.sockets import ITransport, unsent_bytes
from lanchat.protocol.counts import Counts
from lanchat.protocol.interfaces import Clock, DelayedCall, IOutputProgress
from lanchat.protocol.limits import Limits
from lanchat.protocol.packet import ServerPacket, encode_lines

#: Seconds between two packets for an unframed client, so that TCP does not join them.
PACE_SECONDS = 0.010
#: Packets that wait to be encoded together, at the most, and characters in the text of each. Until then they are not counted
#: as waiting, so that much may come on top of the limit.
MAX_PACKETS, SMALL = 64, 256
#: Seconds that a closing connection may take to be read to its end; then it is aborted.
CLOSE_SECONDS = 5.0


@implementer(IPushProducer, IOutputProgress)
class Outbox:
    """What waits for one client, and the one way to close its connection."""

    __slots__ = (
        "_clock", "_closing", "_counts", "_deadline", "_drained", "_finished", "_gone", "_heard_out", "_idle",
        "_left_out", "_limits", "_losing", "_overflowed", "_pace", "_packets", "_queue", "_transport", "_turn", "_whole",
        "_written_out", "handed", "paced", "paused", "waiting",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        transport: ITransport,
        clock: Clock,
        limits: Limits,
        counts: Counts,
        turn: Flusher,
        pace: Flusher,
        overflowed: Callable[[], None],
    ) -> None:
        """`overflowed` is called when more waits than the limit `outbox`; what waited has been dropped then."""
        self._limits, self._counts = limits, counts
        #: Bytes that wait here, and bytes that were given to the transport.
        self.waiting = self.handed = 0
        #: Whether packets go out one at a time, and whether the client has to read before it is sent more.
        self.paced = self.paused = False
        self._queue: list[bytes] = []
        self._packets: list[ServerPacket] = []  # what comes after the queue, and is not encoded yet
        self._transport = transport
        self._clock = clock
        self._turn, self._pace = turn, pace
        self._overflowed = overflowed
        self._drained: Deferred[None] | None = None
        self._finished: Deferred[None] | None = None
        self._left_out = 0  # bytes
        self._whole: int | None = None  # once something was dropped or left out: how many bytes come before it
        self._idle = True  # neither due at a tick nor paused
        self._closing = False
        self._deadline: DelayedCall | None = None
        self._losing = self._gone = self._heard_out = self._written_out = False
        transport.registerProducer(self, True)

    def send_lines(self, packets: list[ServerPacket]) -> None:
        """Queue packets for a client that reads lines. Those of one turn are encoded together, which takes half the time."""
        if self._closing:
            return
        self._packets += packets
        if len(packets) > 1 or len(self._packets) == MAX_PACKETS or len(packets[0].msg) > SMALL:
            self._encode()
            self._soon()
        elif self._idle:
            self._idle = False
            self._turn.add(self)  # it is not paced, and not over the limit

    def send(self, piece: bytes) -> None:
        """Queue this for the client: a write of its own if it is paced."""
        if self._closing:
            return
        if self._packets:
            self._encode()
        self._queue.append(piece)
        self._counts.sent += 1
        self.waiting += len(piece)
        self._soon()

    def send_all(self, pieces: Sequence[bytes], size: int) -> None:
        """Queue these, which have so many bytes, for a client that is paced."""
        if not self._closing:
            self._queue += pieces
            self._counts.sent += len(pieces)
            self.waiting += size
            self._soon()

    def pace(self, paced: bool) -> None:
        """Write packets one at a time from now on, or no longer."""
        self.paced = paced
        if self._queue and not self.paused:
            self._idle = True  # it may be due at the other tick
            self._soon()

    def write(self) -> None:
        """Write what the client may be sent now."""
        if self._packets:
            self._encode()
        if self.paused or not self._queue:
            return
        if self.paced:
            data = self._queue.pop(0)
        else:
            queue, self._queue = self._queue, []
            data = b"".join(queue)
        size = len(data)
        self.waiting -= size
        self.handed += size
        self._idle = True
        self._transport.write(data)
        if self._queue:
            self._soon()
            return
        if self._drained is not None:
            self._tell_drained()
        if self._closing:
            self._lose()

    @property
    def held_up(self) -> bool:
        """Whether what waits is waiting for the client, and not just for the end of this turn."""
        return self.paused or self.paced

    def drained(self) -> Deferred[None]:
        """Fires when nothing waits here, or the connection has ended."""
        if not self.waiting or self._gone:
            return succeed(None)
        if self._drained is None:
            self._drained = Deferred()
        return self._drained

    def bytes_delivered(self) -> int:
        """Bytes that there were to write so far: those that wait are included, and those that were left out."""
        return self.handed + self.waiting + self._left_out

    def bytes_written(self) -> int:
        """Bytes that the system has taken, up to the first that were dropped or left out."""
        taken = self.handed - unsent_bytes(self._transport)
        return taken if self._whole is None else min(taken, self._whole)

    def leave_out(self, size: int) -> None:
        """So many bytes were to be sent to this client, and never will be."""
        self._limits.met["outbox"] += 1
        if self._whole is None:
            self._whole = self.bytes_delivered()
        self._left_out += size

    def all_written(self) -> Deferred[None]:
        """Fires when nothing more will be written."""
        if self._gone or self._written_out:
            return succeed(None)
        if self._finished is None:
            self._finished = Deferred()
        return self._finished

    def close(self) -> None:
        """Close the connection once all is written; abort it if the client does not read that."""
        if self._gone or self._closing:
            return
        self._closing = True
        paced = len(self._queue) * PACE_SECONDS if self.paced and not self.paused else 0.0
        self._deadline = self._clock.callLater(CLOSE_SECONDS + paced, self.end)
        if not paced:
            self.flush()

    def heard_out(self) -> None:
        """The client will send nothing more: what waits is written, and then there is no reason to stay."""
        self._heard_out = True
        if self._losing and not self._gone:
            self._transport.loseConnection()
        self.close()

    def written_out(self) -> None:
        """All is handed to the system, which delivers it even when we are gone."""
        self._written_out = True
        self._tell_finished()

    def end(self) -> None:
        """Time is up: a client that could be sent everything is let go, one that does not read is cut off."""
        if self._written_out and not self._gone:
            self.gone()
            self._transport.loseConnection()  # an abort could take back what the client has not looked at yet
        else:
            self.abort()

    def flush(self) -> None:
        """Write all that waits, to a client that is about to be closed: it is bounded, and there is no later."""
        self.paced = self.paused = False
        self.write()
        if self._closing:
            self._lose()

    def abort(self) -> None:
        """Close the connection at once; what waits is lost."""
        if self._gone:
            return
        if not self._losing:
            self._transport.unregisterProducer()
        self.gone()
        self._transport.abortConnection()

    def gone(self) -> None:
        """The connection has ended: nothing is written any more, and nothing waits."""
        if self in self._counts.slow_readers:
            self._counts.slow_readers.remove(self)
        self._drop()
        self._gone = self._closing = True
        if self._drained is not None:
            self._clock.callLater(0, self._tell_drained)  # once its session has ended: it is no reader any more
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if self._finished is not None:
            self._tell_finished()

    def pauseProducing(self) -> None:
        """The transport has enough."""
        self.paused = True
        self._idle = False
        self._counts.slow_readers.add(self)

    def resumeProducing(self) -> None:
        """The transport has written all it had."""
        self.paused = False
        self._idle = True
        self._counts.slow_readers.discard(self)
        if self._queue or self._packets:
            self._soon()

    def stopProducing(self) -> None:
        """The transport is gone."""
        self.gone()

    def _over_the_limit(self) -> None:
        if not self.paused and not self.paced:
            self.write()  # that much came in one turn is no fault of the client's
            return
        self._limits.met["outbox"] += 1
        self._drop()
        self._overflowed()

    def _encode(self) -> None:
        packets, self._packets = self._packets, []
        self._counts.sent += len(packets)
        lines = encode_lines(packets)
        self._queue.append(lines)
        self.waiting += len(lines)

    def _soon(self) -> None:
        """Something waits: it is written at the next tick, unless it is too much."""
        if self.waiting > self._limits.values["outbox"]:
            self._over_the_limit()
        elif self._idle:
            self._idle = False
            (self._pace if self.paced else self._turn).add(self)

    def _tell_drained(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.callback(None)

    def _tell_finished(self) -> None:
        finished, self._finished = self._finished, None
        if finished is not None:
            finished.callback(None)

    def _drop(self) -> None:
        if self.waiting or self._packets:
            self._whole = self.bytes_written()
        self._queue.clear()
        self._packets.clear()
        self.waiting = 0

    def _lose(self) -> None:
        if self._gone or self._losing:
            return
        self._losing = True
        self._transport.unregisterProducer()
        if IHalfCloseableDescriptor.providedBy(self._transport) and not self._heard_out:
            # Closing both ways while bytes of the client's are unread would reset the connection, and our last words with it.
            self._transport.loseWriteConnection()
        else:
            self._transport.loseConnection()
