"""Reading the rows of the tables beside the log, of which a disk may have damaged some, and an older version made others.

A row is used if anything can be done with it, even if a new one would not be allowed like that. A row that is unusable is left
out: the start logs it (except devices and tokens, which are read when somebody uses them, and are then unknown), `lanchat-admin
check` lists it, and `lanchat-admin salvage` does not copy it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from sqlite3 import Connection
from typing import Any, TypeAlias

from twisted.logger import Logger

from lanchat.model.session import Role
from lanchat.protocol.packet import visible

#: Called with a text for each row that is unusable.
Wrong: TypeAlias = Callable[[str], object]
Row: TypeAlias = tuple[Any, ...]

#: Characters that no name can have, because they end a line or can't be encoded.
_IN_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ROLES = frozenset({int(Role.USER), int(Role.MODERATOR), int(Role.OPERATOR)})
_CONVERSATION = re.compile(r"r[0-9]{1,18}|p[0-9]{1,18}x[0-9]{1,18}|g[0-9]{1,18}x.+", re.DOTALL)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TARGET = re.compile(r"@[0-9]{1,18}|@.*[*?].*|[^@].*", re.DOTALL)
#: The end of the year 9999, in seconds since the epoch; no later time can be written.
_END_OF_TIME = 253_402_300_799

_log = Logger("lanchat.stored")


def _number(value: object) -> bool:
    return isinstance(value, int)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _bytes(value: object) -> bool:
    return isinstance(value, bytes)


def _name(value: object) -> bool:
    return isinstance(value, str) and value != "" and _IN_NO_NAME.search(value) is None


def _role(value: object) -> bool:
    return isinstance(value, int) and value in _ROLES


def _time(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= _END_OF_TIME


def _conversation(value: object) -> bool:
    return isinstance(value, str) and _CONVERSATION.fullmatch(value) is not None


def _digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _anything(value: object) -> bool:
    return True


def _or_none(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


#: The tables beside the log, each after those that it refers to, with a check for each column. What nobody needs (the time at
#: which a row was made) may be anything.
COLUMNS: dict[str, dict[str, Callable[[object], bool]]] = {
    "accounts": {
        "id": _number,
        "name": _name,
        "key": _name,
        "role": _role,
        "password": _text,
        "created": _anything,
        "away": _text,
    },
    "tokens": {"hash": _bytes, "account": _number, "created": _number},
    "devices": {"account": _number, "name": _text, "cursor": _number, "online": _number, "seen": _number},
    "rooms": {
        "id": _number,
        "name": _name,
        "key": _name,
        "topic": _text,
        "private": _number,
        "owner": _or_none(_number),
        "created": _anything,
        "topic_by": _text,
        "topic_at": _time,
        "rules": _text,
    },
    "members": {"account": _number, "conv": _conversation, "since": _number, "read": _number, "muted": _number},
    "invitations": {"room": _number, "account": _number},
    "ranks": {"room": _number, "account": _number, "rank": lambda value: value in (1, 2, 3)},
    "mentions": {"account": _number, "conv": _conversation, "seq": _number},
    "sanctions": {
        "id": _number,
        "kind": lambda value: value in ("mute", "ban"),
        "room": _or_none(_number),
        "target": lambda value: isinstance(value, str) and _TARGET.fullmatch(value) is not None,
        "until": _or_none(_time),
        "reason": _text,
        "by_name": _text,
        "at": _time,
    },
    "files": {
        "seq": _number,
        "owner": _or_none(_number),
        "address": _text,
        "name": _text,
        "type": _text,
        "size": _number,
        "digest": _digest,
        "width": _number,
        "height": _number,
        "thumb": lambda value: value == "" or _digest(value),
        "thumb_type": _text,
        "thumb_size": _number,
    },
    "unlinked": {"digest": _digest},
    "hooks": {
        "id": _number,
        "name": _name,
        "key": _name,
        "room": _number,
        "secret": _bytes,
        "url": _text,
        "made_by": _text,
        "made": _anything,
        "used": _time,
        "enabled": _number,
        "position": _number,
    },
    "undelivered": {"hook": _number, "seq": _number, "at": _time, "why": _text},
}
#: Columns that refer to rows of another table. (The owner of a room may have been removed.)
_WHOSE = {"account": "accounts", "room": "rooms", "hook": "hooks"}
#: Columns whose values are unique.
_OWN = {"accounts": "key", "rooms": "key", "hooks": "key"}


def log_unusable(what: str) -> None:
    """Say in the log that a row is left out."""
    _log.error("{what}; this row is ignored. lanchat-admin check lists all such rows, and salvage removes them", what=what)


def fault(table: str, row: Row) -> str:
    """What is wrong with the values of a row, in words; "" if it can be used."""
    for (column, allowed), value in zip(COLUMNS[table].items(), row, strict=False):
        if not allowed(value):
            return describe(table, row, f"its {column} is {_shown(value)}")
    return ""


def usable(connection: Connection, table: str, wrong: Wrong) -> Iterator[Row]:
    """The rows of a table that can be used, in the order of the first column; `wrong` is told of the others."""
    columns = list(COLUMNS[table])
    whose = [
        (columns.index(column), column, {number for (number,) in connection.execute(f"SELECT id FROM {others}")})  # noqa: S608 (ours)
        for column, others in _WHOSE.items()
        if column in columns
    ]
    own = columns.index(_OWN[table]) if table in _OWN else None
    seen: dict[object, object] = {}
    for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608 (ours)
        what = fault(table, row)
        for at, column, known in whose:
            if not what and row[at] is not None and row[at] not in known:
                what = describe(table, row, f"there is no {column} {row[at]}")
        if not what and own is not None and seen.setdefault(row[own], row[0]) != row[0]:
            what = describe(table, row, f"{seen[row[own]]} has the same {_OWN[table]}")
        if what:
            wrong(what)
        else:
            yield row


def describe(table: str, row: Row, what: str) -> str:
    """A text that says which row of a table has this fault."""
    return f"{table} ({', '.join(map(_shown, row[:2]))}): {what}"


def _shown(value: object) -> str:
    """A value as text for people; for bytes, which may be the hash of a secret, only their type."""
    return visible(repr(value), 60) if isinstance(value, (int, float, str)) else type(value).__name__
