"""Looks: which names are taken because a person could mistake them for one that somebody has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lanchat.protocol.errors import NameTaken
from lanchat.protocol.names import Name, are_confusable


class Lookalikes:
    """The names of users, or of rooms, counted by what they look like.

    Two names look alike if they have a look in common and one of them is outside ASCII (`names.are_confusable`), so it
    matters of which kind a name is that has a look.
    """

    def __init__(self) -> None:
        self._ascii: Counter[str] = Counter()
        self._other: Counter[str] = Counter()
        self._held: list[Name] = []

    def __len__(self) -> int:
        return len(self._ascii) + len(self._other)

    def add(self, name: Name) -> None:
        """Count a name: those that look like it are taken."""
        counts = self._ascii if name.shown.isascii() else self._other
        for look in name.skeletons:
            counts[look] += 1

    def discard(self, name: Name) -> None:
        """Count a name no more, which was added before."""
        counts = self._ascii if name.shown.isascii() else self._other
        for look in name.skeletons:
            counts[look] -= 1
            if not counts[look]:
                del counts[look]

    def taken(self, name: Name) -> bool:
        """Whether a name looks like one that there is."""
        if self._other and not self._other.keys().isdisjoint(name.skeletons):
            return True
        return not name.shown.isascii() and not self._ascii.keys().isdisjoint(name.skeletons)

    @contextmanager
    def held(self, name: Name) -> Iterator[None]:
        """While the block runs, which waits for the disk, what looks like this name is taken.

        Raises `NameTaken` if such a name is being made in another block.
        """
        if any(are_confusable(name, other) for other in self._held):
            raise NameTaken(f"The name {name.shown} is just being taken, or one that looks like it. Choose another.")
        self._held.append(name)
        self.add(name)
        try:
            yield
        finally:
            self._held.remove(name)
            self.discard(name)
