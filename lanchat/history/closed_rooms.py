"""Rooms in the log: the conversations of those that there are, and of those that were closed and of which something is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from sqlite3 import Connection

from lanchat.model.room import MARK, room_key

#: Each conversation of a room in the log, by way of an index that has them sorted: from one to the next, not row by row.
_NEXT = "SELECT min(conv) FROM kept WHERE conv GLOB 'r[0-9]*' AND conv"
_SAID_IN = f"""
    WITH RECURSIVE said(conv) AS (
        SELECT ({_NEXT} > 'r') UNION ALL SELECT ({_NEXT} > said.conv) FROM said WHERE said.conv IS NOT NULL)
    SELECT conv FROM said WHERE conv IS NOT NULL UNION SELECT conv FROM fresh WHERE conv GLOB 'r[0-9]*'
"""  # noqa: S608 (our own words)
_ROOM = re.compile(r"r[0-9]{1,18}")
#: The name under which something was said last in a conversation.
_CALLED = """
    SELECT coalesce((SELECT target FROM fresh WHERE conv = ? ORDER BY seq DESC LIMIT 1),
        (SELECT target FROM kept WHERE conv = ? ORDER BY seq DESC LIMIT 1))
"""


def named(connection: Connection, names: Iterable[str]) -> dict[str, list[str]]:
    """For each of these names of rooms, with or without the mark, what the log calls the rooms that have or had it.

    The oldest come first: a name may have been used again. Of two rooms with one key (`lanchat.store.keys`), the one that has
    exactly this name goes before the one that is found by the key, as in `lanchat.core.rooms.Rooms.find`.
    """
    keys = {str(name): str(kept) for name, kept in connection.execute("SELECT name, key FROM rooms")}
    found = _conversations(connection)
    return {name: found.get(keys.get(MARK + name.removeprefix(MARK), room_key(name)), []) for name in names}


def _conversations(connection: Connection) -> dict[str, list[str]]:
    """All of them by the key of their name. The log itself says what a closed room was called."""
    names = {f"r{number}": found for number, found in connection.execute("SELECT id, key FROM rooms")}
    for (conv,) in connection.execute(_SAID_IN).fetchall():
        if conv not in names and _ROOM.fullmatch(str(conv)):  # a disk may have changed it
            (target,) = connection.execute(_CALLED, (conv, conv)).fetchone()
            names[conv] = room_key(str(target))
    found: dict[str, list[str]] = {}
    for conv in sorted(names, key=lambda conv: int(conv[1:])):
        found.setdefault(names[conv], []).append(conv)
    return found
