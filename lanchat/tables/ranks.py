"""Ranks in rooms in the database: the table `ranks`. Whether somebody is a member of the room makes no difference."""

from __future__ import annotations

import math
from sqlite3 import Connection

from lanchat.model.room_rules import Rank
from lanchat.protocol.errors import Forbidden, Full
from lanchat.tables import rooms
from lanchat.tables.accounts import check_there as check_account
from lanchat.tables.log_command import LogCommand

#: The text of the error for whoever would take the rank of a room's last owner away.
LAST_OWNER = "A room keeps its last owner. Make somebody else an owner first."

_RANK = "SELECT rank FROM ranks WHERE room = ? AND account = ?"
_OWNERS = "SELECT account FROM ranks WHERE room = ? AND rank = ?"


class SetRank(LogCommand[None], frozen=True):
    """Give an account a rank in a room, or take it away. Raises `NoSuchTarget`, `Full`, or `Forbidden` for the last owner."""

    room: int
    account: int
    rank: Rank
    #: How many accounts may have a rank in a room.
    most: float = math.inf
    #: The highest rank that may be changed.
    highest: Rank = Rank.OWNER

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the room was closed or the account removed; `Forbidden` if no owner would be left.

        Raises `Forbidden` if the account has a rank above `highest`, and `Full` if `most` others have a rank there.
        """
        rooms.check_there(connection, self.room)
        check_account(connection, self.account)
        before = connection.execute(_RANK, (self.room, self.account)).fetchone()
        if before is not None and before[0] > self.highest:
            raise Forbidden("Somebody else has just given them a higher rank, which you can't change.")
        owners = [account for (account,) in connection.execute(_OWNERS, (self.room, Rank.OWNER))]
        if owners == [self.account] and self.rank < Rank.OWNER:
            raise Forbidden(LAST_OWNER)
        others = "SELECT count(*) FROM ranks WHERE room = ? AND account != ?"
        if self.rank and connection.execute(others, (self.room, self.account)).fetchone()[0] >= self.most:
            raise Full("As many have a rank in that room as may. Take one away first: /rank ROOM USER none.", "ranks")
        connection.execute("DELETE FROM ranks WHERE room = ? AND account = ?", (self.room, self.account))
        if self.rank:
            connection.execute("INSERT INTO ranks VALUES (?, ?, ?)", (self.room, self.account, self.rank))
