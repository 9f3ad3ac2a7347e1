"""Rooms: where more than two talk. Who is there, who belongs to it, and how that is kept.

A member is an account, which stays one when it is away; a guest is there while it is connected. The functions that take a
connection run on the store's threads, not in the reactor's.
"""

from __future__ import annotations

from sqlite3 import Connection

from lanchat.accounts import check_there as check_account
from lanchat.entry import newest
from lanchat.errors import BadName, Full, NameTaken, NoSuchTarget
from lanchat.names import Name, key, parse
from lanchat.packet import visible
from lanchat.session import Account, Role, Session

#: What the names of rooms begin with.
MARK = "#"
#: Characters of a topic.
MAX_TOPIC = 300


class Room:
    """One room, as it is known while the server runs."""

    __slots__ = ("conv", "id", "invited", "members", "name", "owner", "private", "sessions", "topic")

    def __init__(self, id: int, name: str, owner: int | None, private: bool = False, topic: str = "") -> None:  # noqa: A002 (it is one)
        self.id = id
        #: With the mark before it.
        self.name = name
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
    def key(self) -> str:
        """What any spelling of its name has in common."""
        return key(self.name)


class Rooms:
    """All rooms."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._by_conv: dict[str, Room] = {}
        #: Where each account belongs, and where each guest is, in the order in which they came there.
        self._of: dict[Account | Session, dict[Room, None]] = {}
        #: Where everybody is, if the operator wants such a room.
        self.lobby: Room | None = None

    def __len__(self) -> int:
        return len(self._rooms)

    def add(self, room: Room) -> None:
        """There is one more."""
        self._rooms[room.key] = self._by_conv[room.conv] = room
        for account in room.members.values():
            self._of.setdefault(account, {})[room] = None

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

    def admit(self, account: Account, room: Room, since: int) -> None:
        """An account belongs to it from now on, and is owed what is said there after this place in the log."""
        room.members[account.id] = account
        room.invited.discard(account.id)
        account.conversations[room.conv] = since
        self._of.setdefault(account, {})[room] = None
        for session in account.sessions:
            self.enter(session, room)

    def dismiss(self, account: Account, room: Room) -> None:
        """An account does not belong to it any more."""
        room.members.pop(account.id, None)
        account.conversations.pop(room.conv, None)
        self._drop(account, room)
        for session in account.sessions:
            self.leave(session, room)

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

    def listed(self, asker: Session) -> list[Room]:
        """Those that somebody may know of, sorted."""
        return [room for _, room in sorted(self._rooms.items()) if self.shows(room, asker)]

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


def add(connection: Connection, name: Name, owner: int | None, private: bool, now: int, most: float) -> Room:  # noqa: PLR0913, PLR0917 (a row)
    """Make a room; raises `NameTaken`, `NoSuchTarget` if its owner is gone, or `Full` when there are so many."""
    if owner is not None:
        check_account(connection, owner)
    (count,) = connection.execute("SELECT count(*) FROM rooms").fetchone()
    if count >= most:
        raise Full("There are as many rooms as this server keeps. Use one of those in /rooms, or ask its operator.", "rooms")
    done = connection.execute(
        "INSERT INTO rooms(name, key, owner, private, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (name.shown, name.key, owner, int(private), now),
    )
    if not done.rowcount or done.lastrowid is None:
        raise NameTaken(f"There is a room of that name already. Send /join {name.shown} to enter it, if it is open to you.")
    return Room(done.lastrowid, name.shown, owner, private)


def open_lobby(connection: Connection, name: Name, now: int) -> None:
    """Make the room that everybody is in, if there is none, and let all accounts belong to it."""
    connection.execute(
        "INSERT INTO rooms(name, key, private, created) VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING", (name.shown, name.key, now)
    )
    (room,) = connection.execute("SELECT id FROM rooms WHERE key = ?", (name.key,)).fetchone()
    for (account,) in connection.execute("SELECT id FROM accounts").fetchall():
        admit(connection, room, account)


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


def invite(connection: Connection, room: int, account: int) -> None:
    """An account may come in; raises `NoSuchTarget`."""
    _check_there(connection, room)
    check_account(connection, account)
    connection.execute("INSERT OR IGNORE INTO invitations VALUES (?, ?)", (room, account))


def admit(connection: Connection, room: int, account: int) -> int:
    """An account belongs to a room; the place in the log from which on it is owed what is said there.

    Raises `NoSuchTarget`.
    """
    _check_there(connection, room)
    check_account(connection, account)
    connection.execute("INSERT OR IGNORE INTO members VALUES (?, ?, ?)", (account, f"r{room}", newest(connection)))
    connection.execute("DELETE FROM invitations WHERE room = ? AND account = ?", (room, account))
    (since,) = connection.execute("SELECT since FROM members WHERE account = ? AND conv = ?", (account, f"r{room}")).fetchone()
    return int(since)


def dismiss(connection: Connection, room: int, account: int) -> None:
    """An account does not belong to a room any more."""
    connection.execute("DELETE FROM members WHERE account = ? AND conv = ?", (account, f"r{room}"))


def _check_there(connection: Connection, room: int) -> None:
    if not is_there(connection, room):
        raise NoSuchTarget("That room was closed just now. Send /rooms to see those there are.")
