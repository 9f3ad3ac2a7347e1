"""Rooms: where more than two talk. Who is there, who belongs to it, and how that is kept.

A member is an account, which stays one when it is away; a guest is there while it is connected. The functions that take a
connection run on the store's threads, not in the reactor's.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from sqlite3 import Connection

from lanchat.entry import newest
from lanchat.errors import BadName, Forbidden, Full, NameTaken, NoSuchTarget
from lanchat.looks import Looks
from lanchat.names import Name, key, looks, parse
from lanchat.packet import visible
from lanchat.session import Account, Role, Session

#: What the names of rooms begin with.
MARK = "#"
#: Characters of a topic.
MAX_TOPIC = 300


class Room:
    """One room, as it is known while the server runs."""

    __slots__ = ("conv", "id", "invited", "key", "members", "name", "owner", "private", "sessions", "topic")

    def __init__(self, id: int, name: str, owner: int | None, private: bool = False, topic: str = "") -> None:  # noqa: A002 (it is one)
        self.id = id
        #: With the mark before it.
        self.name = name
        #: What any spelling of that has in common.
        self.key = key(name)
        #: What the log calls it.
        self.conv = f"r{id}"
        #: The account that made it.
        self.owner = owner
        self.private = private
        self.topic = topic
        #: Accounts that belong to it, and those that may come to.
        self.members: dict[int, Account] = {}
        self.invited: set[int] = set()
        #: Who is there, in the order in which they came; those of members and of guests.
        self.sessions: dict[Session, None] = {}

    def __repr__(self) -> str:
        return f"<Room {self.id} {self.name}>"

    def is_owned_by(self, session: Session) -> bool:
        """Whether somebody may decide about it: whoever made it, and moderators."""
        account = session.account
        return account is not None and (account.id == self.owner or account.role >= Role.MODERATOR)

    @property
    def looks(self) -> Name:
        """Its name, with what it may be mistaken for."""
        return Name(self.name, self.key, looks({self.name.removeprefix(MARK), self.key.removeprefix(MARK)}))


class Rooms:
    """All rooms."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._keys: list[str] = []  # sorted
        self._by_conv: dict[str, Room] = {}
        #: What the names look like.
        self.looks = Looks()
        self._guests: dict[Session, dict[Room, None]] = {}
        #: Where everybody is, if the operator wants such a room.
        self.lobby: Room | None = None

    def __len__(self) -> int:
        return len(self._rooms)

    def add(self, room: Room) -> None:
        """There is one more."""
        if room.key not in self._rooms:
            insort(self._keys, room.key)
        self._rooms[room.key] = self._by_conv[room.conv] = room
        self.looks.add(room.looks)

    def open_lobby(self, room: Room) -> None:
        """Everybody is in this room from now on. Whoever made it does not rule over everybody: moderators do."""
        self.lobby, room.owner = room, None

    def remove(self, room: Room) -> None:
        """It is gone, for everyone; two may have closed it."""
        if self._by_conv.get(room.conv) is not room:
            return
        for account in room.members.values():
            account.conversations.pop(room.conv, None)
        for session in tuple(room.sessions):
            self.leave(session, room)
        del self._rooms[room.key], self._by_conv[room.conv]
        del self._keys[bisect_left(self._keys, room.key)]
        self.looks.discard(room.looks)

    def admit(self, account: Account, room: Room, since: int) -> None:
        """An account belongs to it from now on, and is owed what is said there after this place in the log."""
        room.members[account.id] = account
        room.invited.discard(account.id)
        account.conversations[room.conv] = since
        for session in account.sessions:
            self.enter(session, room)

    def dismiss(self, account: Account, room: Room) -> None:
        """An account does not belong to it any more, and is not invited to it."""
        room.members.pop(account.id, None)
        room.invited.discard(account.id)
        account.conversations.pop(room.conv, None)
        for session in account.sessions:
            self.leave(session, room)

    def forget(self, account: Account) -> None:
        """An account is no more: it belongs to no room, and owns none."""
        for room in self._rooms.values():
            room.members.pop(account.id, None)
            room.invited.discard(account.id)
            if room.owner == account.id:
                room.owner = None

    def find(self, name: str) -> Room | None:
        """The room of that name, in any spelling of it, with or without the mark."""
        return self._rooms.get(key(name if name.startswith(MARK) else MARK + name))

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
        start = MARK + key(prefix.removeprefix(MARK))
        first, last = bisect_left(self._keys, start), bisect_left(self._keys, start + "\U0010ffff")
        return [self._rooms[key] for key in self._keys[first:last]]

    def of_guest(self, session: Session) -> list[Room]:
        """Where a guest is."""
        return list(self._guests.get(session, ()))

    def of(self, session: Session) -> list[Room]:
        """Where a session is."""
        if session.account is None:
            return self.of_guest(session)
        return [self._by_conv[conv] for conv in session.account.conversations if conv in self._by_conv]

    def enter(self, session: Session, room: Room) -> None:
        """A session is there from now on."""
        room.sessions[session] = None
        if session.account is None:
            self._guests.setdefault(session, {})[room] = None

    def leave(self, session: Session, room: Room) -> None:
        """It is not there any more."""
        room.sessions.pop(session, None)
        if session in self._guests:
            self._guests[session].pop(room, None)

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
        self._guests.pop(session, None)


def parse_name(text: str) -> Name:
    """What a room may be called is what a user may, after the mark; raises `BadName`."""
    text = text.strip()
    if not text.startswith(MARK):
        raise BadName(f"The name of a room begins with {MARK}, as in {MARK}{visible(text, 32) or 'ops'}.")
    try:
        name = parse(text.removeprefix(MARK))
    except BadName as error:
        raise BadName(str(error).replace(" Try ", f" Try {MARK}")) from None
    return Name(MARK + name.shown, MARK + name.key, name.looks)


def load(connection: Connection, accounts: dict[int, Account]) -> list[Room]:
    """Every room, with its members and those who are invited."""
    rooms = {
        number: Room(number, name, owner, bool(private), topic)
        for number, name, owner, private, topic in connection.execute("SELECT id, name, owner, private, topic FROM rooms")
    }
    by_conv = {room.conv: room for room in rooms.values()}
    for account, conv in connection.execute("SELECT account, conv FROM members WHERE conv LIKE 'r%'"):
        if conv in by_conv:
            by_conv[conv].members[account] = accounts[account]
    for room, account in connection.execute("SELECT room, account FROM invitations"):
        rooms[room].invited.add(account)
    return list(rooms.values())


def add(  # noqa: PLR0913, PLR0917 (a row)
    connection: Connection, name: Name, owner: int, private: bool, now: int, most: float, owned: float = math.inf
) -> Room:
    """Make a room; raises `NameTaken`, or `Full` when there are `most`, or `owned` of this owner's."""
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
    """What a room is about."""
    connection.execute("UPDATE rooms SET topic = ? WHERE id = ?", (topic, room))


def is_there(connection: Connection, room: int) -> bool:
    """Whether there is still this room."""
    return connection.execute("SELECT 1 FROM rooms WHERE id = ?", (room,)).fetchone() is not None


def invite(connection: Connection, room: int, account: int, most: float = math.inf) -> None:
    """An account may come in; raises `NoSuchTarget`, or `Full` when `most` others are invited."""
    _check_there(connection, room)
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


def _is_invited(connection: Connection, room: int, account: int) -> bool:
    found = connection.execute("SELECT 1 FROM invitations WHERE room = ? AND account = ?", (room, account))
    return found.fetchone() is not None


def _check_there(connection: Connection, room: int) -> None:
    if not is_there(connection, room):
        raise NoSuchTarget("That room was closed just now. Send /rooms to see those there are.")
