"""Webhooks of rooms in the database (`lanchat.model.hook`), and what those that post could not deliver."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.model.hook import Hook
from lanchat.model.names import Name, stored_name
from lanchat.protocol.entry import Seq
from lanchat.protocol.errors import Full, NameTaken, NoSuchTarget
from lanchat.tables import rooms, rows
from lanchat.tables.log_command import LogCommand
from lanchat.tables.recent import newest_seq


class Undelivered(NamedTuple):
    """A message that a hook gave up posting."""

    hook: int
    #: Its place in the log.
    seq: Seq
    #: When, in seconds since the epoch, and why.
    at: int
    why: str


class AddHook(LogCommand[Hook], frozen=True):
    """Add a webhook to a room."""

    name: Name
    room: int
    #: As in `Hook`.
    secret: bytes
    url: str
    made_by: str
    made: int
    #: How many hooks one room may have, at most.
    most: float

    def run(self, connection: Connection) -> Hook:
        """The new hook. Raises `NameTaken`, `NoSuchTarget` if the room was closed, or `Full` if the room has too many."""
        rooms.check_there(connection, self.room)
        (there,) = connection.execute("SELECT count(*) FROM hooks WHERE room = ?", (self.room,)).fetchone()
        if there >= self.most:
            raise Full(f"A room has at most {self.most:.0f} webhooks. Remove one first.", limit="hooks")
        name, position = self.name, newest_seq(connection)
        for table in ("hooks", "accounts"):
            if connection.execute(f"SELECT 1 FROM {table} WHERE key = ?", (name.key,)).fetchone():  # noqa: S608 (ours)
                raise NameTaken(f"The name {name.shown} is taken. Choose another name for the webhook.")
        made = connection.execute(
            "INSERT INTO hooks(name, key, room, secret, url, made_by, made, used, enabled, position)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0, 1, ?)",
            (name.shown, name.key, self.room, self.secret, self.url, self.made_by, self.made, position),
        )
        number = made.lastrowid or 0
        return Hook(number, name, self.room, self.secret, self.url, self.made_by, self.made, position=position)


class ChangeHook(LogCommand[None], frozen=True):
    """Give a webhook a new secret, or enable or disable it."""

    id: int
    #: What it becomes; None leaves it as it is.
    secret: bytes | None = None
    enabled: bool | None = None

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the hook was removed."""
        changed = connection.execute(
            "UPDATE hooks SET secret = coalesce(?, secret), enabled = coalesce(?, enabled) WHERE id = ?",
            (self.secret, self.enabled, self.id),
        )
        if not changed.rowcount:
            raise NoSuchTarget("That webhook was removed meanwhile.")


class RemoveHook(LogCommand[None], frozen=True):
    """Remove a webhook, with what it could not deliver. What it said stays."""

    id: int

    def run(self, connection: Connection) -> None:
        """Nothing happens if it is not there."""
        connection.execute("DELETE FROM hooks WHERE id = ?", (self.id,))


class NoteHooksUsed(LogCommand[None], frozen=True):
    """Note when webhooks were used last."""

    #: The number of each hook, and the time in seconds since the epoch.
    used: tuple[tuple[int, int], ...]

    def run(self, connection: Connection) -> None:
        """Nothing happens to those that were removed."""
        connection.executemany("UPDATE hooks SET used = max(used, ?) WHERE id = ?", [(at, hook) for hook, at in self.used])


class MoveHook(LogCommand[None], frozen=True):
    """Note up to where a webhook has posted what is said, and what it gave up on the way."""

    id: int
    position: Seq
    given_up: tuple[Undelivered, ...] = ()
    #: How many messages that it gave up are kept in the list, at most: the newest.
    most: int = 1000

    def run(self, connection: Connection) -> None:
        """Nothing happens if the hook was removed; it never moves back."""
        moved = connection.execute("UPDATE hooks SET position = max(position, ?) WHERE id = ?", (self.position, self.id))
        if not moved.rowcount:
            return
        connection.executemany("INSERT OR REPLACE INTO undelivered VALUES (?, ?, ?, ?)", self.given_up)
        connection.execute(
            "DELETE FROM undelivered WHERE hook = ?1 AND seq NOT IN"
            " (SELECT seq FROM undelivered WHERE hook = ?1 ORDER BY seq DESC LIMIT ?2)",
            (self.id, self.most),
        )


class ForgetUndelivered(LogCommand[int], frozen=True):
    """Forget what a webhook could not deliver, up to a place in the log."""

    id: int
    upto: Seq

    def run(self, connection: Connection) -> int:
        """How many messages that were."""
        return connection.execute("DELETE FROM undelivered WHERE hook = ? AND seq <= ?", (self.id, self.upto)).rowcount


def load(connection: Connection, wrong: Callable[[str], object] = rows.log_unusable) -> list[Hook]:
    """All webhooks; `wrong` is told of rows that can't be used."""
    return [
        Hook(number, stored_name(name, key), room, bytes(secret), url, made_by, made, used, bool(enabled), position)
        for number, name, key, room, secret, url, made_by, made, used, enabled, position in rows.usable(
            connection, "hooks", wrong
        )
    ]


def undelivered(connection: Connection, hook: int, most: int) -> list[Undelivered]:
    """The newest messages that a webhook could not deliver, the oldest first, at most so many."""
    asked = "SELECT hook, seq, at, why FROM undelivered WHERE hook = ? ORDER BY seq DESC LIMIT ?"
    return [Undelivered(*row) for row in connection.execute(asked, (hook, most))][::-1]
