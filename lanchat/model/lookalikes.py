"""Lookalikes: which names are taken because a person could mistake them for one that somebody has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lanchat.model.names import Name, are_confusable
from lanchat.protocol.errors import NameTaken


class Lookalikes:
    """The names of users, or of rooms, counted by what they look like.

    Two names are confusable if they have a skeleton in common and one of them is not ASCII (`names.are_confusable`). So for
    each skeleton, names in ASCII and others are counted separately.
    """

    def __init__(self) -> None:
        self._ascii: Counter[str] = Counter()
        self._other: Counter[str] = Counter()
        self._held: list[Name] = []

    def __len__(self) -> int:
        return len(self._ascii) + len(self._other)

    def add(self, name: Name) -> None:
        """Add a name; those that look like it are taken from now on."""
        counts = self._ascii if name.shown.isascii() else self._other
        for skeleton in name.skeletons:
            counts[skeleton] += 1

    def discard(self, name: Name) -> None:
        """Remove a name that was added."""
        counts = self._ascii if name.shown.isascii() else self._other
        for skeleton in name.skeletons:
            counts[skeleton] -= 1
            if not counts[skeleton]:
                del counts[skeleton]

    def taken(self, name: Name) -> bool:
        """Whether a name looks like one that was added."""
        if self._other and not self._other.keys().isdisjoint(name.skeletons):
            return True
        return not name.shown.isascii() and not self._ascii.keys().isdisjoint(name.skeletons)

    @contextmanager
    def held(self, name: Name) -> Iterator[None]:
        """Reserve a name and those that look like it, while the block waits for the disk.

        Raises `NameTaken` if such a name is reserved already.
        """
        if any(are_confusable(name, other) for other in self._held):
            raise NameTaken(f"The name {name.shown}, or one that looks like it, is just being taken. Choose another.")
        self._held.append(name)
        self.add(name)
        try:
            yield
        finally:
            self._held.remove(name)
            self.discard(name)
