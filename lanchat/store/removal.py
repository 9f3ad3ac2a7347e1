"""Removal: rows of the log go, some at a time, and what points to them with them. Each function is one short step.

A repeat must be known for a day whatever is removed. So what is younger is emptied, and goes when the day is over: its
place, its time, its author and their id for it are left, in no conversation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from sqlite3 import Connection

from lanchat.entry import COLUMNS, Entry
from lanchat.store import fresh, schema, words

#: So many rows at most are removed in one step, and so many looked at.
STEP, PAGE = 500, 5000
#: Milliseconds for which a repeat is known for what it is.
DAY_MS = 86_400_000
#: The conversation of what was emptied, which is nobody's.
NOWHERE = ""
#: What a row takes beside its text, in bytes.
ENVELOPE = 200
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
    return last, _remove(connection, where, values | {"upto": last, "day": now - DAY_MS})


def _remove(connection: Connection, where: str, values: dict[str, object]) -> int:
    indexed = {"indexed": schema.get(connection, "indexed")}
    words.remove(connection, f"{where} AND seq <= :indexed", values | indexed)
    once = "cid IS NOT NULL AND author IS NOT NULL AND ts >= :day"
    removed = connection.execute(f"DELETE FROM kept WHERE {where} AND NOT ({once})", values).rowcount  # noqa: S608 (ours)
    left = connection.execute(f"SELECT seq, ts, author, cid FROM kept WHERE {where}", values).fetchall()  # noqa: S608 (ours)
    if left:
        _empty(connection, left)
        seqs: dict[str, object] = {"seqs": json.dumps([seq for seq, *_ in left])}
        words.add(connection, "seq IN (SELECT value FROM json_each(:seqs)) AND seq <= :indexed", seqs | indexed)
    return removed + len(left)


def _empty(connection: Connection, rows: list[tuple[int, int, int, str]]) -> None:
    marks = ",".join([f"({','.join('?' * len(COLUMNS))})"] * len(rows))
    entries = [Entry(NOWHERE, author, "", "", "", "", ts, cid=cid, seq=seq) for seq, ts, author, cid in rows]
    values = [value for entry in entries for value in entry.row()]
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
