"""Markers: the moments up to which IRC clients said that their users have read, while the server runs."""

from __future__ import annotations

from typing import TypeAlias

from lanchat.model.names import key
from lanchat.model.session import Session

#: How many moments are remembered, of all users together.
MAX_REMEMBERED = 10_000

#: An account, or one session of a guest: since when it is there, and which one it is.
_Reader: TypeAlias = int | tuple[float, int]


class Markers:
    """The moments up to which clients said that their users have read, as RFC 3339 in UTC with milliseconds."""

    def __init__(self) -> None:
        self._moments: dict[tuple[_Reader, str], str] = {}  # (the one that moved last is the last)

    def of(self, session: Session, target: str) -> str:
        """The moment for a channel or a nick; "" if there is none."""
        return self._moments.get((_reader(session), key(target)), "")

    def move(self, session: Session, target: str, moment: str) -> None:
        """Set it; with "" forget it."""
        where = _reader(session), key(target)
        self._moments.pop(where, None)
        if moment:
            self._moments[where] = moment
        if len(self._moments) > MAX_REMEMBERED:
            del self._moments[next(iter(self._moments))]


def _reader(session: Session) -> _Reader:
    return session.account.id if session.account is not None else (session.since, id(session))
