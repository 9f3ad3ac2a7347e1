"""Cursor: our place in the server's log, in memory: what has come, what is missing, and what may be acknowledged.

`seq` increases within an `epoch` (docs/protocol.md, "Places in the log"). Each `seq` up to `last` has come, but for holes:
stretches that the server says it left out, and that are fetched.

The acknowledgement of one's own message has a `seq` too. That is no proof that all before it has come: a server may hold
back what others said while it acknowledges. A server that grants the cap `order` announces such a gap first, so there the
place moves on with the acknowledgement; elsewhere only with what comes after it.
"""

from __future__ import annotations

from lanchat.protocol.packet import ServerX

#: Places of own messages that are remembered, so that a server which sends those back does not have them shown.
MAX_OWN = 10_000
#: Stretches that are missing, and are told apart.
MAX_HOLES = 1_000


class Cursor:
    """How far one reader has come in the log."""

    def __init__(self, ordered: bool = False) -> None:
        """`ordered`: the server grants `order`."""
        self.ordered = ordered
        self.epoch = ""
        #: The newest that came from others.
        self.last = 0
        #: Whether a batch of what was missed is still to come.
        self.replaying = False
        #: The newest place up to which the server has sent or announced all, though no message of that place came.
        self._told = 0
        self._newest = 0
        self._acknowledged = 0
        self._holes: list[tuple[int, int]] = []
        self._own: dict[int, None] = {}

    @property
    def resume(self) -> dict[str, str | int] | None:
        """What a hello says of it; None while nothing was seen, and the server knows better."""
        return {"epoch": self.epoch, "seq": self.floor} if self.floor else None

    @property
    def hole(self) -> tuple[int, int] | None:
        """The first stretch that is missing: after, and up to."""
        return self._holes[0] if self._holes else None

    @property
    def floor(self) -> int:
        """Everything up to here has come."""
        newest = self.last if self.replaying else max(self.last, self._told)
        return min((after for after, _ in self._holes), default=newest)

    def welcomed(self, x: ServerX, replays: bool) -> None:
        """A connection begins. After a resumption an `end` comes, if only that; but only if the server `replays`.

        In another epoch the numbers are others. If the server can't resume from where we were, its log is another one too.
        """
        if x.epoch != self.epoch or x.resumed is False:
            self.epoch, self.last, self._told, self._acknowledged = x.epoch or "", 0, 0, 0
            self._holes.clear()
            self._own.clear()
        self._newest = x.seq or 0
        self.replaying = replays and bool(x.resumed)

    def registered(self, x: ServerX) -> None:
        """The name was made an account, which is owed what is said from this place on.

        Elsewhere than with `order` what came before is the better proof, if anything did.
        """
        self.epoch = x.epoch or ""
        if self.ordered or not self.last:
            self._told = max(self._told, x.seq or 0)

    def replayed(self, more: bool, begins: int = 0) -> None:
        """The batch of what was missed is at its end; unless there is more, it went up to where live delivery begins.

        It was to begin at `begins` (0 if the server does not say), of which a new process has no other proof if nothing came.
        """
        self.replaying = False
        if more:
            self._leave_out(max(self.last, begins - 1), self._newest)
        else:
            self._holes.clear()

    def interrupted(self, after: int, upto: int) -> None:
        """The server left these out. All else up to now has come, own messages too."""
        self._told = max((self._told, *self._own))
        self._leave_out(after, upto)

    def fetched(self, upto: int) -> None:
        """All there was in the first hole up to here has come."""
        after, end = self._holes.pop(0)
        if upto < end:
            self._holes.insert(0, (max(after, upto), end))
        else:
            self.last = max(self.last, end)

    def give_up(self) -> None:
        """What is missing will not come."""
        self._holes.clear()

    def fills(self, seq: int) -> bool:
        """Take note of a message that was fetched; whether to show it. What is in no hole came before, or comes by itself."""
        return self._fill(seq) and seq not in self._own

    def sees(self, seq: int) -> bool:
        """Take note of a message that came by itself; whether to show it: it did not come before, and is not one's own."""
        new = self._fill(seq) or seq > self.last
        self.last = max(self.last, seq)
        return new and seq not in self._own

    def said(self, seq: int) -> None:
        """One's own message is in the log."""
        self._own[seq] = None
        if len(self._own) > MAX_OWN:
            del self._own[next(iter(self._own))]
        if self.ordered:
            self._told = max(self._told, seq)

    def acknowledge(self) -> int:
        """Up to where to acknowledge now; 0 if there is nothing new."""
        if self.floor <= self._acknowledged:
            return 0
        self._acknowledged = self.floor
        return self._acknowledged

    @property
    def acknowledged(self) -> bool:
        """Whether there is nothing to acknowledge."""
        return self.floor <= self._acknowledged

    def lost(self) -> None:
        """The connection is gone: an acknowledgement that was written may not have arrived."""
        if not self.replaying:
            self.last = max(self.last, self._told)
        self.replaying, self._told = False, 0
        self._acknowledged = 0

    def _fill(self, seq: int) -> bool:
        """Whether this was missing; what was before it in that hole has come."""
        for n, (after, upto) in enumerate(self._holes):
            if after < seq <= upto:
                self._holes[n] = seq, upto
                self.last = max(self.last, seq)
                return True
        return False

    def _leave_out(self, after: int, upto: int) -> None:
        """Note a stretch that is missing. Where there are too many of them, the last becomes longer."""
        if len(self._holes) >= MAX_HOLES:
            after, end = self._holes.pop()
            upto = max(upto, end)
        if upto > after:
            self._holes.append((after, upto))
