"""The client's position in the server's log: what has come, what is missing, and what may be acknowledged.

`seq` increases within an `epoch` (docs/protocol.md, "Places in the log"). Every `seq` up to `last` has come, except for gaps:
stretches that the server says it left out, and that the client fetches.

The acknowledgement of the client's own message has a `seq` too. It does not prove that everything before it has come: a server
may hold back messages of others while it acknowledges. A server that grants the cap `order` announces such a gap first, so
there the position moves on with the acknowledgement; elsewhere it moves only with what comes after it.
"""

from __future__ import annotations

from typing import TypeAlias

from lanchat.protocol.extensions import AnswerX

#: Own messages whose `seq` is remembered, so that they are not shown again if the server sends them back.
MAX_OWN = 10_000
#: Gaps that are kept apart; beyond that the last one is extended.
MAX_GAPS = 1_000

#: A stretch of the log that is missing: the `seq` before its first message, and the `seq` of its last.
Gap: TypeAlias = tuple[int, int]
#: `x.resume` of a hello: the epoch and the `seq` up to which everything has come (docs/protocol.md, "Places in the log").
ResumePoint: TypeAlias = dict[str, str | int]


class Cursor:
    """How far one reader has come in the log, in memory."""

    def __init__(self, ordered: bool = False) -> None:
        """`ordered`: the server grants the cap `order`."""
        self.ordered = ordered
        self.epoch = ""
        #: The highest `seq` that came from others.
        self.last = 0
        #: Whether the batch of missed messages is still incomplete.
        self.replaying = False
        #: The highest `seq` up to which the server has sent or announced everything, though no message with it came.
        self._announced = 0
        self._newest = 0
        self._acknowledged = 0
        self._gaps: list[Gap] = []
        self._own: dict[int, None] = {}

    @property
    def resume(self) -> ResumePoint | None:
        """What a hello sends as `x.resume`; None while nothing has come: the server knows what this device acknowledged."""
        return {"epoch": self.epoch, "seq": self.complete_upto} if self.complete_upto else None

    @property
    def gap(self) -> Gap | None:
        """The first gap; None if nothing is missing."""
        return self._gaps[0] if self._gaps else None

    @property
    def complete_upto(self) -> int:
        """The `seq` up to which everything has come."""
        newest = self.last if self.replaying else max(self.last, self._announced)
        return min((after for after, _ in self._gaps), default=newest)

    def welcomed(self, x: AnswerX, replays: bool) -> None:
        """Take the position from a welcome. After a resumption a batch follows (maybe just its `end`), if the server `replays`.

        In another epoch all positions are invalid, and also if the server can't resume from ours: then its log is another one.
        """
        if x.epoch != self.epoch or x.resumed is False:
            self.epoch, self.last, self._announced, self._acknowledged = x.epoch or "", 0, 0, 0
            self._gaps.clear()
            self._own.clear()
        self._newest = x.seq or 0
        self.replaying = replays and bool(x.resumed)

    def registered(self, x: AnswerX) -> None:
        """Take the position of a name that was made an account: messages after it are stored for it.

        Without `order`, a message that came before is the better evidence of where we are.
        """
        self.epoch = x.epoch or ""
        if self.ordered or not self.last:
            self._announced = max(self._announced, x.seq or 0)

    def replay_ended(self, more: bool, begins: int = 0) -> None:
        """The batch of missed messages has ended; unless there is `more`, it reached to where live delivery begins.

        It was to begin at the `seq` `begins` (0 if the server does not say): all that a new process knows if nothing came.
        """
        self.replaying = False
        if more:
            self._leave_out(max(self.last, begins - 1), self._newest)
        else:
            self._gaps.clear()

    def gap_announced(self, after: int, upto: int) -> None:
        """Note a stretch that the server left out. Everything else up to now has come, own messages included."""
        self._announced = max((self._announced, *self._own))
        self._leave_out(after, upto)

    def page_fetched(self, upto: int) -> None:
        """Note that everything up to `upto` in the first gap has come."""
        after, end = self._gaps.pop(0)
        if upto < end:
            self._gaps.insert(0, (max(after, upto), end))
        else:
            self.last = max(self.last, end)

    def drop_gaps(self) -> None:
        """Forget the gaps: what is missing will not come."""
        self._gaps.clear()

    def note_fetched(self, seq: int) -> bool:
        """Note a message that was fetched; whether to show it. One in no gap came before, or comes by itself."""
        return self._fill(seq) and seq not in self._own

    def note_live(self, seq: int) -> bool:
        """Note a message that was delivered; whether to show it: it is new, and not one's own."""
        new = self._fill(seq) or seq > self.last
        self.last = max(self.last, seq)
        return new and seq not in self._own

    def note_own(self, seq: int) -> None:
        """Note the `seq` of one's own message, which was acknowledged."""
        self._own[seq] = None
        if len(self._own) > MAX_OWN:
            del self._own[next(iter(self._own))]
        if self.ordered:
            self._announced = max(self._announced, seq)

    def acknowledge(self) -> int:
        """The `seq` to acknowledge now; 0 if there is nothing new."""
        if self.complete_upto <= self._acknowledged:
            return 0
        self._acknowledged = self.complete_upto
        return self._acknowledged

    @property
    def acknowledged(self) -> bool:
        """Whether everything that came was acknowledged."""
        return self.complete_upto <= self._acknowledged

    def disconnected(self) -> None:
        """Note that the connection has ended: an acknowledgement that was written may not have arrived."""
        if not self.replaying:
            self.last = max(self.last, self._announced)
        self.replaying, self._announced = False, 0
        self._acknowledged = 0

    def _fill(self, seq: int) -> bool:
        """Whether this message was missing. Messages of a gap come in order, so those before it in the same gap have come."""
        for n, (after, upto) in enumerate(self._gaps):
            if after < seq <= upto:
                self._gaps[n] = seq, upto
                self.last = max(self.last, seq)
                return True
        return False

    def _leave_out(self, after: int, upto: int) -> None:
        """Add a gap. If there are `MAX_GAPS` already, the last one is extended."""
        if len(self._gaps) >= MAX_GAPS:
            after, end = self._gaps.pop()
            upto = max(upto, end)
        if upto > after:
            self._gaps.append((after, upto))
