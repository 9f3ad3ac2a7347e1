"""Registry: who is here. Data only: it sends nothing, and nothing in it waits."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from lanchat.errors import BadName, NameTaken
from lanchat.names import Name, key, parse, suggestions
from lanchat.session import Session


class Registry:
    """The sessions that have a name, by name. One is shared by every gateway, through the router."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}  # by key
        self._spelt: dict[str, Session] = {}  # by the registered spelling: the common case, found without folding
        self._keys: list[str] = []  # sorted, and the names in the same order: a list is made by cutting a piece out
        self._names: list[str] = []
        # What the names here look like: a name outside ASCII may look like no other, so it matters which kind has the look.
        self._ascii_looks: Counter[str] = Counter()
        self._other_looks: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))  # those who are told may leave while they are told

    def __contains__(self, session: object) -> bool:
        return isinstance(session, Session) and self._sessions.get(session.name.key) is session

    def find(self, name: str) -> Session | None:
        """The session of that name, in any spelling of it, or None."""
        return self._spelt.get(name) or self._sessions.get(key(name))

    def take(self, session: Session) -> None:
        """Give the session its name, in one step; raises `NameTaken`."""
        name = session.name
        if self._taken(name):
            free = next(filter(self._free, suggestions(name)), None)
            raise NameTaken(f"The name {name.shown} is already taken{f'. Try {free}' if free else ''}.")
        self._sessions[name.key] = self._spelt[name.shown] = session
        at = bisect_left(self._keys, name.key)
        self._keys.insert(at, name.key)
        self._names.insert(at, name.shown)
        self._looks(name).update(name.looks)

    def free(self, session: Session) -> bool:
        """Take the session out; false when it was not here."""
        if session not in self:
            return False
        name = session.name
        del self._sessions[name.key], self._spelt[name.shown]
        at = bisect_left(self._keys, name.key)
        del self._keys[at], self._names[at]
        looks = self._looks(name)
        looks.subtract(name.looks)
        for look in name.looks:
            if not looks[look]:
                del looks[look]
        return True

    def listed(self, prefix: str, most: int) -> tuple[list[str], int]:
        """The names here that begin with `prefix`, in any case, in order: the first of them, and how many there are in all."""
        start = key(prefix)
        first, last = bisect_left(self._keys, start), bisect_left(self._keys, start + "\U0010ffff")
        return self._names[first : min(last, first + most)], last - first

    def _looks(self, name: Name) -> Counter[str]:
        return self._ascii_looks if name.shown.isascii() else self._other_looks

    def _free(self, text: str) -> bool:
        try:
            return not self._taken(parse(text))
        except BadName:
            return False

    def _taken(self, name: Name) -> bool:
        if name.key in self._sessions:
            return True
        like = name.looks & self._other_looks.keys()
        return bool(like) or (not name.shown.isascii() and bool(name.looks & self._ascii_looks.keys()))
