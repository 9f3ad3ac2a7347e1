"""Accounts in the database: the tables `accounts`, `tokens`, `devices` and, for what an account may read, `members`.

The functions and commands run in a transaction on one of the store's threads, not in the reactor's.
"""

from __future__ import annotations

import json
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.model.names import Name, key, stored_name
from lanchat.model.session import CLASSIC, Account, Role
from lanchat.protocol.errors import Full, NameTaken, NoSuchTarget
from lanchat.tables.log_command import LogCommand
from lanchat.tables.read_markers import forget_mentions
from lanchat.tables.recent import newest_seq
from lanchat.tables.rows import Wrong, log_unusable, usable

# A device whose row was damaged on the disk is treated as unknown, so that its account can still log in
# (`lanchat.tables.rows`). When the device logs in again, its row is replaced.
_SOUND = "typeof(cursor) = 'integer' AND typeof(online) = 'integer' AND typeof(seen) = 'integer'"
_CURSOR = f"SELECT cursor FROM devices WHERE account = ? AND name = ? AND {_SOUND}"  # noqa: S608 (our own words)
# The account of a name: the one that is stored under exactly this text, or else under its key.
_NAMED = "WHERE key IN (:name, :key) ORDER BY key = :name DESC LIMIT 1"


class Moved(NamedTuple):
    """The new cursor of a device."""

    #: The id of its account.
    account: int
    device: str
    #: It has every message up to this place in the log; 0 leaves its cursor where it is.
    seq: int
    #: Whether a session of the account is on this device now.
    online: bool


class DeviceEntered(NamedTuple):
    """What `EnterDevice` returns: how far the device has read, and how many others it replaced."""

    #: The device has every message up to this place in the log.
    cursor: int
    #: How many other devices were removed to make room for it.
    forgotten: int


def load(connection: Connection, wrong: Wrong = log_unusable) -> list[Account]:
    """All accounts, with the conversations that each may read. `wrong` is called with a text for each row that is unusable."""
    accounts: dict[int, Account] = {}
    for number, name, kept, role, _, _, away in usable(connection, "accounts", wrong):
        accounts[number] = Account(number, stored_name(name, kept), Role(role))
        accounts[number].away = away
    for account, conv, since, *_ in usable(connection, "members", wrong):
        if account in accounts:
            accounts[account].conversations[conv] = since
    return list(accounts.values())


def add(connection: Connection, *, name: Name, password: str, role: Role, now: int, most: float) -> Account:  # noqa: PLR0913 (a row)
    """Insert an account. `password` is the hash, `now` in seconds since the epoch, `most` how many accounts there may be.

    Raises `NameTaken`, or `Full` when there are `most` already.
    """
    (count,) = connection.execute("SELECT count(*) FROM accounts").fetchone()
    if count >= most:
        raise Full("The maximum number of accounts has been reached. Ask the operator.", "accounts")
    row = (name.shown, name.key, int(role), password, now)
    done = connection.execute(
        "INSERT INTO accounts(name, key, role, password, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row
    )
    if not done.rowcount or done.lastrowid is None:
        raise NameTaken(f"The account {name.shown} exists already.")
    return Account(done.lastrowid, name, role)


class SetPassword(LogCommand[None], frozen=True):
    """Replace the hash of an account's password, and remove all its tokens. Raises `NoSuchTarget`."""

    account: int
    #: The new hash.
    password: str

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the account was removed."""
        check_there(connection, self.account)
        connection.execute("UPDATE accounts SET password = ? WHERE id = ?", (self.password, self.account))
        connection.execute("DELETE FROM tokens WHERE account = ?", (self.account,))


class RehashPassword(LogCommand[None], frozen=True):
    """Replace one hash of an account's password by another hash of the same password, unless it was changed meanwhile."""

    account: int
    old: str
    new: str

    def run(self, connection: Connection) -> None:
        """The tokens stay valid. Nothing happens if the account was removed."""
        change = "UPDATE accounts SET password = ? WHERE id = ? AND password = ?"
        connection.execute(change, (self.new, self.account, self.old))


class SetRole(LogCommand[None], frozen=True):
    """Change the role of an account. Raises `NoSuchTarget`."""

    account: int
    role: Role

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the account was removed."""
        check_there(connection, self.account)
        connection.execute("UPDATE accounts SET role = ? WHERE id = ?", (int(self.role), self.account))


class SetAway(LogCommand[None], frozen=True):
    """Note that the user of an account is away, with a text for others; with "" that they are back. Raises `NoSuchTarget`."""

    account: int
    text: str

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the account was removed."""
        check_there(connection, self.account)
        connection.execute("UPDATE accounts SET away = ? WHERE id = ?", (self.text, self.account))


class RemoveAccount(LogCommand[None], frozen=True):
    """Remove an account, its tokens, devices, memberships and invitations. Its messages stay, and its name becomes free."""

    account: int

    def run(self, connection: Connection) -> None:
        """Foreign keys remove the rows of other tables. Nothing happens if there is no such account."""
        connection.execute("DELETE FROM accounts WHERE id = ?", (self.account,))


class AddToken(LogCommand[None], frozen=True):
    """Add a token to an account, and remove its oldest ones if it has more than `most`. Raises `NoSuchTarget`."""

    account: int
    #: The SHA-256 of the token.
    hash: bytes
    #: Milliseconds since the epoch.
    now: int
    #: How many tokens of an account are kept.
    most: int

    def run(self, connection: Connection) -> None:
        """Raises `NoSuchTarget` if the account was removed."""
        check_there(connection, self.account)
        row = (self.hash, self.account, self.now)
        connection.execute("INSERT INTO tokens(hash, account, created) VALUES (?, ?, ?)", row)
        connection.execute(
            "DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE account = :account"
            " ORDER BY hash = :hash DESC, created DESC, hash LIMIT -1 OFFSET :most)",
            {"account": self.account, "hash": self.hash, "most": self.most},
        )


def find_password(connection: Connection, name: str) -> tuple[int | None, str | None]:
    """The id of the account of this name, and the hash of its password; `(None, None)` if there is no such account."""
    row = connection.execute(f"SELECT id, password FROM accounts {_NAMED}", {"name": name, "key": key(name)}).fetchone()  # noqa: S608 (ours)
    return row or (None, None)


def find_token(connection: Connection, name: str, token_hash: bytes) -> int | None:
    """The id of the account of this name, if it has a token with this SHA-256."""
    named = f"SELECT id FROM accounts {_NAMED}"  # noqa: S608 (ours)
    found = f"SELECT account FROM tokens WHERE hash = :hash AND account = ({named})"  # noqa: S608 (ours)
    row = connection.execute(found, {"hash": token_hash, "name": name, "key": key(name)}).fetchone()
    return row and int(row[0])


def check_there(connection: Connection, account: int) -> None:
    """Raise `NoSuchTarget` if the account was removed, which may happen while a command about it waits."""
    if connection.execute("SELECT 1 FROM accounts WHERE id = ?", (account,)).fetchone() is None:
        raise NoSuchTarget("That account was removed just now.")


class EnterDevice(LogCommand[DeviceEntered], frozen=True):
    """Note that a device logs in; a new one starts where its account is, and may replace the one longest not seen."""

    account: int
    device: str
    #: Seconds since the epoch.
    now: int
    #: How many devices of an account are kept.
    most: int
    #: Other devices of the account that are connected: they count as seen now.
    online: frozenset[str] = frozenset()

    def run(self, connection: Connection) -> DeviceEntered:
        """Returns the cursor of the device. Raises `NoSuchTarget` if the account was removed."""
        check_there(connection, self.account)
        which = (self.account, self.device)
        known = connection.execute(_CURSOR, which).fetchone()
        if known is not None:
            connection.execute("UPDATE devices SET online = 1, seen = ? WHERE account = ? AND name = ?", (self.now, *which))
            return DeviceEntered(int(known[0]), 0)
        cursor = _newest_cursor(connection, self.account)
        connection.execute("INSERT OR REPLACE INTO devices VALUES (?, ?, ?, 1, ?)", (*which, cursor, self.now))
        connected = json.dumps([CLASSIC, self.device, *sorted(self.online)])
        forgotten = connection.execute(
            "DELETE FROM devices WHERE account = ?1 AND name NOT IN (SELECT value FROM json_each(?2)) AND name IN"  # noqa: S608 (our own words)
            " (SELECT name FROM devices WHERE account = ?1 AND name NOT IN ('', ?3)"
            f" ORDER BY name IN (SELECT value FROM json_each(?2)) DESC, {_SOUND} DESC, seen DESC, name LIMIT -1 OFFSET ?4)",
            (self.account, connected, self.device, self.most - 1),
        ).rowcount
        return DeviceEntered(cursor, forgotten)


def cursor_of(connection: Connection, account: int, device: str) -> int:
    """Up to which place in the log a device has every message; an unknown device starts where its account is."""
    known = connection.execute(_CURSOR, (account, device)).fetchone()
    return int(known[0]) if known is not None else _newest_cursor(connection, account)


def _newest_cursor(connection: Connection, account: int) -> int:
    """The cursor of the account's device that has come furthest; 0 if it has none."""
    furthest = f"SELECT coalesce(max(cursor), 0) FROM devices WHERE account = ? AND {_SOUND}"  # noqa: S608 (our own words)
    return int(connection.execute(furthest, (account,)).fetchone()[0])


class MoveCursors(LogCommand[None], frozen=True):
    """Move the cursors of devices forward, never back. An unknown device is added, unless its account was removed.

    What a classic client was sent counts as read, so its mentions are forgotten.
    """

    moved: tuple[Moved, ...]
    #: Seconds since the epoch.
    now: int

    def run(self, connection: Connection) -> None:
        """A device is unknown if it logged in while nothing could be stored."""
        for account, device, seq, online in self.moved:
            known = connection.execute(
                f"UPDATE devices SET cursor = max(cursor, ?), online = ?, seen = max(seen, ?)"  # noqa: S608 (our own words)
                f" WHERE account = ? AND name = ? AND {_SOUND}",
                (seq, int(online), self.now, account, device),
            ).rowcount
            if seq and device == CLASSIC:
                forget_mentions(connection, account, seq)
            if not known and seq:
                there = "SELECT id, ?, ?, ?, ? FROM accounts WHERE id = ?"
                row = (device, seq, int(online), self.now, account)
                connection.execute(f"INSERT OR REPLACE INTO devices {there}", row)


class EndClassicSessions(LogCommand[None], frozen=True):
    """After a crash: classic clients that were connected have everything so far, as they can't say how far they read."""

    def run(self, connection: Connection) -> None:
        """Otherwise they would be sent the same messages twice."""
        change = "UPDATE devices SET cursor = ?, online = 0 WHERE name = ? AND online = 1"
        connection.execute(change, (newest_seq(connection), CLASSIC))


class AllowReading(LogCommand[None], frozen=True):
    """Let an account read a conversation, and be sent its messages from a place in the log on."""

    account: int
    #: The conversation, as in `Entry.conv`.
    conv: str
    #: It is sent what comes after this place.
    since: int = 0

    def run(self, connection: Connection) -> None:
        """Nothing happens if the account may read it already, or was removed."""
        there = "SELECT id, ?, ? FROM accounts WHERE id = ?"
        connection.execute(
            f"INSERT OR IGNORE INTO members(account, conv, since) {there}", (self.conv, self.since, self.account)
        )
