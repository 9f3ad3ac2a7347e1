"""Updating the stored keys of names (`lanchat.protocol.spelling.key`) when the database is opened by a version with new rules.

Otherwise an account or a room whose name has another key by the new rules would not be found any more. Two names may get the
same key. The one that has that key already keeps it; if none has, the older one gets it. The other one keeps its old key: its
owner logs in as before, and it is found by exactly its name only (`lanchat.state.online`, `lanchat.state.rooms`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from sqlite3 import Connection

from twisted.logger import Logger

from lanchat.model.conversation import with_guest
from lanchat.model.room import room_key
from lanchat.model.targets import network_of
from lanchat.protocol.entry import COLUMNS, SUM, entry_from_row
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import KEY_RULES, key
from lanchat.store import schema, word_index

#: The tables with names: the function that makes the key, what a row is called, and what to do about two with the same key.
_TABLES: dict[str, tuple[Callable[[str], str], str, str]] = {
    "accounts": (
        key,
        "account",
        "register another name for one of them, and remove the old account (lanchat-admin account remove)",
    ),
    "rooms": (room_key, "room", "make a room with another name, and /close this one"),
    "hooks": (key, "webhook", "add one with another name, and remove this one (lanchat-admin hook remove)"),
}
#: Of bans or mutes about the same target, the one that ends last.
_LONGEST = """
    SELECT id FROM (SELECT id, row_number() OVER (
        PARTITION BY kind, room, target ORDER BY until IS NULL DESC, until DESC, id DESC) AS place FROM sanctions)
    WHERE place = 1
"""
_WITH_GUEST = re.compile(r"g([0-9]{1,18})x(.+)", re.DOTALL)
#: How many messages are changed in one step.
ROWS = 1000

_log = Logger("lanchat.store.keys")


def update(connection: Connection) -> None:
    """Update all keys, if they were made by other rules. While two names share a key, this is done at each start."""
    if connection.execute("SELECT value FROM meta WHERE name = 'keys'").fetchone() == (KEY_RULES,):
        return
    with schema.transaction(connection):
        for table in _TABLES:
            _renew_names(connection, table)
        _renew_sanctions(connection)
        _renew_conversations(connection)
        if not (shared := list(shared_names(connection))):
            schema.set_meta(connection, "keys", KEY_RULES)
    for told in shared:
        _log.warn("{told}", told=told)


def shared_names(connection: Connection) -> Iterator[str]:
    """A text for each name that has the same key as another by the rules of this version; it says what to do."""
    for table, (key_of, what, remedy) in _TABLES.items():
        for _, name, kept in _names(connection, table):
            if (today := key_of(name)) != kept:
                row = connection.execute(f"SELECT name FROM {table} WHERE key = ?", (today,)).fetchone()  # noqa: S608 (ours)
                other = visible(str(row[0]), 40) if row else "another"
                shown = visible(name, 40)
                yield f"the {what} {shown} now has the same name as {other}, and can be found only as {shown}: {remedy}"


def _names(connection: Connection, table: str) -> list[tuple[int, str, str]]:
    rows = connection.execute(f"SELECT id, name, key FROM {table} ORDER BY id").fetchall()  # noqa: S608 (our own names)
    return [row for row in rows if isinstance(row[1], str) and isinstance(row[2], str)]


def _renew_names(connection: Connection, table: str) -> None:
    key_of, *_ = _TABLES[table]
    changed = [(number, key_of(name), kept) for number, name, kept in _names(connection, table) if key_of(name) != kept]
    change = f"UPDATE OR IGNORE {table} SET key = ? WHERE id = ?"  # noqa: S608 (our own names)
    for number, _, kept in changed:  # (no key has a blank, so these are in nobody's way)
        connection.execute(change, (f"{kept} {number}", number))
    for number, today, kept in changed:
        if not connection.execute(change, (today, number)).rowcount:
            connection.execute(change, (kept, number))


def _renew_sanctions(connection: Connection) -> None:
    """Update bans and mutes that are about a name. Of two about the same name, the one that ends later stays."""
    about = "SELECT DISTINCT target FROM sanctions WHERE target NOT LIKE '@%' OR target GLOB '*[*?]*'"
    names = [target for (target,) in connection.execute(about) if isinstance(target, str) and network_of(target) is None]
    if changed := [(key(target), target) for target in names if key(target) != target]:
        connection.executemany("UPDATE sanctions SET target = ? WHERE target = ?", changed)
        connection.execute(f"DELETE FROM sanctions WHERE id NOT IN ({_LONGEST})")  # noqa: S608 (our own words)


def _renew_conversations(connection: Connection) -> None:
    """Update conversations of accounts with guests, whose id has the guest's key."""
    for (conv,) in connection.execute("SELECT DISTINCT conv FROM members WHERE conv GLOB 'g*'").fetchall():
        if (found := _WITH_GUEST.fullmatch(conv)) and (today := with_guest(int(found[1]), key(found[2]))) != conv:
            values = {"conv": conv, "today": today}
            connection.execute(
                "INSERT INTO members SELECT account, :today, since, read, muted FROM members WHERE conv = :conv"
                " ON CONFLICT DO UPDATE SET since = min(since, excluded.since), read = min(read, excluded.read)",
                values,
            )
            connection.execute("DELETE FROM members WHERE conv = :conv", values)
            connection.execute("UPDATE OR REPLACE mentions SET conv = :today WHERE conv = :conv", values)
            for table in ("kept", "fresh"):
                while _move(connection, table, conv, today):
                    pass


def _move(connection: Connection, table: str, conv: str, today: str) -> bool:
    """Change the conversation of some messages from `conv` to `today`. Returns whether there may be more."""
    some = f"SELECT {', '.join(COLUMNS)} FROM {table} WHERE conv = ? ORDER BY seq LIMIT {ROWS}"  # noqa: S608 (our own names)
    rows = connection.execute(some, (conv,)).fetchall()
    those = {"seqs": json.dumps([row[0] for row in rows])}
    where = "seq IN (SELECT value FROM json_each(:seqs))"
    if table == "kept":
        word_index.remove(connection, where, those)
    for row in rows:
        entry, kept = entry_from_row(row), row[SUM]  # (the checksum of a damaged one stays wrong)
        if entry is not None:
            entry.conv = today
            kept = entry.row()[SUM]
        connection.execute(f"UPDATE {table} SET conv = ?, sum = ? WHERE seq = ?", (today, kept, row[0]))  # noqa: S608 (ours)
    if table == "kept":
        word_index.add(connection, f"{where} AND {word_index.INDEXED}", {**those, **word_index.indexed_range(connection)})
    return len(rows) == ROWS
