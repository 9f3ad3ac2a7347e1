"""The rules of rooms in the database: the columns `rules` and `private` of the table `rooms`."""

from __future__ import annotations

from sqlite3 import Connection

from lanchat.model.room_rules import RoomRules
from lanchat.tables import rooms
from lanchat.tables.log_command import LogCommand


class SetRules(LogCommand[None], frozen=True):
    """Set the rules of a room, and whether only the invited may enter it. Raises `NoSuchTarget`."""

    room: int
    rules: RoomRules
    private: bool

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the room was closed."""
        rooms.check_there(connection, self.room)
        row = (self.rules.encode(), int(self.private), self.room)
        connection.execute("UPDATE rooms SET rules = ?, private = ? WHERE id = ?", row)
