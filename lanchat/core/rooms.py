"""Rooms: where more than two talk. Who is there, who belongs to it, and how that is kept.

A member is an account, which stays one when it is away; a guest is there while it is connected.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection

from lanchat.model.lookalikes import Lookalikes
from lanchat.model.room import Room, room_key
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.errors import NoSuchTarget
from lanchat.protocol.packet import visible


class Rooms:
    """All rooms."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._keys: list[str] = []  # sorted
        self._by_conv: dict[str, Room] = {}
        #: What the names look like.
        self.looks = Lookalikes()
        self._odd: dict[str, Room] = {}  # by name: those whose key is not that of their name, as another has it
        #: Where each account belongs, and where each guest is, in the order in which they came there.
        self._of: dict[Account | Session, dict[Room, None]] = {}
        #: Where everybody is, if the operator wants such a room.
        self.lobby: Room | None = None

    def __len__(self) -> int:
        return len(self._rooms)

    def add(self, room: Room) -> None:
        """Know a room, which was made or read from the database, and who belongs to it."""
        if room.key not in self._rooms:
            insort(self._keys, room.key)
        self._rooms[room.key] = self._by_conv[room.conv] = room
        self.looks.add(room.looks)
        if room.key != room_key(room.name):
            self._odd[room.name] = room
        for account in room.members.values():
            self._of.setdefault(account, {})[room] = None

    def open_lobby(self, room: Room) -> None:
        """Everybody is in this room from now on. Whoever made it does not rule over everybody: moderators do."""
        self.lobby, room.owner = room, None

    def remove(self, room: Room) -> None:
        """It is gone, for everyone; two may have closed it."""
        if self._by_conv.get(room.conv) is not room:
            return
        for account in room.members.values():
            account.conversations.pop(room.conv, None)
            self._drop(account, room)
        for session in tuple(room.sessions):
            self.leave(session, room)
        del self._rooms[room.key], self._by_conv[room.conv]
        del self._keys[bisect_left(self._keys, room.key)]
        self.looks.discard(room.looks)
        self._odd.pop(room.name, None)

    def admit(self, account: Account, room: Room, since: int) -> None:
        """An account belongs to it from now on, and is owed what is said there after this place in the log."""
        room.members[account.id] = account
        room.invited.discard(account.id)
        account.conversations[room.conv] = since
        self._of.setdefault(account, {})[room] = None
        for session in account.sessions:
            self.enter(session, room)

    def dismiss(self, account: Account, room: Room) -> None:
        """An account does not belong to it any more, and is not invited to it."""
        room.members.pop(account.id, None)
        room.invited.discard(account.id)
        account.conversations.pop(room.conv, None)
        self._drop(account, room)
        for session in account.sessions:
            self.leave(session, room)

    def clear_topics(self, numbers: Collection[int]) -> None:
        """These have no topic any more."""
        for room in self._rooms.values():
            if room.id in numbers:
                room.topic = ""

    def forget(self, account: Account) -> None:
        """An account is no more: it belongs to no room, and owns none."""
        self._of.pop(account, None)
        for room in self._rooms.values():
            room.members.pop(account.id, None)
            room.invited.discard(account.id)
            if room.owner == account.id:
                room.owner = None

    def find(self, name: str) -> Room | None:
        """The room of that name, in any spelling of it, with or without the mark."""
        if name in self._odd:
            return self._odd[name]
        return self._rooms.get(room_key(name))

    def get(self, name: str, asker: Session) -> Room:
        """The same, as far as somebody may know of it; raises `NoSuchTarget`."""
        room = self.find(name.strip())
        if room is None or not self.shows(room, asker):
            raise NoSuchTarget(
                f"The room {visible(name, 40) or '(no name)'} is not available. Send /rooms to see those there are."
            )
        return room

    def shows(self, room: Room, asker: Session) -> bool:
        """Whether somebody may know that there is this room."""
        account = asker.account
        mine = account is not None and (account.id in room.members or account.id in room.invited or account.id == room.owner)
        return not room.private or mine or asker.role >= Role.MODERATOR

    def beginning(self, prefix: str) -> list[Room]:
        """Those whose name begins so, in any case, with or without the mark; sorted."""
        start = room_key(prefix)
        first, last = bisect_left(self._keys, start), bisect_left(self._keys, start + "\U0010ffff")
        return [self._rooms[key] for key in self._keys[first:last]]

    def of_guest(self, session: Session) -> list[Room]:
        """Where a guest is."""
        return list(self._of.get(session, ()))

    def of(self, session: Session) -> list[Room]:
        """Where a session is."""
        return list(self._of.get(session.account or session, ()))

    def enter(self, session: Session, room: Room) -> None:
        """A session is there from now on."""
        room.sessions[session] = None
        if session.account is None:
            self._of.setdefault(session, {})[room] = None

    def leave(self, session: Session, room: Room) -> None:
        """It is not there any more."""
        room.sessions.pop(session, None)
        self._drop(session, room)

    def arrive(self, session: Session) -> None:
        """Somebody opened a session: an account is where it belongs, and a guest in the lobby."""
        if session.account is not None:
            for room in self.of(session):
                room.sessions[session] = None
        elif self.lobby is not None:
            self.enter(session, self.lobby)

    def depart(self, session: Session) -> None:
        """A session ended."""
        for room in self.of(session):
            room.sessions.pop(session, None)
        self._of.pop(session, None)

    def _drop(self, whose: Account | Session, room: Room) -> None:
        """Somebody belongs to it, or is there, no more."""
        if (rooms := self._of.get(whose)) is not None:
            rooms.pop(room, None)
            if not rooms:
                del self._of[whose]
