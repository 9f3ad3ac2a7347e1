"""Rooms: where more than two talk. Who is there, who belongs to it, and how that is kept.

A member is an account, which stays one when it is away; a guest is there while it is connected. The functions that take a
connection run on the store's threads, not in the reactor's.
"""

from __future__ import annotations

from collections.abc import Collection
from sqlite3 import Connection

from lanchat.accounts import check_there as check_account
from lanchat.entry import newest
from lanchat.errors import BadName, Full, NameTaken, NoSuchTarget
from lanchat.names import Name, key, parse
from lanchat.packet import visible
from lanchat.session import Account, Role, Session
from lanchat.stored import Wrong, note, usable

#: What the names of rooms begin with.
MARK = "#"
#: Characters of a topic.
MAX_TOPIC = 300

#: Each conversation of a room in the log, by way of an index that has them sorted: from one to the next, not row by row.
_NEXT = "SELECT min(conv) FROM kept WHERE conv GLOB 'r[0-9]*' AND conv"
_SAID_IN = f"""
    WITH RECURSIVE said(conv) AS (
        SELECT ({_NEXT} > 'r') UNION ALL SELECT ({_NEXT} > said.conv) FROM said WHERE said.conv IS NOT NULL)
    SELECT conv FROM said WHERE conv IS NOT NULL UNION SELECT conv FROM fresh WHERE conv GLOB 'r[0-9]*'
"""  # noqa: S608 (our own words)
#: The name under which something was said last in a conversation.
_CALLED = """
    SELECT coalesce((SELECT target FROM fresh WHERE conv = ? ORDER BY seq DESC LIMIT 1),
        (SELECT target FROM kept WHERE conv = ? ORDER BY seq DESC LIMIT 1))
"""


class Room:
    """One room, as it is known while the server runs."""

    __slots__ = ("conv", "id", "invited", "key", "members", "name", "owner", "private", "sessions", "topic")

    def __init__(  # noqa: PLR0913, PLR0917 (a row)
        self,
        id: int,  # noqa: A002 (it is one)
        name: str,
        owner: int | None,
        private: bool = False,
        topic: str = "",
        kept: str = "",
    ) -> None:
        """`kept` is the key under which it is kept, if that is not the one that its name has by today's rules."""
        self.id = id
        #: With the mark before it.
        self.name = name
        #: What any spelling of its name has in common.
        self.key = kept or room_key(name)
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


class Rooms:
    """All rooms."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._by_conv: dict[str, Room] = {}
        self._odd: dict[str, Room] = {}  # by name: those whose key is not that of their name, as another has it
        #: Where each account belongs, and where each guest is, in the order in which they came there.
        self._of: dict[Account | Session, dict[Room, None]] = {}
        #: Where everybody is, if the operator wants such a room.
        self.lobby: Room | None = None

    def __len__(self) -> int:
        return len(self._rooms)

    def add(self, room: Room) -> None:
        """There is one more."""
        self._rooms[room.key] = self._by_conv[room.conv] = room
        if room.key != room_key(room.name):
            self._odd[room.name] = room
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
        """An account does not belong to it any more."""
        room.members.pop(account.id, None)
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


def room_key(name: str) -> str:
    """What two spellings of the name of a room have in common, with or without the mark; raises nothing."""
    return MARK + key(name.removeprefix(MARK))


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


def conversations(connection: Connection) -> dict[str, list[str]]:
    """What the log calls the rooms that there are, and those that were closed and of which something is kept.

    By the key of their name, the oldest first: a name may have been used again. The log itself says what a closed room was
    called.
    """
    names = {f"r{number}": found for number, found in connection.execute("SELECT id, key FROM rooms")}
    for (conv,) in connection.execute(_SAID_IN).fetchall():
        if conv not in names:
            (target,) = connection.execute(_CALLED, (conv, conv)).fetchone()
            names[conv] = key(str(target))
    found: dict[str, list[str]] = {}
    for conv in sorted(names, key=lambda conv: int(conv[1:])):
        found.setdefault(names[conv], []).append(conv)
    return found


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
