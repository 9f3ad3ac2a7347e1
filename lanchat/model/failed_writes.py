"""Failed writes: messages of one session that could not be stored, and that its client is expected to send again.

A client may have several messages on their way. When one is refused for now, those behind it must not be stored before it: the
client sends it again once it has read of the refusal, so it would come after them.
"""

from __future__ import annotations

#: Milliseconds after which a client should send a refused message again. It is the same for all messages, as with different
#: times they would come back in another order.
RETRY_MS = 2000
#: Seconds for which a refused message holds up later ones. A client that sends it again has done so by then.
UNREAD = 3.0
#: Seconds after which a client that has sent nothing again is taken for one that never will, and holds up nothing.
SILENT = 6.0
#: How many refused messages of one session are remembered, at most.
MOST = 1000
#: The place of a message that has not come again yet: after all that have.
_UNKNOWN = 2**62


class FailedWrites:
    """The refused messages of one session, known by their `cid`.

    The order in which a client is told of refusals is not always the order in which it sent the messages, because some fail at
    once and others with the transaction that they were part of. So the order is taken from the client: it is the order in
    which it sends them again. From then on a message keeps its place, even if it is refused again.
    """

    __slots__ = ("_count", "_places", "_since", "_until")

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._until: dict[str, float] = {}  # those that hold up others, and the time until which each does
        self._count = 0
        self._since: float | None = None  # when the first was refused since one came again

    def add(self, cid: str, now: float) -> None:
        """Note that this message was refused; `now` is in seconds, by the clock that only goes forward."""
        if self._since is None or not self._until:
            self._since = now
        if cid in self._places or self._has_room(now):
            self._places.setdefault(cid, _UNKNOWN)
            self._until[cid] = now + UNREAD

    def must_wait(self, cid: str | None, now: float) -> bool:
        """Whether a message that comes now must be refused, as an earlier one was refused and may come again."""
        place = self._places.get(cid) if cid is not None else None
        if place is None:  # it was not refused before, so it is later than all that were
            if self._since is not None and now < self._since + SILENT and any(until > now for until in self._until.values()):
                return True
            self._since = None
            self._until.clear()
            return False
        assert cid is not None  # noqa: S101 (it has a place)
        self._since = now
        if place == _UNKNOWN:
            self._count += 1
            place = self._places[cid] = self._count
        if any(until > now and self._places[other] < place for other, until in self._until.items()):
            return True
        self._until.pop(cid, None)
        return False

    def extend(self, seconds: float) -> None:
        """Extend all times, as for so many seconds nothing was served that came from the client."""
        self._until = {cid: until + seconds for cid, until in self._until.items()}
        if self._since is not None:
            self._since += seconds

    def stored(self, cid: str | None) -> None:
        """Forget a message that is stored now."""
        if cid is not None:
            self._places.pop(cid, None)
            self._until.pop(cid, None)

    def _has_room(self, now: float) -> bool:
        """Whether another message can be remembered; those that were not sent again in time make room for it."""
        if len(self._places) >= MOST:
            for cid in [cid for cid in self._places if self._until.get(cid, 0.0) <= now]:
                self.stored(cid)
        return len(self._places) < MOST
