"""Places in the log as people and programs name them: a number, the id of a message, a date or an age (docs/protocol.md).

The time stamps in the log go up with its sequence numbers, except where the clock was wrong. There is no index of them, which
each message would have to pay for: a moment is found by halving, in as many steps as the length of the log has bits.
"""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple, TypeAlias

from lanchat.protocol.dates import parse_moment
from lanchat.protocol.entry import Epoch, Milliseconds, Seq
from lanchat.protocol.errors import NoSuchTarget, Usage
from lanchat.protocol.packet import visible


class Moment(NamedTuple):
    """A point in time."""

    ts: Milliseconds


#: A place before it is looked up in the log.
Place: TypeAlias = Seq | Moment

#: By how many milliseconds a clock is often set back; messages that are that much older than asked for are looked at, too.
SETBACK = 3_600_000
#: How many messages before one that was found by halving are all looked at; of those before them, only some.
NEAR = 5000

_ID = re.compile(r"(?P<epoch>[0-9A-Za-z-]{1,40})\.(?P<seq>[0-9]{1,19})")
_NUMBER = re.compile(r"\d{1,19}")

_LAST = "SELECT coalesce(max(seq), 0) FROM (SELECT max(seq) AS seq FROM kept UNION ALL SELECT max(seq) FROM fresh)"
# (Compared in SQL, where a time stamp that is damaged can be compared, too.)
_PLACE = "SELECT seq, ts >= ? FROM log WHERE seq >= ? ORDER BY seq LIMIT 1"
_NEAR = "SELECT min(seq) FROM (SELECT seq, ts FROM log WHERE seq <= ? ORDER BY seq DESC LIMIT ?) WHERE ts >= ?"


def parse_place(given: int | str, now: float, epoch: Epoch) -> Place:
    """The place that somebody gave at `now` (in seconds since 1970); `epoch` is the one of the log.

    Raises `NoSuchTarget` for the id of a message that is not in this log, and `Usage`.
    """
    if isinstance(given, int) or _NUMBER.fullmatch(given := given.strip()):
        return int(given)
    try:
        return Moment(round(parse_moment(given, now) * 1000))
    except ValueError:
        if (found := _ID.fullmatch(given)) is None:
            raise Usage(
                f"{visible(given, 40)} is no place in the log: write the number or the id of a message,"
                " a date such as 2026-11-20 or 2026-11-20T14:00, or an age such as 2h or 7d."
            ) from None
    if found["epoch"] != epoch:
        raise NoSuchTarget(f"There is no message {given} in this log.")
    return int(found["seq"])


def place_of(connection: sqlite3.Connection, place: Place) -> Seq:
    """The sequence number of a place. That of a moment is of the first message at or after it, in the order of the log.

    If there is none, it is the next one that the log will give.
    """
    return shortly_before(connection, place.ts, 0) + 1 if isinstance(place, Moment) else place


def end_of(connection: sqlite3.Connection, place: Place) -> Seq:
    """The sequence number up to which everything was said at a place or before: of a moment that of the last message then."""
    return shortly_before(connection, place.ts + 1, 0) if isinstance(place, Moment) else place


def shortly_before(connection: sqlite3.Connection, ts: Milliseconds, setback: Milliseconds = SETBACK) -> Seq:
    """A sequence number before the first message at or after a time.

    With a `setback` it may be that much before, and is right even if the clock was set back by up to that. With 0 the message
    is the next one in the log.

    When one is found by halving, messages before it are looked at, all that are near and some that are far. If one of them is
    young enough, the search goes on before that.
    """
    high = connection.execute(_LAST).fetchone()[0] if ts > 0 else 0
    while high > 0:
        low = _halved(connection, ts - setback, high)
        newer = _newer_before(connection, ts, low)
        if newer is None:
            return low
        high = newer - 1
    return 0


def _halved(connection: sqlite3.Connection, ts: Milliseconds, high: Seq) -> Seq:
    """A `seq` up to `high` of a message before that time, with a younger one after it; 0 if there is none."""
    low = 0
    while low < high:
        middle = (low + high) // 2 + 1
        seq, is_younger = connection.execute(_PLACE, (ts, middle)).fetchone()
        low, high = (low, middle - 1) if is_younger else (seq, high)
    return low


def _newer_before(connection: sqlite3.Connection, ts: Milliseconds, seq: Seq) -> Seq | None:
    """The `seq`, up to this one, of a message since that time; None if none is found."""
    (near,) = connection.execute(_NEAR, (seq, NEAR, ts)).fetchone()
    if near is not None:
        return int(near)
    far = seq - NEAR
    while far > 0:
        found, is_younger = connection.execute(_PLACE, (ts, far)).fetchone()
        if is_younger and found <= seq:
            return int(found)
        far -= (seq - far) // 64 + 1
    return None
