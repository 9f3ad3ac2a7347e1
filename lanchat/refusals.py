"""Refusals: what could not be stored, as long as whoever said it may not have read that, and says more in the meantime."""

from __future__ import annotations

#: Milliseconds after which it is worth trying again to store something: the same for all, or they would come in another order.
RETRY_MS = 2000
#: Seconds for which at most something is not taken because of what was refused before: by then who does so has sent that again.
UNREAD = 3.0
#: So many of a session are remembered.
MOST = 1000


class Refusals:
    """Messages of one session that were refused for now, in the order in which it was told.

    A client may have several on their way. When one is refused, those behind it must not be stored: it is sent again, when its
    client has read of it, or when the connection broke before that, and would come after them.
    """

    __slots__ = ("_cids", "_until")

    def __init__(self) -> None:
        self._cids: dict[str, None] = {}
        self._until = 0.0

    def add(self, cid: str, now: float) -> None:
        """This was refused; `now` in seconds, by the clock."""
        if not self._cids:
            self._until = now + UNREAD
        self._cids.pop(cid, None)
        if len(self._cids) < MOST:
            self._cids[cid] = None

    def stop(self, cid: str | None, now: float) -> bool:
        """Whether what is said now would go past one of them.

        One that is sent again may pass. It shows that all is read that was told before: what of that does not come, never will.
        """
        if now >= self._until:
            self._cids.clear()
        if cid in self._cids:
            told = list(self._cids)
            self._cids = dict.fromkeys(told[told.index(cid) + 1 :])
            return False
        return bool(self._cids)
