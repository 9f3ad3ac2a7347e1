"""Outbox: the bounded output of a connection, in every dialect.

What goes to one client in one turn of the reactor is written together. What can't be written waits; a client for which more
waits than the limit `outbox` is told so and closed. Unframed clients, which can't tell packets apart, get one packet a write.
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
#: How many packets wait to be encoded together, and how many characters the text of each has, at most. They are not counted as
#: waiting before, so that much may come on top of the limit.
MAX_PACKETS, SMALL = 64, 256
#: Seconds that a client has to read the rest of a connection that is being closed; then it is aborted.
CLOSE_SECONDS = 5.0


@implementer(IPushProducer, IOutputProgress)
class Outbox:
    """The output of one connection, and the one way to close it."""

    __slots__ = (
        "_both_ways", "_clock", "_closing", "_counts", "_deadline", "_drained", "_finished", "_gone", "_idle", "_left_out",
        "_limits", "_losing", "_overflowed", "_pace", "_packets", "_queue", "_transport", "_turn", "_whole", "_written_out",
        "handed", "paced", "paused", "waiting",
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
        """`overflowed` is called when more waits than the limit `outbox`, after what waited was dropped."""
        self._limits, self._counts = limits, counts
        #: The bytes that wait here, and those that were handed to the transport so far.
        self.waiting = self.handed = 0
        #: Whether packets are written one at a time; and whether the transport takes nothing until the client reads.
        self.paced = self.paused = False
        self._queue: list[bytes] = []
        self._packets: list[ServerPacket] = []  # those after the queue, which are not encoded yet
        self._transport = transport
        self._clock = clock
        self._turn, self._pace = turn, pace
        self._overflowed = overflowed
        self._drained: Deferred[None] | None = None
        self._finished: Deferred[None] | None = None
        self._left_out = 0  # bytes
        self._whole: int | None = None  # the bytes before the first that were dropped or left out
        self._idle = True  # neither waiting for a flusher nor paused
        self._closing = False
        self._deadline: DelayedCall | None = None
        self._losing = self._gone = self._both_ways = self._written_out = False
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
            self._turn.add(self)  # (it is not paced, and not over the limit)

    def send(self, piece: bytes, packets: int = 1) -> None:
        """Queue some bytes, which are so many packets; if the output is paced, they are one write."""
        if self._closing:
            return
        if self._packets:
            self._encode()
        self._queue.append(piece)
        self._counts.sent += packets
        self.waiting += len(piece)
        self._soon()

    def send_all(self, pieces: Sequence[bytes], size: int) -> None:
        """Queue some writes of paced output, which have `size` bytes in all."""
        if not self._closing:
            self._queue += pieces
            self._counts.sent += len(pieces)
            self.waiting += size
            self._soon()

    def pace(self, paced: bool) -> None:
        """Write packets one at a time from now on, or no longer do so."""
        self.paced = paced
        if self._queue and not self.paused:
            self._idle = True  # (it may be waiting for the other flusher)
            self._soon()

    def write(self) -> None:
        """Write what may be written now: all, or one packet if the output is paced."""
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
        """Whether the output waits for the client or for the pace, and not only for the end of this turn."""
        return self.paused or self.paced

    def drained(self) -> Deferred[None]:
        """Fires when nothing waits any more, or the connection has ended."""
        if not self.waiting or self._gone:
            return succeed(None)
        if self._drained is None:
            self._drained = Deferred()
        return self._drained

    def bytes_delivered(self) -> int:
        """The bytes that were to be written so far, including those that wait and those that were left out."""
        return self.handed + self.waiting + self._left_out

    def bytes_written(self) -> int:
        """The bytes that the operating system has taken, up to the first that were dropped or left out."""
        taken = self.handed - unsent_bytes(self._transport)
        return taken if self._whole is None else min(taken, self._whole)

    def leave_out(self, size: int) -> None:
        """Note that so many bytes are left out, as too much waits."""
        self._limits.met["outbox"] += 1
        if self._whole is None:
            self._whole = self.bytes_delivered()
        self._left_out += size

    def all_written(self) -> Deferred[None]:
        """Fires when all is written, or the connection has ended."""
        if self._gone or self._written_out:
            return succeed(None)
        if self._finished is None:
            self._finished = Deferred()
        return self._finished

    def close(self) -> None:
        """Close the connection when all is written. If the client does not read, it is aborted after some seconds."""
        if self._gone or self._closing:
            return
        self._closing = True
        paced = len(self._queue) * PACE_SECONDS if self.paced and not self.paused else 0.0
        self._deadline = self._clock.callLater(CLOSE_SECONDS + paced, self.end)
        if not paced:
            self.flush()

    def close_both_ways(self) -> None:
        """Close both sides when all is written, as the client will send nothing more."""
        self._both_ways = True
        if self._losing and not self._gone:
            self._transport.loseConnection()
        self.close()

    def written_out(self) -> None:
        """Note that all was handed to the operating system, which delivers it even after the process has ended."""
        self._written_out = True
        self._tell_finished()

    def end(self) -> None:
        """Close the connection now if all was written; otherwise abort it, as the client does not read."""
        if self._written_out and not self._gone:
            self.gone()
            self._transport.loseConnection()  # (an abort could destroy what the client has not read yet)
        else:
            self.abort()

    def flush(self) -> None:
        """Write all that waits at once, even if the output is paced, as the connection is about to be closed."""
        self.paced = self.paused = False
        self.write()
        if self._closing:
            self._lose()

    def abort(self) -> None:
        """Abort the connection; what waits is lost."""
        if self._gone:
            return
        if not self._losing:
            self._transport.unregisterProducer()
        self.gone()
        self._transport.abortConnection()

    def gone(self) -> None:
        """Drop what waits, as the connection has ended."""
        if self in self._counts.slow_readers:
            self._counts.slow_readers.remove(self)
        self._drop()
        self._gone = self._closing = True
        if self._drained is not None:
            self._clock.callLater(0, self._tell_drained)  # (after the session has ended, so that it counts as no reader)
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if self._finished is not None:
            self._tell_finished()

    def pauseProducing(self) -> None:
        """Stop writing: the transport has more than it can send (`IPushProducer`)."""
        self.paused = True
        self._idle = False
        self._counts.slow_readers.add(self)

    def resumeProducing(self) -> None:
        """Write again: the transport has sent all that it had (`IPushProducer`)."""
        self.paused = False
        self._idle = True
        self._counts.slow_readers.discard(self)
        if self._queue or self._packets:
            self._soon()

    def stopProducing(self) -> None:
        """Drop what waits: the transport has closed (`IPushProducer`)."""
        self.gone()

    def _over_the_limit(self) -> None:
        if not self.paused and not self.paced:
            self.write()  # (the client could not have read it yet, as all came in one turn)
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
        """Let what waits be written soon, unless it is too much."""
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
        if IHalfCloseableDescriptor.providedBy(self._transport) and not self._both_ways:
            # If both sides are closed while input is unread, the system sends a reset, which can destroy the last packets.
            self._transport.loseWriteConnection()
        else:
            self._transport.loseConnection()
