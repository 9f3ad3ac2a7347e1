"""Rooms in the database: the tables `rooms`, `invitations` and, for the accounts that belong to a room, `members`.

Each function runs in a transaction on one of the store's threads. What it raises is told to whoever waits for the transaction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from sqlite3 import Connection

from lanchat.model.room import Room
from lanchat.model.session import Account
from lanchat.protocol.entry import newest_seq
from lanchat.protocol.errors import Forbidden, Full, NameTaken, NoSuchTarget
from lanchat.protocol.names import Name
from lanchat.store.accounts import check_there as check_account
from lanchat.store.rows import Wrong, note, usable


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
    connection.execute("INSERT OR IGNORE INTO members VALUES (?, ?, ?)", (account, f"r{room}", newest_seq(connection)))
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
