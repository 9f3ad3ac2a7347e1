"""Lobby: the room that everybody is in, if the operator wants one. The functions run on the store's threads."""

from __future__ import annotations

from sqlite3 import Connection

from lanchat.protocol.names import Name
from lanchat.protocol.packet import visible
from lanchat.store.rooms import admit
from lanchat.system.private_files import FileError

# Of two rooms with one key (`lanchat.store.keys`) the one with exactly this name, as `lanchat.core.rooms.Rooms.find` has it.
_FIND = "SELECT id, name, private FROM rooms WHERE name = ?1 OR key = ?2 ORDER BY name = ?1 DESC LIMIT 1"


def check(connection: Connection, name: Name) -> None:
    """Raise `FileError` if the room that everybody is to be in is a private one: what is said there is not for everybody."""
    row = connection.execute(_FIND, (name.shown, name.key)).fetchone()
    if row is not None and row[2]:
        raise FileError(
            f"lobby: {visible(row[1])} is a private room, which is never opened to everybody: name another, or none."
        )


def open_room(connection: Connection, name: Name, now: int) -> None:
    """Make the room that everybody is in, if there is none, and let all accounts belong to it; raises as `check`."""
    check(connection, name)
    connection.execute(
        "INSERT INTO rooms(name, key, private, created) VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING", (name.shown, name.key, now)
    )
    room, *_ = connection.execute(_FIND, (name.shown, name.key)).fetchone()
    for (account,) in connection.execute("SELECT id FROM accounts").fetchall():
        admit(connection, room, account)
