"""Sanctions in the database: the table `sanctions`.

The functions and commands run in a transaction on one of the store's threads, not in the reactor's.
"""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection

from lanchat.model.masks import is_mask
from lanchat.model.room import Room
from lanchat.model.sanction import Sanction
from lanchat.protocol.errors import NoSuchTarget
from lanchat.tables import rooms
from lanchat.tables.accounts import check_there as check_account
from lanchat.tables.log_command import LogCommand
from lanchat.tables.rows import Wrong, log_unusable, usable

# (A target with `*` or `?` is a mask, also after the "@".)
_GONE = "target LIKE '@%' AND target NOT GLOB '*[*?]*' AND CAST(substr(target, 2) AS INTEGER) NOT IN (SELECT id FROM accounts)"


def load(connection: Connection, in_rooms: Iterable[Room], wrong: Wrong = log_unusable) -> list[Sanction]:
    """All sanctions, in the given rooms (`in_rooms`) and on the whole server.

    `wrong` is called with a text for each row that is unusable.
    """
    by_id: dict[int | None, Room | None] = {None: None, **{room.id: room for room in in_rooms}}
    rows = usable(connection, "sanctions", wrong)
    return [Sanction(kind, by_id[room], *rest) for _, kind, room, *rest in rows if room in by_id]


class AddSanction(LogCommand[None], frozen=True):
    """Add a ban or a mute, in place of one about the same target, and remove the banned accounts from its room."""

    #: As in `Sanction`, but for the room, of which it has the id (None is the whole server).
    kind: str
    room: int | None
    target: str
    until: int | None
    reason: str
    by: str
    at: int
    #: The ids of accounts that are no members of the room any more.
    expelled: tuple[int, ...] = ()

    @classmethod
    def of(cls, sanction: Sanction, expelled: Iterable[int]) -> AddSanction:
        """The command for a sanction and the ids of accounts."""
        room = None if sanction.room is None else sanction.room.id
        about = (sanction.target, sanction.until, sanction.reason, sanction.by, sanction.at)
        return cls(sanction.kind, room, *about, tuple(expelled))

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the room was closed, or the account that it is about was removed."""
        if self.target.startswith("@") and not is_mask(self.target):
            check_account(connection, int(self.target.removeprefix("@")))
        RemoveSanctions(self.kind, self.room, (self.target,)).run(connection)
        if self.room is not None and not rooms.is_there(connection, self.room):
            raise NoSuchTarget("That room was closed.")
        row = (self.kind, self.room, self.target, self.until, self.reason, self.by, self.at)
        connection.execute(
            "INSERT INTO sanctions(kind, room, target, until, reason, by_name, at) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )
        if self.room is not None:
            rooms.RemoveMembers(self.room, self.expelled).run(connection)


class RemoveSanctions(LogCommand[None], frozen=True):
    """Remove the bans, or the mutes, in one room (or on the whole server) about any of these targets."""

    kind: str
    #: The id of a room; None is the whole server.
    room: int | None
    targets: tuple[str, ...]

    def run(self, connection: Connection) -> None:
        """Nothing happens about targets for which there is none."""
        connection.executemany(
            "DELETE FROM sanctions WHERE kind = ? AND room IS ? AND target = ?",
            [(self.kind, self.room, target) for target in self.targets],
        )


class RemoveEndedSanctions(LogCommand[None], frozen=True):
    """Remove the bans and mutes that have ended by now, and those about accounts that were removed."""

    #: Seconds since the epoch.
    now: float

    def run(self, connection: Connection) -> None:
        """One that ends at `now` is removed, too."""
        connection.execute(f"DELETE FROM sanctions WHERE until <= ? OR ({_GONE})", (self.now,))  # noqa: S608 (our own words)
