"""Cursor: how much of the server's log has been seen here, in memory: what came before, what is missing, what is acknowledged.

`seq` increases within an `epoch` (docs/protocol.md). What is at or below the last one was seen, but for holes: stretches
that the server says it left out, and that are fetched.
"""

from __future__ import annotations

from lanchat.packet import ServerX

#: Own messages, acknowledged while a batch came, that are remembered so that they are not shown.
MAX_OWN = 10_000
#: Stretches that are missing, and are told apart.
MAX_HOLES = 1_000


class Cursor:
    """What was seen of the log."""

    def __init__(self) -> None:
        self.epoch = ""
        self.last = 0
        #: Whether a batch of what was missed is still to come.
        self.replaying = False
        self._newest = 0
        self._acknowledged = 0
        self._holes: list[tuple[int, int]] = []
        self._own: dict[int, None] = {}

    @property
    def resume(self) -> dict[str, str | int] | None:
        """What a hello says of it; None while nothing was seen, and the server knows better."""
        return {"epoch": self.epoch, "seq": self._floor} if self.last else None

    @property
    def hole(self) -> tuple[int, int] | None:
        """The first stretch that is missing: after, and up to."""
        return self._holes[0] if self._holes else None

    @property
    def _floor(self) -> int:
        """Everything up to here was seen."""
        return min((after for after, _ in self._holes), default=self.last)

    def welcomed(self, x: ServerX, replays: bool) -> None:
        """A connection begins. In another epoch the numbers are others.

        After a resumption an `end` comes, if only that; but only if the server `replays`, which it was to be asked for.
        """
        if x.epoch != self.epoch:
            self.epoch, self.last, self._acknowledged = x.epoch or "", 0, 0
            self._holes.clear()
            self._own.clear()
        self._newest = x.seq or 0
        self.replaying = replays and bool(x.resumed)

    def replayed(self, more: bool) -> None:
        """The batch of what was missed is at its end; unless there is more, it went up to where live delivery begins."""
        self.replaying = False
        self._holes.clear()
        if more:
            self.interrupted(self.last, self._newest)
        self._pass_own()

    def interrupted(self, after: int, upto: int) -> None:
        """The server left these out. Where there are too many stretches, the last becomes longer."""
        if len(self._holes) >= MAX_HOLES:
            after, end = self._holes.pop()
            upto = max(upto, end)
        if upto > after:
            self._holes.append((after, upto))

    def fetched(self, upto: int) -> None:
        """All there was in the first hole up to here has come."""
        after, end = self._holes.pop(0)
        if upto < end:
            self._holes.insert(0, (max(after, upto), end))
        else:
            self.last = max(self.last, end)
        self._pass_own()

    def sees(self, seq: int) -> bool:
        """Take note of a message that came; False if it came before."""
        for n, (after, upto) in enumerate(self._holes):
            if after < seq <= upto:
                self._holes[n] = seq, upto
                self.last = max(self.last, seq)
                return seq not in self._own
        if seq <= self.last:
            return False
        self.last = seq
        return seq not in self._own

    def said(self, seq: int) -> None:
        """One's own message is in the log. What was there before it has come, or comes in a batch or is fetched."""
        self._own[seq] = None
        if len(self._own) > MAX_OWN:
            del self._own[next(iter(self._own))]
        self._pass_own()

    def _pass_own(self) -> None:
        """Once nothing older is to come, one's own messages count as seen."""
        if self._own and not self.replaying and not self._holes:
            self.last = max(self.last, *self._own)
            self._own.clear()

    def acknowledge(self) -> int:
        """Up to where to acknowledge now; 0 if there is nothing new."""
        if self._floor <= self._acknowledged:
            return 0
        self._acknowledged = self._floor
        return self._acknowledged

    def lost(self) -> None:
        """The connection is gone: an acknowledgement that was written may not have arrived."""
        self.replaying = False
        self._acknowledged = 0
