"""Sanctions in the database: the table `sanctions`. Each function runs in a transaction on one of the store's threads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from sqlite3 import Connection

from lanchat.model.room import Room
from lanchat.model.sanction import Sanction
from lanchat.protocol.errors import NoSuchTarget
from lanchat.store import rooms
from lanchat.store.accounts import check_there as check_account
from lanchat.store.rows import Wrong, note, usable


def load(connection: Connection, places: Iterable[Room], now: float, wrong: Wrong = note) -> list[Sanction]:
    """Those that are in force; what has run out, or is about an account that is gone, is removed.

    `wrong` is told of each row that can't be used.
    """
    remove_over(connection, now)
    gone = "target LIKE '@%' AND CAST(substr(target, 2) AS INTEGER) NOT IN (SELECT id FROM accounts)"
    connection.execute(f"DELETE FROM sanctions WHERE {gone}")  # noqa: S608 (our own words)
    by_id: dict[int | None, Room | None] = {None: None, **{room.id: room for room in places}}
    rows = usable(connection, "sanctions", wrong)
    return [Sanction(kind, by_id[room], *rest) for _, kind, room, *rest in rows if room in by_id]


def add(connection: Connection, sanction: Sanction, expelled: Collection[int]) -> None:
    """Keep a sanction, in place of one of its kind that is about the same; these accounts leave its room.

    Raises `NoSuchTarget` if the room is gone, or the account that it is about.
    """
    if sanction.target.startswith("@"):
        check_account(connection, int(sanction.target.removeprefix("@")))
    remove(connection, sanction.kind, sanction.room, [sanction.target])
    room = sanction.room.id if sanction.room is not None else None
    if room is not None and not rooms.is_there(connection, room):
        raise NoSuchTarget("That room is closed.")
    row = (sanction.kind, room, sanction.target, sanction.until, sanction.reason, sanction.by, sanction.at)
    connection.execute(
        "INSERT INTO sanctions(kind, room, target, until, reason, by_name, at) VALUES (?, ?, ?, ?, ?, ?, ?)", row
    )
    if room is not None:
        rooms.expel(connection, room, expelled)


def remove(connection: Connection, kind: str, room: Room | None, targets: Iterable[str]) -> None:
    """Forget what is kept under any of these."""
    place = room.id if room is not None else None
    connection.executemany(
        "DELETE FROM sanctions WHERE kind = ? AND room IS ? AND target = ?", [(kind, place, target) for target in targets]
    )


def remove_over(connection: Connection, now: float) -> None:
    """Forget all that have run out."""
    connection.execute("DELETE FROM sanctions WHERE until <= ?", (now,))
