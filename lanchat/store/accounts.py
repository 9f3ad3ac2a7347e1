"""Accounts: how names that belong to somebody are kept, with their devices and what they may read.

The functions that take a connection run on the store's threads, not in the reactor's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.model.session import Account, Role
from lanchat.protocol.errors import Full, NameTaken, NoSuchTarget
from lanchat.protocol.names import Name, stored_name
from lanchat.store.rows import Wrong, note, usable

#: Devices that an account has at the most, even where the limit is lifted.
MAX_DEVICES = 10_000
# A device whose row a disk has changed is not known, so it does not keep its account out (`lanchat.store.rows`). When it comes
# again, that row is replaced.
_SOUND = "typeof(cursor) = 'integer' AND typeof(online) = 'integer' AND typeof(seen) = 'integer'"
_CURSOR = f"SELECT cursor FROM devices WHERE account = ? AND name = ? AND {_SOUND}"  # noqa: S608 (our own words)


class Moved(NamedTuple):
    """How far in the log a device has come (0: no further than it was), and whether it is on line."""

    account: int
    device: str
    seq: int
    online: bool


def load(connection: Connection, wrong: Wrong = note) -> list[Account]:
    """Every account, with what it may read; `wrong` is told of each row that can't be used."""
    rows = usable(connection, "accounts", wrong)
    accounts = {number: Account(number, stored_name(name, kept), Role(role)) for number, name, kept, role, *_ in rows}
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
    """Keep another hash; the tokens that were given for the old password are worth nothing any more.

    Raises `NoSuchTarget`.
    """
    check_there(connection, account)
    connection.execute("UPDATE accounts SET password = ? WHERE id = ?", (password, account))
    connection.execute("DELETE FROM tokens WHERE account = ?", (account,))


def set_role(connection: Connection, account: int, role: Role) -> None:
    """Let it do more, or less; raises `NoSuchTarget`."""
    check_there(connection, account)
    connection.execute("UPDATE accounts SET role = ? WHERE id = ?", (int(role), account))


def remove(connection: Connection, account: int) -> None:
    """The name is free again; what was said under it stays."""
    connection.execute("DELETE FROM accounts WHERE id = ?", (account,))


def check_there(connection: Connection, account: int) -> None:
    """Raise `NoSuchTarget` if there is no such account any more: it may be removed while somebody asks for something."""
    if connection.execute("SELECT 1 FROM accounts WHERE id = ?", (account,)).fetchone() is None:
        raise NoSuchTarget("That account was removed just now.")


def enter_device(  # noqa: PLR0913, PLR0917 (a row, and what else must be known)
    connection: Connection, account: int, device: str, now: int, most: float, online: Collection[str] = ()
) -> tuple[int, int]:
    """A device logs in: where it was in the log, and how many others are forgotten for it: those longest not seen.

    A new one is where the account is. Those that are `online` are seen now, so they are not forgotten. Raises `NoSuchTarget`.
    """
    check_there(connection, account)
    known = connection.execute(_CURSOR, (account, device)).fetchone()
    if known is not None:
        connection.execute("UPDATE devices SET online = 1, seen = ? WHERE account = ? AND name = ?", (now, account, device))
        return int(known[0]), 0
    cursor = _newest_cursor(connection, account)
    connection.execute("INSERT OR REPLACE INTO devices VALUES (?, ?, ?, 1, ?)", (account, device, cursor, now))
    here = json.dumps(["", device, *online])
    forgotten = connection.execute(
        "DELETE FROM devices WHERE account = ?1 AND name NOT IN (SELECT value FROM json_each(?2)) AND name IN"  # noqa: S608 (our own words)
        " (SELECT name FROM devices WHERE account = ?1 AND name NOT IN ('', ?3)"
        f" ORDER BY name IN (SELECT value FROM json_each(?2)) DESC, {_SOUND} DESC, seen DESC LIMIT -1 OFFSET ?4)",
        (account, here, device, min(most, MAX_DEVICES) - 1),
    ).rowcount
    return cursor, forgotten


def cursor_of(connection: Connection, account: int, device: str) -> int:
    """Where a device is in the log; one that is not known is where the account is."""
    known = connection.execute(_CURSOR, (account, device)).fetchone()
    return int(known[0]) if known is not None else _newest_cursor(connection, account)


def _newest_cursor(connection: Connection, account: int) -> int:
    """How far the account has come on any device; at first it has seen nothing of what waits for it."""
    newest = f"SELECT coalesce(max(cursor), 0) FROM devices WHERE account = ? AND {_SOUND}"  # noqa: S608 (our own words)
    return int(connection.execute(newest, (account,)).fetchone()[0])


def move_cursors(connection: Connection, moved: Iterable[Moved], now: int) -> None:
    """These devices have come so far in the log, and were seen now; none goes back.

    One that is not known is added: it logged in while nothing could be stored.
    """
    for account, device, seq, online in moved:
        known = connection.execute(
            f"UPDATE devices SET cursor = max(cursor, ?), online = ?, seen = max(seen, ?)"  # noqa: S608 (our own words)
            f" WHERE account = ? AND name = ? AND {_SOUND}",
            (seq, int(online), now, account, device),
        ).rowcount
        if not known and seq:
            there = "SELECT id, ?, ?, ?, ? FROM accounts WHERE id = ?"  # it may have been removed just now
            connection.execute(f"INSERT OR REPLACE INTO devices {there}", (device, seq, int(online), now, account))


def may_read(connection: Connection, account: int, conv: str, since: int) -> None:
    """Add a conversation to what an account may read, and is owed from here on."""
    there = "SELECT id, ?, ? FROM accounts WHERE id = ?"  # it may have been removed just now
    connection.execute(f"INSERT OR IGNORE INTO members {there}", (conv, since, account))
