"""Rooms: all rooms by name, who is in them, and who is a member.

A member is an account, and stays one while it is away; a guest is in a room only while it is connected.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection

from lanchat.model.lookalikes import Lookalikes
from lanchat.model.names import Name
from lanchat.model.room import MARK, Room, parse_name, room_key
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.entry import ConversationId
from lanchat.protocol.errors import NoSuchTarget, NotMember
from lanchat.protocol.packet import visible


class Rooms:
    """All rooms, by name. Data only: it stores nothing, and tells nobody."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._keys: list[str] = []  # sorted
        #: By their conversations in the log.
        self.by_conv: dict[str, Room] = {}
        #: What the names of rooms look like.
        self.lookalikes = Lookalikes()
        self._odd: dict[str, Room] = {}  # by name: rooms whose key is not that of their name, as another has it
        # The rooms of each account and of each guest, in the order in which they joined.
        self._of: dict[Account | Session, dict[Room, None]] = {}
        # The rooms to which each guest is invited who is online.
        self._invited: dict[Session, set[Room]] = {}
        #: The room that everybody is in, if the operator wants one.
        self.lobby: Room | None = None

    def __len__(self) -> int:
        return len(self._rooms)

    def add(self, room: Room) -> None:
        """Add a room that was created or read from the database, with its members."""
        if room.key not in self._rooms:
            insort(self._keys, room.key)
        self._rooms[room.key] = self.by_conv[room.conv] = room
        self.lookalikes.add(room.parsed_name)
        if room.key != room_key(room.name):
            self._odd[room.name] = room
        for account in room.members.values():
            self._of.setdefault(account, {})[room] = None

    def parse(self, text: str) -> Name:
        """Check the name of a new room; raises `BadName`, which proposes only a name that no room has, or looks like."""
        return parse_name(text, lambda hint: self._is_free(parse_name(MARK + hint)))

    def _is_free(self, name: Name) -> bool:
        return name.key not in self._rooms and not self.lookalikes.taken(name)

    def open_lobby(self, room: Room) -> None:
        """Let everybody be in this room. Nobody has a rank in it any more, so that only moderators decide about everybody."""
        self.lobby, room.owner = room, None
        room.ranks.clear()

    def rename(self, room: Room, name: Name) -> None:
        """Give a room another name, unless it was removed."""
        if self.by_conv.get(room.conv) is not room:
            return
        del self._keys[bisect_left(self._keys, room.key)], self._rooms[room.key]
        self.lookalikes.discard(room.parsed_name)
        self._odd.pop(room.name, None)
        room.name, room.key = name.shown, name.key
        insort(self._keys, room.key)
        self._rooms[room.key] = room
        self.lookalikes.add(name)

    def remove(self, room: Room) -> None:
        """Remove a room for everyone, unless that has been done: two may close it at the same time."""
        if self.by_conv.get(room.conv) is not room:
            return
        for account in room.members.values():
            account.conversations.pop(room.conv, None)
            self._drop(account, room)
        for session in tuple(room.sessions):
            self.leave(session, room)
        for session in tuple(room.guests_invited):
            self.uninvite_guest(session, room)
        del self._rooms[room.key], self.by_conv[room.conv]
        del self._keys[bisect_left(self._keys, room.key)]
        self.lookalikes.discard(room.parsed_name)
        self._odd.pop(room.name, None)

    def admit(self, account: Account, room: Room, since: int) -> None:
        """Make an account a member, who gets the messages of the room that have a higher number in the log than `since`."""
        room.members[account.id] = account
        room.invited.discard(account.id)
        account.conversations[room.conv] = since
        self._of.setdefault(account, {})[room] = None
        for session in account.sessions:
            self.enter(session, room)

    def dismiss(self, account: Account, room: Room) -> None:
        """End the membership of an account, and its invitation."""
        room.members.pop(account.id, None)
        room.invited.discard(account.id)
        account.conversations.pop(room.conv, None)
        self._drop(account, room)
        for session in account.sessions:
            self.leave(session, room)
            self.uninvite_guest(session, room)

    def invite_guest(self, guest: Session, room: Room) -> None:
        """Let a guest enter a room, once, while they are online."""
        room.guests_invited.add(guest)
        self._invited.setdefault(guest, set()).add(room)

    def uninvite_guest(self, guest: Session, room: Room) -> None:
        """End the invitation of a guest, if there is one."""
        room.guests_invited.discard(guest)
        if (rooms := self._invited.get(guest)) is not None:
            rooms.discard(room)
            if not rooms:
                del self._invited[guest]

    def uninvite_guests(self, room: Room, meant: Callable[[Session], bool]) -> list[Session]:
        """End the invitations of the guests who are meant; returns them."""
        guests = list(filter(meant, room.guests_invited))
        for guest in guests:
            self.uninvite_guest(guest, room)
        return guests

    def clear_topics(self, numbers: Collection[int]) -> None:
        """Remove the topics of the rooms with these numbers."""
        for room in self._rooms.values():
            if room.id in numbers:
                room.topic, room.topic_by, room.topic_at = "", "", 0

    def forget(self, account: Account) -> None:
        """Forget an account that was removed: it is a member of no room, has no rank in any, and made none."""
        self._of.pop(account, None)
        for room in self._rooms.values():
            room.ranks.pop(account.id, None)
            room.members.pop(account.id, None)
            room.invited.discard(account.id)
            if room.owner == account.id:
                room.owner = None

    def find(self, name: str) -> Room | None:
        """The room with this name in any spelling, with or without the `#`, or None."""
        if name in self._odd:
            return self._odd[name]
        return self._rooms.get(room_key(name))

    def get(self, name: str, asker: Session) -> Room:
        """The room with this name, as `find` does. Raises `NoSuchTarget` if there is none that the asker may see."""
        room = self.find(name.strip())
        if room is None or not self.is_visible_to(room, asker):
            raise unknown_room(name)
        return room

    def named(self, name: str) -> Room:
        """The room with this name, for the server's operator, who sees all of them. Raises `NoSuchTarget`."""
        room = self.find(name.strip())
        if room is None:
            raise NoSuchTarget(f"There is no room {visible(name.strip(), 40) or '(no name)'}.")
        return room

    def is_visible_to(self, room: Room, asker: Session) -> bool:
        """Whether the asker may see that a room exists."""
        if not room.rules.secret or asker in room.sessions or asker.role >= Role.MODERATOR:
            return True
        account = asker.account
        return room.invites(asker) or (account is not None and (account.id in room.members or account.id in room.ranks))

    def with_prefix(self, prefix: str) -> list[Room]:
        """The rooms whose names begin with this, in any case, with or without the `#`; sorted."""
        start = room_key(prefix)
        first, last = bisect_left(self._keys, start), bisect_left(self._keys, start + "\U0010ffff")
        return [self._rooms[key] for key in self._keys[first:last]]

    def of_guest(self, session: Session) -> list[Room]:
        """The rooms that a session is in as a guest."""
        return list(self._of.get(session, ()))

    def of(self, session: Session) -> list[Room]:
        """The rooms that a session is in, as a guest or because its account is a member."""
        return list(self._of.get(session.account or session, ()))

    def of_person(self, whom: Account | Session) -> list[Room]:
        """The rooms that an account is a member of, or that a guest is in."""
        return list(self._of.get(whom, ()))

    def readable(self, session: Session) -> Collection[ConversationId]:
        """The conversations that a session may read: all of its account, or those of the rooms that a guest is in."""
        account = session.account
        return [room.conv for room in self.of(session)] if account is None else account.conversations

    def enter(self, session: Session, room: Room) -> None:
        """Let a session be in a room."""
        room.sessions[session] = None
        if session in self._invited:
            self.uninvite_guest(session, room)
        if session.account is None:
            self._of.setdefault(session, {})[room] = None

    def leave(self, session: Session, room: Room) -> None:
        """Let a session be in a room no longer."""
        room.sessions.pop(session, None)
        room.guest_ranks.pop(session, None)
        self._drop(session, room)

    def arrive(self, session: Session) -> None:
        """Let a new session be in the rooms of its account, or in the lobby if it is a guest's."""
        if session.account is not None:
            for room in self.of(session):
                room.sessions[session] = None
        elif self.lobby is not None:
            self.enter(session, self.lobby)

    def depart(self, session: Session) -> list[Room]:
        """Take a session that ended out of all rooms. Returns those that it was in."""
        rooms = self.of(session)
        for room in rooms:
            room.sessions.pop(session, None)
            room.guest_ranks.pop(session, None)
        self._of.pop(session, None)
        if session in self._invited:
            for room in self._invited.pop(session):
                room.guests_invited.discard(session)
        return rooms

    def _drop(self, whose: Account | Session, room: Room) -> None:
        """Remove a room from those of an account or a guest."""
        if (rooms := self._of.get(whose)) is not None:
            rooms.pop(room, None)
            if not rooms:
                del self._of[whose]


def unknown_room(name: str) -> NoSuchTarget:
    """The error for a room that does not exist, or that the one who asks may not see."""
    return NoSuchTarget(
        f"The room {visible(name.strip(), 40) or '(no name)'} is not available. Send /rooms to see those there are."
    )


def not_in(room: Room, why: str = "enter it") -> NotMember:
    """The error for somebody who is not in a room, and would have to join it: to enter it, or for another reason (`why`)."""
    return NotMember(f"You are not in {room.name}. Send /join {room.name} to {why}.")
