"""Places: where in the log the entries of some conversations are, found without reading their texts.

How long that takes depends on what is asked for, and not on how much was ever said, or on how many conversations an account
has had. A few conversations are looked up in the index, each by itself. For more, the log itself is gone through from where
the question begins, and what belongs to none of them is passed over; somebody with so many conversations is soon met there.
For thousands of conversations that is the only way, and after `BUDGET` seconds it ends, with what was found by then.

Every statement answers with one row: while the reactor is busy, a thread may wait 5 ms for Python's lock at each row that
SQLite gives it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Up to so many conversations are looked up at once; up to so many after a piece of the log was gone through (2,000: 4 ms).
FEW, SOME = 10, 2000
#: Rows of the log that are gone through in one statement (5,000: 2 ms), and seconds after which no more are.
PIECE, BUDGET = 5000, 0.25


class OfAccount(NamedTuple):
    """All conversations that an account may read (the table `members`)."""

    account: int


class Found(NamedTuple):
    """Places in the log with their conversations, in the order that was asked for."""

    places: dict[int, str]
    #: The last place that was looked at, where time was up before the end; None if there is nothing left to look at.
    stopped: int | None = None


class Count(NamedTuple):
    """How many entries there are."""

    number: int
    #: Whether there may be more, which were not counted.
    more: bool = False


# Each statement begins with `asked`: the conversations, and for each the place that what is asked for is above.
_GIVEN = "WITH asked AS MATERIALIZED (SELECT key AS conv, value AS floor FROM json_each(:convs))"
_OF_ACCOUNT = (
    "WITH asked AS (SELECT conv, CASE WHEN :owed THEN since ELSE 0 END AS floor FROM members WHERE account = :account)"
)
_HOW_MANY = "SELECT count(*) FROM (SELECT 1 FROM asked LIMIT :some)"

_PIECE = """,
    piece AS MATERIALIZED (SELECT seq, conv FROM log WHERE seq > :above AND seq <= :upto ORDER BY seq {order} LIMIT :piece)
    SELECT (SELECT {found} FROM piece CROSS JOIN asked USING (conv) WHERE seq > floor), count(*), {last}(seq) FROM piece
"""


def _both(statement: str) -> str:
    """This for both tables of the log: before 3.39 SQLite goes through all of the view `log` to join it."""
    return " UNION ALL ".join(statement.replace("TABLE", table) for table in ("kept", "fresh"))


def _looked_up(order: str, first: str) -> str:
    """The statement that finds the first `:most` places by the index.

    They can only be in the `:most` conversations whose own first place comes first.
    """
    above = "seq > max(floor, :above) AND seq <= :upto"
    firsts = _both(f"SELECT {first}(seq) AS seq FROM TABLE WHERE conv = asked.conv AND {above}")  # noqa: S608 (our own words)
    found = _both(
        "SELECT said.seq, lively.conv FROM lively CROSS JOIN TABLE AS said ON said.seq IN (SELECT seq FROM TABLE"  # noqa: S608 (our own words)
        f" WHERE conv = lively.conv AND {above} ORDER BY seq {order} LIMIT :most)"
    )
    return f""",
        firsts AS (SELECT conv, floor, (SELECT {first}(seq) FROM ({firsts})) AS seq FROM asked),
        lively AS MATERIALIZED (SELECT conv, floor FROM firsts WHERE seq IS NOT NULL ORDER BY seq {order} LIMIT :most)
        SELECT json_group_array(json_array(seq, conv)) FROM (SELECT * FROM ({found}) ORDER BY seq {order} LIMIT :most)
    """  # noqa: S608 (our own words)


_PAIRS = "json_group_array(json_array(seq, conv))"
_ONWARD = _PIECE.format(found=_PAIRS, order="ASC", last="max"), _looked_up("ASC", "min")
_BACK = _PIECE.format(found=_PAIRS, order="DESC", last="min"), _looked_up("DESC", "max")
_COUNTED = _PIECE.format(found="count(*)", order="ASC", last="max")
_EACH = _both("SELECT 1 FROM asked CROSS JOIN TABLE USING (conv) WHERE seq > max(floor, :above) AND seq <= :upto")
_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM ({_EACH}) LIMIT :most + 1)"  # noqa: S608 (our own words)


class Places:
    """The places of some conversations in the log."""

    def __init__(self, connection: sqlite3.Connection, convs: Mapping[str, int] | OfAccount, owed: bool = False) -> None:
        """What is asked for in a conversation is above its own place: the given one, or 0 for those of an account.

        With `owed`, for an account it is what was said since it belongs to them.
        """
        self._connection = connection
        self._values: dict[str, object]
        if isinstance(convs, OfAccount):
            self._asked, self._values = _OF_ACCOUNT, {"account": convs.account, "owed": owed}
            (self._number,) = self._ask(_HOW_MANY, some=SOME + 1)
        else:
            self._asked, self._values, self._number = _GIVEN, {"convs": json.dumps(dict(convs))}, len(convs)

    def find(self, above: int, upto: int, most: int, newest: bool) -> Found:
        """The oldest places, or the `newest`, that are above one place and up to another."""
        piece, rest = _BACK if newest else _ONWARD
        deadline, found = time.monotonic() + BUDGET, dict[int, str]()
        while self._number > FEW:
            pairs, looked, last = self._ask(piece, above=above, upto=upto, piece=PIECE)
            found |= dict(json.loads(pairs))
            if len(found) >= most or looked < PIECE:
                return Found(_first(found, most, newest))
            above, upto = (above, last - 1) if newest else (last, upto)
            if self._number <= SOME:
                break
            if time.monotonic() >= deadline:
                return Found(_first(found, most, newest), last)
        (pairs,) = self._ask(rest, above=above, upto=upto, most=most)
        return Found(_first(found | dict(json.loads(pairs)), most, newest))

    def count(self, above: int, upto: int, most: int) -> Count:
        """How many there are above one place and up to another; more than `most` are not counted."""
        if self._number <= SOME:
            (number,) = self._ask(_COUNT, above=above, upto=upto, most=most)
            return Count(min(number, most), number > most)
        deadline, number = time.monotonic() + BUDGET, 0
        while True:
            found, looked, above = self._ask(_COUNTED, above=above, upto=upto, piece=PIECE)
            number += found
            if number > most or looked < PIECE:
                return Count(min(number, most), number > most)
            if time.monotonic() >= deadline:
                return Count(number, more=True)

    def _ask(self, statement: str, **values: int) -> tuple[Any, ...]:
        """The one row that a statement about `asked` gives."""
        row: tuple[Any, ...] = self._connection.execute(self._asked + statement, self._values | values).fetchone()
        return row


def _first(found: dict[int, str], most: int, newest: bool) -> dict[int, str]:
    return dict(sorted(found.items(), reverse=newest)[:most])
