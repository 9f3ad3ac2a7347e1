"""Accounts: how names that belong to somebody are kept, with their devices and what they may read.

The functions that take a connection run on the store's threads, not in the reactor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Connection

from lanchat.errors import Full, NameTaken
from lanchat.names import Name, stored
from lanchat.session import Account, Role
from lanchat.stored import Wrong, note, usable

#: Devices that an account has at the most, even where the limit is lifted.
MAX_DEVICES = 10_000


def load(connection: Connection, wrong: Wrong = note) -> list[Account]:
    """Every account, with what it may read; `wrong` is told of each row that can't be used."""
    rows = usable(connection, "accounts", wrong)
    accounts = {number: Account(number, stored(name, kept), Role(role)) for number, name, kept, role, *_ in rows}
    for account, conv, since in usable(connection, "members", wrong):
        if account in accounts:
            accounts[account].conversations[conv] = since
    return list(accounts.values())


def add(connection: Connection, *, name: Name, password: str, role: Role, now: int, most: float) -> Account:  # noqa: PLR0913 (a row)
    """Make a name an account, with the hash of its password; raises `NameTaken`, or `Full` when there are so many."""
    (count,) = connection.execute("SELECT count(*) FROM accounts").fetchone()
    if count >= most:
        raise Full("There are as many accounts as this server keeps. Ask its operator.", "accounts")
    row = (name.shown, name.key, int(role), password, now)
    done = connection.execute(
        "INSERT INTO accounts(name, key, role, password, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row
    )
    if not done.rowcount or done.lastrowid is None:
        raise NameTaken(f"There is an account {name.shown} already.")
    return Account(done.lastrowid, name, role)


def set_password(connection: Connection, account: int, password: str) -> None:
    """Keep another hash; the tokens that were given for the old password are worth nothing any more."""
    connection.execute("UPDATE accounts SET password = ? WHERE id = ?", (password, account))
    connection.execute("DELETE FROM tokens WHERE account = ?", (account,))


def set_role(connection: Connection, account: int, role: Role) -> None:
    """Let it do more, or less."""
    connection.execute("UPDATE accounts SET role = ? WHERE id = ?", (int(role), account))


def remove(connection: Connection, account: int) -> None:
    """The name is free again; what was said under it stays."""
    connection.execute("DELETE FROM accounts WHERE id = ?", (account,))


def enter_device(connection: Connection, account: int, device: str, now: int, most: float) -> tuple[int, int]:
    """A device logs in: where it was in the log, and how many others are forgotten for it: those longest not seen.

    A new one is where the account is.
    """
    known = connection.execute("SELECT cursor FROM devices WHERE account = ? AND name = ?", (account, device)).fetchone()
    if known is not None:
        connection.execute("UPDATE devices SET online = 1, seen = ? WHERE account = ? AND name = ?", (now, account, device))
        return int(known[0]), 0
    cursor = _newest_cursor(connection, account)
    connection.execute("INSERT INTO devices VALUES (?, ?, ?, 1, ?)", (account, device, cursor, now))
    forgotten = connection.execute(
        "DELETE FROM devices WHERE account = ?1 AND name IN (SELECT name FROM devices"
        " WHERE account = ?1 AND name NOT IN ('', ?2) ORDER BY seen DESC LIMIT -1 OFFSET ?3)",
        (account, device, min(most, MAX_DEVICES) - 1),
    ).rowcount
    return cursor, forgotten


def cursor_of(connection: Connection, account: int, device: str) -> int:
    """Where a device is in the log; one that is not known is where the account is."""
    known = connection.execute("SELECT cursor FROM devices WHERE account = ? AND name = ?", (account, device)).fetchone()
    return int(known[0]) if known is not None else _newest_cursor(connection, account)


def _newest_cursor(connection: Connection, account: int) -> int:
    """How far the account has come on any device; at first it has seen nothing of what waits for it."""
    (cursor,) = connection.execute("SELECT coalesce(max(cursor), 0) FROM devices WHERE account = ?", (account,)).fetchone()
    return int(cursor)


def move_cursors(connection: Connection, moved: Mapping[tuple[int, str], int]) -> None:
    """Each of these devices (account and name) has what is up to this place in the log; none goes back."""
    connection.executemany(
        "UPDATE devices SET cursor = max(cursor, ?) WHERE account = ? AND name = ?",
        [(seq, account, device) for (account, device), seq in moved.items()],
    )


def leave_device(connection: Connection, account: int, device: str, seq: int, online: bool) -> None:
    """A session of a classic client ended: it was sent what is up to here. Others of its may still be `online`."""
    move_cursors(connection, {(account, device): seq})
    connection.execute("UPDATE devices SET online = ? WHERE account = ? AND name = ?", (int(online), account, device))


def may_read(connection: Connection, account: int, conv: str, since: int) -> None:
    """Add a conversation to what an account may read, and is owed from here on."""
    there = "SELECT id, ?, ? FROM accounts WHERE id = ?"  # it may have been removed just now
    connection.execute(f"INSERT OR IGNORE INTO members {there}", (conv, since, account))
