"""Finding the conversations of rooms by name: of open rooms, and of closed ones of which there are still messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from sqlite3 import Connection

from lanchat.model.room import MARK, room_key

#: Each conversation of a room in the log. The index has them sorted, so this goes from one to the next, and not row by row.
_NEXT = "SELECT min(conv) FROM kept WHERE conv GLOB 'r[0-9]*' AND conv"
_SAID_IN = f"""
    WITH RECURSIVE said(conv) AS (
        SELECT ({_NEXT} > 'r') UNION ALL SELECT ({_NEXT} > said.conv) FROM said WHERE said.conv IS NOT NULL)
    SELECT conv FROM said WHERE conv IS NOT NULL UNION SELECT conv FROM fresh WHERE conv GLOB 'r[0-9]*'
"""  # noqa: S608 (our own words)
_ROOM = re.compile(r"r[0-9]{1,18}")
#: The name of the room in the newest message of a conversation.
_CALLED = """
    SELECT coalesce((SELECT target FROM fresh WHERE conv = ? ORDER BY seq DESC LIMIT 1),
        (SELECT target FROM kept WHERE conv = ? ORDER BY seq DESC LIMIT 1))
"""


def conversations_of_rooms(connection: Connection, names: Iterable[str]) -> dict[str, list[str]]:
    """For each of these names of rooms, with or without "#", the conversations of the rooms that have it or had it.

    The oldest come first, as a name may be used again after a room was closed. Of two open rooms with the same key
    (`lanchat.store.name_keys`), the one with exactly this name is meant, as in `lanchat.state.rooms.Rooms.find`.
    """
    keys = {str(name): str(kept) for name, kept in connection.execute("SELECT name, key FROM rooms")}
    found = _conversations(connection)
    return {name: found.get(keys.get(MARK + name.removeprefix(MARK), room_key(name)), []) for name in names}


def _conversations(connection: Connection) -> dict[str, list[str]]:
    """The conversations of all rooms, by the key of the room's name. That of a closed room is in its messages only."""
    names = {f"r{number}": found for number, found in connection.execute("SELECT id, key FROM rooms")}
    for (conv,) in connection.execute(_SAID_IN).fetchall():
        if conv not in names and _ROOM.fullmatch(str(conv)):  # (a disk may have damaged it)
            (target,) = connection.execute(_CALLED, (conv, conv)).fetchone()
            names[conv] = room_key(str(target))
    found: dict[str, list[str]] = {}
    for conv in sorted(names, key=lambda conv: int(conv[1:])):
        found.setdefault(names[conv], []).append(conv)
    return found
