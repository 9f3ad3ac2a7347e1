"""Delivery: what was said, from the queue to its acknowledgement; what is sent again, and what is given up.

Order is kept: what is sent again is sent by itself, and nothing later goes past it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable

from lanchat.client.interfaces import BATCHED, Face, Said, shown
from lanchat.client.timers import Timers
from lanchat.protocol.packet import ServerPacket
from lanchat.protocol.typed_lines import SECRET_COMMANDS

#: Messages that may be on their way at a time.
WINDOW = 100
#: Messages that a late acknowledgement is still told for.
MAX_LATE = 1000
#: How often one message is sent again, and how many seconds at most it waits for that when it was refused for now.
MAX_TRIES, MAX_REST = 15, 60.0
#: FailedWrites that are about the moment.
FOR_NOW = frozenset({"NOT_STORED", "RATE_LIMITED"})

LOST = "the connection was lost before the acknowledgement came"


class Delivery:
    """What was said and is not done with."""

    def __init__(self, timers: Timers, face: Face, patience: float, flush: Callable[[], None], insists: bool = False) -> None:
        """`patience` is how many seconds an acknowledgement may take; `flush` is called when more can be written.

        With `insists` commands that are refused for now are sent again as well: nobody is there to type them once more.
        """
        self._timers = timers
        self._face = face
        self._patience = patience
        self._flush = flush
        self._insists = insists
        self._queue: list[Said] = []
        self._pending: dict[str, Said] = {}
        #: What took too long, in case an acknowledgement comes yet.
        self._late: dict[str, Said] = {}

    @property
    def waiting(self) -> int:
        """How much of what was said is not done with."""
        return len(self._queue) + len(self._pending)

    @property
    def resting(self) -> bool:
        """Whether nothing is sent for now, because the server asked for that."""
        return self._rested in self._timers

    @property
    def batched(self) -> Said | None:
        """What the batch that comes is the answer to."""
        return next((said for said in self._pending.values() if said.command in BATCHED), None)

    def add(self, said: Said, first: bool = False) -> None:
        """Send this in its turn, or `first` of all."""
        self._queue.insert(0 if first else len(self._queue), said)

    def next(self) -> Said | None:
        """What to write now, if anything."""
        if not self._queue or self.resting or len(self._pending) >= WINDOW or any(s.tries for s in self._pending.values()):
            return None
        if self._queue[0].tries and self._pending:
            return None
        return self._queue.pop(0)

    def written(self, said: Said) -> None:
        """This is on its way; an acknowledgement will come."""
        said.due = self._timers.now() + self._patience
        self._pending[said.cid] = said
        if self._overdue not in self._timers:
            self._timers.start(self._patience, self._overdue)

    def moved(self) -> None:
        """A part of a batch came: the rest has its time again."""
        if (said := self.batched) is not None:
            said.due = self._timers.now() + self._patience

    def answered(self, packet: ServerPacket) -> Said | None:
        """What a packet answers, which is done with."""
        x = packet.x
        if x is None or x.op is None or x.cid is None:
            return None
        said = self._pending.get(x.cid)
        if said is not None:
            if said.command not in BATCHED or x.op in ("end", "fail"):
                del self._pending[x.cid]
            return said
        if (said := self._late.pop(x.cid, None)) and x.op != "fail" and not said.quiet:
            self._face.notice(f"The acknowledgement came after all: {shown(said)}")
        return said

    def takes_back(self, said: Said, packet: ServerPacket) -> bool:
        """Whether this was refused for now only, and so is sent again after as long as the server says."""
        x = packet.x
        if x is None or x.op != "fail" or x.code not in FOR_NOW or x.retry_ms is None or said.tries >= MAX_TRIES:
            return False
        seconds = min(max(x.retry_ms, 0) / 1000, MAX_REST)
        if not (said.is_message or said.quiet or (self._insists and seconds <= self._patience)):
            return False
        if not said.quiet:
            self._face.notice(f"The server did not take it now; sending it again in {seconds:.1f} s: {shown(said)}")
        self._again(said)
        self._timers.start(seconds, self._rested)
        return True

    def welcomed(self, keeps: bool) -> None:
        """There is a server again. Unless it `keeps` a log, nobody knows what of the old connection's arrived."""
        if not keeps:
            uncertain = [said for said in self._queue if said.uncertain]
            self._queue = [said for said in self._queue if not said.uncertain]
            self._give_up(uncertain, LOST)

    def lost(self, keeps: bool) -> None:
        """The connection is gone. What was written may have arrived; where the server keeps a log it is sent again."""
        self._timers.stop(self._overdue, self._rested)
        self._late.clear()
        pending, self._pending = list(self._pending.values()), {}
        self._give_up([said for said in pending if not (keeps and said.is_kept and said.tries < MAX_TRIES)], LOST)
        for said in pending:
            if keeps and said.is_kept and said.tries < MAX_TRIES:
                said.uncertain = True
                self._again(said)
        self._give_up(
            [said for said in self._queue if said.command in SECRET_COMMANDS], "the connection was lost before this was sent"
        )
        # What the client asked for itself (`quiet`) was about the connection that is gone.
        self._queue = [said for said in self._queue if said.command not in SECRET_COMMANDS and not said.quiet]

    def end(self, each: bool) -> int:
        """It is over: how much of what was said somebody will miss. Unless `each` is told, what was never sent is not."""
        uncertain = [said for said in self._queue if said.uncertain]
        told = self._give_up([*self._pending.values(), *uncertain], "it ended before the acknowledgement came")
        if each:
            told += self._give_up([said for said in self._queue if not said.uncertain], "it ended before this was sent")
        self._queue.clear()
        self._pending.clear()
        return told

    def _again(self, said: Said) -> None:
        said.tries += 1
        insort(self._queue, said, key=lambda waiting: waiting.number)

    def _rested(self) -> None:
        self._flush()

    def _overdue(self) -> None:
        """The oldest has waited too long; what follows has its own time."""
        now = self._timers.now()
        for said in sorted(self._pending.values(), key=lambda waiting: waiting.due):
            if said.due > now:
                self._timers.start(said.due - now, self._overdue)
                break
            del self._pending[said.cid]
            self._late[said.cid] = said
            if len(self._late) > MAX_LATE:
                del self._late[next(iter(self._late))]
            self._give_up((said,), f"no acknowledgement came within {self._patience:.0f} s")
        self._flush()

    def _give_up(self, given_up: Iterable[Said], why: str) -> int:
        """Tell what is waited for no longer; how many of them somebody cares about."""
        told = [said for said in given_up if not said.quiet and not said.is_quit]
        for said in told:
            self._face.unanswered(said, why)
        return len(told)
