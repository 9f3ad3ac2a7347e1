"""The rules of rooms in the database: the columns `rules` and `private` of the table `rooms`."""

from __future__ import annotations

from sqlite3 import Connection

import msgspec

from lanchat.model.room_rules import RoomRules, decode_rules
from lanchat.tables import rooms
from lanchat.tables.log_command import LogCommand


class SetRules(LogCommand[tuple[RoomRules, bool]], frozen=True):
    """Change rules of a room, or whether only the invited may enter it. Raises `NoSuchTarget`."""

    room: int
    #: New values of members of `RoomRules`, and of "private"; what others changed meanwhile stays as they left it.
    changes: dict[str, bool | int | str]

    def run(self, connection: Connection) -> tuple[RoomRules, bool]:
        """Returns all rules, and whether only the invited may enter. Raises `NoSuchTarget` if the room was closed."""
        rooms.check_there(connection, self.room)
        rules, private = connection.execute("SELECT rules, private FROM rooms WHERE id = ?", (self.room,)).fetchone()
        changes = dict(self.changes)
        kept = bool(changes.pop("private", private))
        changed = msgspec.structs.replace(decode_rules(rules), **changes)
        connection.execute("UPDATE rooms SET rules = ?, private = ? WHERE id = ?", (changed.encode(), int(kept), self.room))
        return changed, kept
