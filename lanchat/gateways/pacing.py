"""Pacing: what an unframed client is sent. It gets a packet at a time, so more may come for it than it can be sent.

That is not its fault, so it is not closed for it. Nor does one sender use up the time that the others need: when much waits,
who has something waiting already adds nothing to it.
"""

from __future__ import annotations

from collections.abc import Callable

from lanchat.gateways.outbox import Outbox
from lanchat.protocol.limits import Limits
from lanchat.protocol.packet import MAX_UNFRAMED, SERVER, ServerPacket

#: Senders that are remembered before it is looked whose packets have all gone out.
MANY = 1000


class Pacing:
    """Takes packets for one unframed client, and leaves out what it can't be sent in time."""

    __slots__ = ("_is_awaited", "_left_out", "_limits", "_outbox", "_tell", "_until")

    def __init__(self, outbox: Outbox, limits: Limits, tell: Callable[[str], None]) -> None:
        """`tell` shows the client a line of the server's."""
        self._outbox, self._limits, self._tell = outbox, limits, tell
        self._left_out = 0  # packets, since the client was told of such
        self._is_awaited = False  # whether it is told when nothing waits any more
        self._until: dict[str, int] = {}  # senders, and what must have been handed over when their last packet has

    def send(self, packet: ServerPacket) -> None:
        """Queue the packet, or leave it out: there is always room for a line that tells so."""
        pieces, sender = packet.unframed, packet.from_.name
        waiting, most, size = self._outbox.waiting, self._limits.values["outbox"], sum(map(len, pieces))
        if not self._outbox.paused:  # (when it is, the client does not read, and too much is its own fault)
            if waiting + size + MAX_UNFRAMED > most or (waiting > most / 4 and self._has_enough(sender, most)):
                self._leave_out(size)
                return
            if self._left_out:
                self._tell_of_gap()
            elif not waiting:
                self._until = {}
            self._until[sender] = self._outbox.handed + self._outbox.waiting + size
        self._outbox.send_all(pieces, size)

    def _has_enough(self, sender: str, most: float) -> bool:
        """Whether much waits, something of this sender's too. Once something was left out, it has to become less first."""
        if len(self._until) > MANY:
            self._until = {name: end for name, end in self._until.items() if end > self._outbox.handed}
        much = self._left_out or self._outbox.waiting > most / 2
        return bool(much) and sender != SERVER.name and self._until.get(sender, 0) > self._outbox.handed

    def _leave_out(self, size: int) -> None:
        self._outbox.leave_out(size)
        self._left_out += 1
        if not self._is_awaited:
            self._is_awaited = True
            self._outbox.drained().addCallback(self._drained)

    def _drained(self, _: None) -> None:
        self._tell_of_gap()
        self._is_awaited = False
        self._until.clear()

    def _tell_of_gap(self) -> None:
        n, self._left_out = self._left_out, 0
        if n:
            left_out = f"{n} messages were" if n > 1 else "A message was"
            self._tell(f"{left_out} left out here, as more came than you can be sent in time. /history shows what is kept.")
