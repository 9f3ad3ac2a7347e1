"""Rooms in the database: the tables `rooms`, `invitations`, `ranks` and, for the accounts that belong to a room, `members`.

The functions and commands run in a transaction on one of the store's threads, not in the reactor's.
"""

from __future__ import annotations

import math
from sqlite3 import Connection
from typing import TypeAlias

from lanchat.model.names import Name
from lanchat.model.room import Room
from lanchat.model.room_rules import Rank, RoomRules, decode_rules
from lanchat.model.session import Account
from lanchat.protocol.errors import Forbidden, Full, NameTaken, NoSuchTarget
from lanchat.protocol.packet import visible
from lanchat.system.private_files import FileError
from lanchat.tables.accounts import check_there as check_account
from lanchat.tables.log_command import LogCommand
from lanchat.tables.recent import newest_seq
from lanchat.tables.rows import Wrong, log_unusable, usable

#: A place in the log: a member of a room is sent what is said there after it.
Since: TypeAlias = int

# Of two rooms with the same key (`store.name_keys`), the one with exactly this name, as in `lanchat.state.rooms.Rooms.find`.
_NAMED = "SELECT id, name, private, rules FROM rooms WHERE name = ?1 OR key = ?2 ORDER BY name = ?1 DESC LIMIT 1"


def load(connection: Connection, accounts: dict[int, Account], wrong: Wrong = log_unusable) -> list[Room]:
    """All rooms, with their members, who is invited, and who has a rank. `accounts` has all accounts by id.

    `wrong` is called with a text for each row that is unusable.
    """
    rooms: dict[int, Room] = {}
    for number, name, kept, topic, private, owner, created, topic_by, topic_at, rules in usable(connection, "rooms", wrong):
        owned = owner if owner in accounts else None
        room = Room(number, name, owned, private != 0, topic, kept, decode_rules(rules))
        room.created = created if isinstance(created, int) else 0
        room.topic_by, room.topic_at = topic_by, topic_at
        rooms[number] = room
    by_conv = {room.conv: room for room in rooms.values()}
    for account in accounts.values():
        for conv in account.conversations:
            if conv in by_conv:
                by_conv[conv].members[account.id] = account
    for room, invited in usable(connection, "invitations", wrong):
        if room in rooms:
            rooms[room].invited.add(invited)
    for room, account, rank in usable(connection, "ranks", wrong):
        if room in rooms:
            rooms[room].ranks[account] = Rank(rank)
    return list(rooms.values())


def add(  # noqa: PLR0913, PLR0917 (a row)
    connection: Connection,
    name: Name,
    owner: int | None,
    private: bool,
    now: int,
    most: float,
    owned: float = math.inf,
    rules: RoomRules | None = None,
) -> Room:
    """Insert a room. `owner` is the id of the account that gets this rank, `now` in seconds since the epoch.

    Raises `NameTaken`, `NoSuchTarget` if the owner was removed, or `Full` when there are `most` rooms already, or `owned` of
    this owner's.
    """
    if owner is not None:
        check_account(connection, owner)
    count, own = connection.execute("SELECT count(*), count(*) FILTER (WHERE owner = ?) FROM rooms", (owner,)).fetchone()
    if own >= owned:
        raise Full("You have made the maximum number of rooms. Send /close to close one first.", "owned")
    if count >= most:
        raise Full("The maximum number of rooms has been reached. Use one of those in /rooms, or ask the operator.", "rooms")
    room = Room(0, name.shown, owner, private, rules=rules)
    done = connection.execute(
        "INSERT INTO rooms(name, key, owner, private, created, rules) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (name.shown, name.key, owner, int(private), now, room.rules.encode()),
    )
    if not done.rowcount or done.lastrowid is None:
        raise _taken(name)
    if owner is not None:
        connection.execute("INSERT INTO ranks VALUES (?, ?, ?)", (done.lastrowid, owner, Rank.OWNER))
    made = Room(done.lastrowid, name.shown, owner, private, rules=room.rules)
    made.created = now
    return made


def admit(connection: Connection, room: int, account: int) -> Since:
    """Make an account a member of a room, and remove its invitation. Raises `NoSuchTarget`."""
    check_there(connection, room)
    check_account(connection, account)
    newest = newest_seq(connection)
    member = "INSERT OR IGNORE INTO members(account, conv, since, read) VALUES (?, ?, ?, ?)"
    connection.execute(member, (account, f"r{room}", newest, newest))
    _uninvite(connection, room, account)
    (since,) = connection.execute("SELECT since FROM members WHERE account = ? AND conv = ?", (account, f"r{room}")).fetchone()
    return int(since)


class CreateRoom(LogCommand[tuple[Room, Since]], frozen=True):
    """Make a room, with the account that makes it as its owner and first member. Raises as `add` does."""

    name: Name
    #: The id of an account; None if a guest makes it.
    owner: int | None
    private: bool
    #: Seconds since the epoch.
    now: int
    #: How many rooms there may be.
    most: float
    #: How many rooms the owner may have.
    owned: float = math.inf
    #: None for the rules of a new room.
    rules: RoomRules | None = None

    def run(self, connection: Connection) -> tuple[Room, Since]:
        """Returns the room, and from which place in the log on its owner is sent what is said there."""
        room = add(connection, self.name, self.owner, self.private, self.now, self.most, self.owned, self.rules)
        if self.owner is None:
            return room, 0
        room.ranks[self.owner] = Rank.OWNER
        return room, admit(connection, room.id, self.owner)


class CloseRoom(LogCommand[None], frozen=True):
    """Remove a room, its members, invitations and ranks. Its messages stay until retention removes them."""

    room: int

    def run(self, connection: Connection) -> None:
        """Foreign keys remove the invitations and ranks. Nothing happens if there is no such room."""
        connection.execute("DELETE FROM members WHERE conv = ?", (f"r{self.room}",))
        connection.execute("DELETE FROM mentions WHERE conv = ?", (f"r{self.room}",))
        connection.execute("DELETE FROM rooms WHERE id = ?", (self.room,))


class CloseEmptyRooms(LogCommand[None], frozen=True):
    """Remove temporary rooms that have no members: at the start of a server, no guests are in them either."""

    def run(self, connection: Connection) -> None:
        """The rules of a room that are damaged say nothing."""
        temporary = "CASE WHEN json_valid(rules) THEN json_extract(rules, '$.temporary') END = 1"
        connection.execute(
            f"DELETE FROM rooms WHERE {temporary} AND NOT EXISTS (SELECT 1 FROM members WHERE conv = 'r' || rooms.id)"  # noqa: S608 (ours)
        )


class SetTopic(LogCommand[None], frozen=True):
    """Set the topic of a room, with who set it and when; "" removes it. Raises `NoSuchTarget`."""

    room: int
    topic: str
    #: The name of who set it.
    by: str = ""
    #: Seconds since the epoch.
    at: int = 0

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the room was closed."""
        check_there(connection, self.room)
        change = "UPDATE rooms SET topic = ?, topic_by = ?, topic_at = ? WHERE id = ?"
        connection.execute(change, (self.topic, self.by, self.at, self.room))


class RenameRoom(LogCommand[None], frozen=True):
    """Give a room another name. Raises `NoSuchTarget`, or `NameTaken` if another room has it."""

    room: int
    name: Name

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the room was closed. What was said keeps the name that the room had then."""
        check_there(connection, self.room)
        row = (self.name.shown, self.name.key, self.room)
        if not connection.execute("UPDATE OR IGNORE rooms SET name = ?, key = ? WHERE id = ?", row).rowcount:
            raise _taken(self.name)


#: The text of the error for whoever would invite one more to a room.
ALL_INVITED = "That room has the maximum number of open invitations. Send /uninvite to withdraw one."


class Invite(LogCommand[None], frozen=True):
    """Invite an account to a room, unless it is a member. Raises `NoSuchTarget` or `Full`."""

    room: int
    account: int
    #: How many may be invited to a room at a time.
    most: float = math.inf

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the room was closed or the account removed; `Full` if `most` others are invited."""
        check_there(connection, self.room)
        check_account(connection, self.account)
        others = "SELECT count(*) FROM invitations WHERE room = ? AND account <> ?"
        if connection.execute(others, (self.room, self.account)).fetchone()[0] >= self.most:
            raise Full(ALL_INVITED, "invitations")
        outside = "WHERE NOT EXISTS (SELECT 1 FROM members WHERE account = ?2 AND conv = ?3)"
        row = (self.room, self.account, f"r{self.room}")
        connection.execute(f"INSERT OR IGNORE INTO invitations SELECT ?1, ?2 {outside}", row)


class Uninvite(LogCommand[None], frozen=True):
    """Take back the invitation of an account to a room, if there is one."""

    room: int
    account: int

    def run(self, connection: Connection) -> None:
        """Nothing happens if the account is not invited."""
        _uninvite(connection, self.room, self.account)


class JoinRoom(LogCommand[Since], frozen=True):
    """Make an account a member of a room. Raises `NoSuchTarget`, or `Forbidden` if it has to be invited and is not."""

    room: int
    account: int
    must_be_invited: bool = False

    def run(self, connection: Connection) -> Since:
        """Returns from which place in the log on the account is sent what is said there."""
        check_there(connection, self.room)
        check_account(connection, self.account)
        if self.must_be_invited and not _is_invited(connection, self.room, self.account):
            raise Forbidden("The invitation to that room was withdrawn just now.")
        return admit(connection, self.room, self.account)


class RemoveMembers(LogCommand[None], frozen=True):
    """Remove accounts from a room: they are neither members nor invited any more."""

    room: int
    accounts: tuple[int, ...]

    def run(self, connection: Connection) -> None:
        """Nothing happens to accounts that are neither members nor invited."""
        for account in self.accounts:
            connection.execute("DELETE FROM members WHERE account = ? AND conv = ?", (account, f"r{self.room}"))
            connection.execute("DELETE FROM mentions WHERE account = ? AND conv = ?", (account, f"r{self.room}"))
            _uninvite(connection, self.room, account)


class OpenLobby(LogCommand[None], frozen=True):
    """Make the room that everybody is in, if it is not there, and make all accounts its members. Raises as `check_lobby`."""

    name: Name
    #: Seconds since the epoch.
    now: int

    def run(self, connection: Connection) -> None:
        """Raises `FileError` if there is a private room of this name."""
        name = self.name
        check_lobby(connection, name)
        row = (name.shown, name.key, self.now)
        connection.execute("INSERT INTO rooms(name, key, private, created) VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING", row)
        room, *_ = connection.execute(_NAMED, (name.shown, name.key)).fetchone()
        for (account,) in connection.execute("SELECT id FROM accounts ORDER BY id").fetchall():
            admit(connection, room, account)


def check_lobby(connection: Connection, name: Name) -> None:
    """Raise `FileError` if the room that everybody is to be in is not open to everybody, as its messages are not."""
    row = connection.execute(_NAMED, (name.shown, name.key)).fetchone()
    if row is not None and (row[2] or not decode_rules(row[3]).are_open):
        raise FileError(f"lobby: {visible(row[1])} is a private room, and can't be the lobby: name another, or none.")


def is_there(connection: Connection, room: int) -> bool:
    """Whether there is a room with this id."""
    return connection.execute("SELECT 1 FROM rooms WHERE id = ?", (room,)).fetchone() is not None


def _taken(name: Name) -> NameTaken:
    return NameTaken(f"A room of that name exists already. If you may enter it, send /join {name.shown}.")


def _uninvite(connection: Connection, room: int, account: int) -> None:
    connection.execute("DELETE FROM invitations WHERE room = ? AND account = ?", (room, account))


def _is_invited(connection: Connection, room: int, account: int) -> bool:
    found = connection.execute("SELECT 1 FROM invitations WHERE room = ? AND account = ?", (room, account))
    return found.fetchone() is not None


def check_there(connection: Connection, room: int) -> None:
    """Raise `NoSuchTarget` if the room was closed, which may happen while a command about it waits."""
    if not is_there(connection, room):
        raise NoSuchTarget("That room was closed just now. Send /rooms to see those there are.")
