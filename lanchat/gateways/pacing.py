"""Pacing: the output of an unframed client, which gets one packet at a time, so that more may come for it than can be sent.

That is not its fault, so it is not closed; some packets are left out instead. When much waits, those of senders are left out
who have some waiting already, so that one sender can't displace the others.
"""

from __future__ import annotations

from collections.abc import Callable

from lanchat.gateways.outbox import Outbox
from lanchat.protocol.limits import Limits
from lanchat.protocol.packet import MAX_UNFRAMED, SERVER, ServerPacket

#: How many senders are remembered before those are forgotten whose packets have all been written.
MANY = 1000


class Pacing:
    """Queues packets for one unframed client, and leaves out what can't be sent in time."""

    __slots__ = ("_is_awaited", "_left_out", "_limits", "_outbox", "_tell", "_until")

    def __init__(self, outbox: Outbox, limits: Limits, tell: Callable[[str], None]) -> None:
        """`tell` sends the client a line from the server."""
        self._outbox, self._limits, self._tell = outbox, limits, tell
        self._left_out = 0  # packets that the client was not told of yet
        self._is_awaited = False  # whether the client will be told when nothing waits any more
        self._until: dict[str, int] = {}  # senders, and the byte of the output at which their last packet ends

    def send(self, packet: ServerPacket) -> None:
        """Queue a packet, or leave it out. There is always room for a line that tells of that."""
        pieces, sender = packet.unframed, packet.from_.name
        waiting, most, size = self._outbox.waiting, self._limits.values["outbox"], sum(map(len, pieces))
        if not self._outbox.paused:  # (otherwise the client does not read, and is closed for it)
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
        """Whether a packet of this sender's waits, and much else does, or something was left out already."""
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
            self._tell(
                f"{left_out} left out here, because more arrived than can be sent to you. /history shows the stored ones."
            )
