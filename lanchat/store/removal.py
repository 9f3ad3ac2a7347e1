"""Removal: rows of the log go, some at a time, and what points to them with them. Each function is one short step.

A repeat must be recognised for a day whatever is removed. So a younger row is emptied first, and goes when the day is over:
its place, its time, its author and their id for it are left, and a digest of its content, in no conversation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from sqlite3 import Connection

from lanchat.entry import COLUMNS, NOWHERE, REPEAT_MS, Entry
from lanchat.repeats import digest
from lanchat.store import fresh, schema, words

#: So many rows at most are removed in one step, and so many looked at.
STEP, PAGE = 500, 5000
#: What a row takes beside its text, in bytes.
ENVELOPE = 200
# Of a row that is emptied (as bytes, for a damaged one may have no text).
_LEFT = "SELECT seq, ts, author, cid, CAST(target AS BLOB), CAST(msg AS BLOB) FROM kept"
#: Larger than any time or place.
NEVER = 2**63 - 1


@dataclass
class Cut:
    """What is to go: of one conversation or of all, up to a place, and said before a time."""

    conv: str | None = None
    #: Conversations that are left alone.
    spared: tuple[str, ...] = ()
    upto: int = NEVER
    #: In milliseconds since the epoch.
    before: int = NEVER
    #: How far it is done.
    after: int = 0


def step(connection: Connection, cut: Cut, now: int) -> tuple[int, int] | None:
    """Let the next rows go; up to where it is done, and how many they were. None when there was nothing to be done.

    `now` is in milliseconds since the epoch.
    """
    scope = "seq > :after AND seq <= :upto" + ("" if cut.conv is None else " AND conv = :conv")
    spared = json.dumps([*cut.spared, *([] if cut.conv == NOWHERE else [NOWHERE])])
    values = {"after": cut.after, "upto": cut.upto, "conv": cut.conv, "before": cut.before, "step": STEP, "spared": spared}
    last, old = connection.execute(
        "SELECT max(seq), total(ts < :before) FROM"  # noqa: S608 (our own words)
        f" (SELECT seq, ts FROM log WHERE {scope} ORDER BY seq LIMIT :step)",
        values,
    ).fetchone()
    if not old:  # time goes up with the places, but for a clock that was set: a step without anything old is the end
        return None
    fresh.move(connection, last)
    where = f"{scope} AND ts < :before AND conv NOT IN (SELECT value FROM json_each(:spared))"  # noqa: S608 (our own words)
    return last, _remove(connection, where, values | {"upto": last, "day": now - REPEAT_MS})


def _remove(connection: Connection, where: str, values: dict[str, object]) -> int:
    indexed = {"indexed": schema.get(connection, "indexed")}
    words.remove(connection, f"{where} AND seq <= :indexed", values | indexed)
    once = "cid IS NOT NULL AND author IS NOT NULL AND ts >= :day"
    removed = connection.execute(f"DELETE FROM kept WHERE {where} AND NOT ({once})", values).rowcount  # noqa: S608 (ours)
    left = connection.execute(f"{_LEFT} WHERE {where}", values).fetchall()
    if left:
        _empty(connection, left)
        seqs: dict[str, object] = {"seqs": json.dumps([row[0] for row in left])}
        words.add(connection, "seq IN (SELECT value FROM json_each(:seqs)) AND seq <= :indexed", seqs | indexed)
    return removed + len(left)


def _empty(connection: Connection, rows: list[tuple[int, int, int, str, bytes, bytes]]) -> None:
    """Take everything from these rows that is not needed to recognise a repeat."""
    marks = ",".join([f"({','.join('?' * len(COLUMNS))})"] * len(rows))
    values: list[object] = []
    for seq, ts, author, cid, target, msg in rows:
        left = digest(target.decode(errors="replace"), msg.decode(errors="replace"))
        values += Entry(NOWHERE, author, "", "", left, "", ts, cid=cid, seq=seq).row()
    connection.execute(f"INSERT OR REPLACE INTO kept VALUES {marks}", values)  # noqa: S608 (marks)


def overflow(connection: Connection, conv: str, size: int, before: int, sofar: int) -> tuple[int, int, int | None] | None:
    """Look from a place back at what was said in a conversation, with what was counted so far, in bytes.

    Gives how far that is, what is counted then, and the newest that is beyond the size, if it was met; None at the beginning.
    """
    found: tuple[int | None, int, int | None] = connection.execute(
        "SELECT min(seq), max(running), max(seq) FILTER (WHERE running > :size) FROM"
        " (SELECT seq, :sofar + sum(:envelope + length(CAST(msg AS BLOB))) OVER (ORDER BY seq DESC) AS running FROM"
        " (SELECT seq, msg FROM log WHERE conv = :conv AND seq < :before ORDER BY seq DESC LIMIT :page))",
        {"size": size, "sofar": sofar, "envelope": ENVELOPE, "conv": conv, "before": before, "page": PAGE},
    ).fetchone()
    lowest, counted, beyond = found
    return None if lowest is None else (lowest, counted, beyond)


def used(connection: Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
