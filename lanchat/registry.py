"""Registry: who is here. Data only: it sends nothing, and nothing in it waits."""

from __future__ import annotations

from bisect import bisect_left, insort
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
        self._keys: list[str] = []  # sorted, for listing
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
        insort(self._keys, name.key)
        self._looks(name).update(name.looks)

    def free(self, session: Session) -> bool:
        """Take the session out; false when it was not here."""
        if session not in self:
            return False
        name = session.name
        del self._sessions[name.key], self._spelt[name.shown]
        del self._keys[bisect_left(self._keys, name.key)]
        looks = self._looks(name)
        looks.subtract(name.looks)
        for look in name.looks:
            if not looks[look]:
                del looks[look]
        return True

    def listed(self, prefix: str = "") -> Iterator[str]:
        """The names here that begin with `prefix`, in any case, in order."""
        start = key(prefix)
        for index in range(bisect_left(self._keys, start), len(self._keys)):
            if not self._keys[index].startswith(start):
                return
            yield self._sessions[self._keys[index]].name.shown

    def count(self, prefix: str = "") -> int:
        """How many names `listed` gives."""
        start = key(prefix)
        return bisect_left(self._keys, start + "\U0010ffff") - bisect_left(self._keys, start)

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
