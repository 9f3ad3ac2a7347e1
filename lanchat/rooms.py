"""Rooms: where more than two talk. Who is there, who belongs to it, and how that is kept.

A member is an account, which stays one when it is away; a guest is there while it is connected. The functions that take a
connection run on the store's threads, not in the reactor's.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable
from sqlite3 import Connection

from lanchat.accounts import check_there as check_account
from lanchat.entry import newest
from lanchat.errors import BadName, Forbidden, Full, NameTaken, NoSuchTarget
from lanchat.looks import Looks
from lanchat.names import Name, may_be, parse
from lanchat.packet import visible
from lanchat.room import MARK, Room, room_key
from lanchat.session import Account, Role, Session
from lanchat.stored import Wrong, note, usable


class Rooms:
    """All rooms."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._keys: list[str] = []  # sorted
        self._by_conv: dict[str, Room] = {}
        #: What the names look like.
        self.looks = Looks()
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


def parse_name(text: str) -> Name:
    """What a room may be called is what a user may, after the mark; raises `BadName`."""
    text = text.strip()
    if not text.startswith(MARK):
        raise BadName(f"The name of a room begins with {MARK}, as in {MARK}{text if may_be(text) else 'ops'}.")
    if not text.removeprefix(MARK).strip():
        raise BadName(f"The name of a room is missing; write it after the {MARK}, as in {MARK}ops.")
    try:
        name = parse(text.removeprefix(MARK))
    except BadName as error:
        raise BadName(str(error).replace(" Try ", f" Try {MARK}")) from None
    return Name(MARK + name.shown, MARK + name.key, name.looks)


def load(connection: Connection, accounts: dict[int, Account], wrong: Wrong = note) -> list[Room]:
    """Every room, with its members (of these accounts) and those who are invited.

    `wrong` is told of each row that can't be used.
    """
    rooms: dict[int, Room] = {}
    for number, name, kept, topic, private, owner, *_ in usable(connection, "rooms", wrong):
        rooms[number] = Room(number, name, owner if owner in accounts else None, private != 0, topic, kept)
    by_conv = {room.conv: room for room in rooms.values()}
    for account in accounts.values():
        for conv in account.conversations:
            if conv in by_conv:
                by_conv[conv].members[account.id] = account
    for room, invited in usable(connection, "invitations", wrong):
        if room in rooms:
            rooms[room].invited.add(invited)
    return list(rooms.values())


def add(  # noqa: PLR0913, PLR0917 (a row)
    connection: Connection, name: Name, owner: int | None, private: bool, now: int, most: float, owned: float = math.inf
) -> Room:
    """Make a room; raises `NameTaken`, `NoSuchTarget` if its owner is gone, or `Full`.

    It is full when there are `most`, or `owned` of this owner's.
    """
    if owner is not None:
        check_account(connection, owner)
    count, own = connection.execute("SELECT count(*), count(*) FILTER (WHERE owner = ?) FROM rooms", (owner,)).fetchone()
    if own >= owned:
        raise Full("There are as many rooms that you made as one may have. Send /close to end one first.", "owned")
    if count >= most:
        raise Full("There are as many rooms as this server keeps. Use one of those in /rooms, or ask its operator.", "rooms")
    done = connection.execute(
        "INSERT INTO rooms(name, key, owner, private, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (name.shown, name.key, owner, int(private), now),
    )
    if not done.rowcount or done.lastrowid is None:
        raise NameTaken(f"There is a room of that name already. Send /join {name.shown} to enter it, if it is open to you.")
    return Room(done.lastrowid, name.shown, owner, private)


def remove(connection: Connection, room: int) -> None:
    """A room is gone, and who belonged to it with it. What was said there goes with retention."""
    connection.execute("DELETE FROM members WHERE conv = ?", (f"r{room}",))
    connection.execute("DELETE FROM rooms WHERE id = ?", (room,))


def set_topic(connection: Connection, room: int, topic: str) -> None:
    """What a room is about; raises `NoSuchTarget`."""
    _check_there(connection, room)
    connection.execute("UPDATE rooms SET topic = ? WHERE id = ?", (topic, room))


def is_there(connection: Connection, room: int) -> bool:
    """Whether there is still this room."""
    return connection.execute("SELECT 1 FROM rooms WHERE id = ?", (room,)).fetchone() is not None


def invite(connection: Connection, room: int, account: int, most: float = math.inf) -> None:
    """An account may come in; raises `NoSuchTarget`, or `Full` when `most` others are invited."""
    _check_there(connection, room)
    check_account(connection, account)
    others = "SELECT count(*) FROM invitations WHERE room = ? AND account <> ?"
    if connection.execute(others, (room, account)).fetchone()[0] >= most:
        raise Full("As many are invited to that room as can be. Send /uninvite to take one back.", "invitations")
    outside = "WHERE NOT EXISTS (SELECT 1 FROM members WHERE account = ?2 AND conv = ?3)"
    connection.execute(f"INSERT OR IGNORE INTO invitations SELECT ?1, ?2 {outside}", (room, account, f"r{room}"))


def uninvite(connection: Connection, room: int, account: int) -> None:
    """An account may not come in after all."""
    connection.execute("DELETE FROM invitations WHERE room = ? AND account = ?", (room, account))


def admit(connection: Connection, room: int, account: int, *, invited: bool = False) -> int:
    """An account belongs to a room; the place in the log from which on it is owed what is said there.

    Raises `NoSuchTarget`, and `Forbidden` if it must be `invited` and is not, or not any more.
    """
    _check_there(connection, room)
    check_account(connection, account)
    if invited and not _is_invited(connection, room, account):
        raise Forbidden("The invitation to that room was taken back just now.")
    connection.execute("INSERT OR IGNORE INTO members VALUES (?, ?, ?)", (account, f"r{room}", newest(connection)))
    uninvite(connection, room, account)
    (since,) = connection.execute("SELECT since FROM members WHERE account = ? AND conv = ?", (account, f"r{room}")).fetchone()
    return int(since)


def dismiss(connection: Connection, room: int, account: int) -> None:
    """An account does not belong to a room any more, and is not invited to it."""
    connection.execute("DELETE FROM members WHERE account = ? AND conv = ?", (account, f"r{room}"))
    uninvite(connection, room, account)


def expel(connection: Connection, room: int, accounts: Iterable[int]) -> None:
    """These accounts do not belong to a room any more."""
    for account in accounts:
        dismiss(connection, room, account)


def _is_invited(connection: Connection, room: int, account: int) -> bool:
    found = connection.execute("SELECT 1 FROM invitations WHERE room = ? AND account = ?", (room, account))
    return found.fetchone() is not None


def _check_there(connection: Connection, room: int) -> None:
    if not is_there(connection, room):
        raise NoSuchTarget("That room was closed just now. Send /rooms to see those there are.")
