"""Refusals: what one session said that could not be stored, and that its client is expected to send again.

A client may have several messages on their way. When one is refused for now, those behind it must not be stored before it:
its client sends it again once it has read of the refusal, and it would then come after them.
"""

from __future__ import annotations

#: Milliseconds after which it is worth trying again to store something. It is the same for all messages: with different
#: times they would come back in another order.
RETRY_MS = 2000
#: Seconds for which a refused message holds up what was said after it. Whoever sends it again has done so by then.
UNREAD = 3.0
#: Seconds after which a client that has sent nothing again is taken for one that never will, and is held up no longer.
SILENT = 6.0
#: How many refused messages of one session are remembered.
MOST = 1000
#: The place of a message that was refused and has not come again yet: it may pass any other of this kind.
_UNKNOWN = 2**62


class FailedWrites:
    """The refused messages of one session, known by their `cid`.

    The order in which a client is told of refusals is not always the order in which it said the messages, because some fail at
    once and others with the transaction that they were part of. So the order is taken from the client: it is the order in
    which it sends them again. From then on a message keeps its place, even if it is refused again.
    """

    __slots__ = ("_count", "_places", "_since", "_until")

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._until: dict[str, float] = {}  # those that hold up others, and the time at which each ceases to
        self._count = 0
        self._since: float | None = None  # when the first was refused after the last that came again

    def add(self, cid: str, now: float) -> None:
        """This message was refused; `now` in seconds, by the clock."""
        if self._since is None or not self._until:
            self._since = now
        if cid in self._places or self._has_room(now):
            self._places.setdefault(cid, _UNKNOWN)
            self._until[cid] = now + UNREAD

    def stop(self, cid: str | None, now: float) -> bool:
        """Whether a message that comes now has to be refused, because one that was said before it was, and may come again."""
        place = self._places.get(cid) if cid is not None else None
        if place is None:  # it was not refused before, so it was said after all that were
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

    def held(self, seconds: float) -> None:
        """For so long nothing was served that came from the client, so it could not send anything again."""
        self._until = {cid: until + seconds for cid, until in self._until.items()}
        if self._since is not None:
            self._since += seconds

    def stored(self, cid: str | None) -> None:
        """This message is in the log now."""
        if cid is not None:
            self._places.pop(cid, None)
            self._until.pop(cid, None)

    def _has_room(self, now: float) -> bool:
        """Forget those that nobody has sent again in time, if there are too many; whether there is room for one more."""
        if len(self._places) >= MOST:
            for cid in [cid for cid in self._places if self._until.get(cid, 0.0) <= now]:
                self.stored(cid)
        return len(self._places) < MOST
