"""Reservations: the limits on the rooms that one may be in, and on the members of a room, also while joining is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from lanchat.model.room import Room
from lanchat.model.session import Account, Session
from lanchat.protocol.errors import Full
from lanchat.protocol.limits import Limits
from lanchat.state.rooms import Rooms


class Reservations:
    """Checks these limits; places that are reserved count as taken."""

    def __init__(self, rooms: Rooms, limits: Limits) -> None:
        self._rooms = rooms
        self._limits = limits
        self._kept: Counter[Room | Account | Session] = Counter()

    def check_joined(self, session: Session) -> None:
        """Raise `Full` if a session is in as many rooms as one may be in."""
        if len(self._rooms.of(session)) + self._kept[session.account or session] >= self._limits["joined"]:
            raise Full("You are in the maximum number of rooms. Leave one first.", "joined")

    def has_room_for_member(self, room: Room) -> bool:
        """Whether a room may have another member."""
        return room is self._rooms.lobby or len(room.members) + self._kept[room] < self._limits["members"]

    def check_members(self, room: Room) -> None:
        """Raise `Full` if a room may not have another member."""
        if not self.has_room_for_member(room):
            raise Full(f"{room.name} has the maximum number of members.", "members")

    def check_limit(self, room: Room) -> None:
        """Raise `Full` if as many people are in a room as its rules allow."""
        if 0 < room.rules.limit <= room.people + self._kept[room]:
            raise Full(f"{room.name} has as many people as its rules allow ({room.rules.limit}). Try again later.")

    def awaits_member(self, room: Room) -> bool:
        """Whether somebody is just becoming a member of a room."""
        return self._kept[room] > 0

    @contextmanager
    def kept(self, session: Session, rooms: Iterable[Room], count: int = 1) -> Iterator[None]:
        """Reserve a place in each of these rooms, and `count` rooms for the session, while the block waits for the disk."""
        owner: Account | Session = session.account or session
        places = [*rooms, *[owner] * count]
        for place in places:
            self._kept[place] += 1
        try:
            yield
        finally:
            for place in places:
                self._kept[place] -= 1
                if not self._kept[place]:
                    del self._kept[place]
