"""Finding the sequence numbers of the messages of some conversations, without reading their texts.

How long that takes depends on how many are asked for, and not on the size of the log, or on how many conversations an account
has. A few conversations are looked up in the index, one by one. For more, a piece of the log is scanned from where the request
begins, as an account with so many conversations soon has messages there. For thousands of conversations only the scan is used;
after `BUDGET` seconds it ends with what was found.

Every statement returns one row: while the reactor is busy, a thread may wait 5 ms for Python's lock at each row.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from lanchat.protocol.entry import NOTHING, AccountId, ConversationId, Seq
from lanchat.tables.recent import of_both

#: Up to `FEW` conversations are looked up in the index at once; up to `SOME` after one piece of the log was scanned (the lookup
#: of 2,000 takes 4 ms).
FEW, SOME = 10, 2000
#: How many rows of the log are scanned in one statement (5,000 take 2 ms), and after how many seconds the scan ends.
PIECE, BUDGET = 5000, 0.25


class OfAccount(NamedTuple):
    """All conversations that an account may read (the table `members`)."""

    account: AccountId


#: Which entries are looked for: messages; these and what was done with rooms; or all, also changes of messages. Each value is
#: the largest `Entry.about` that is looked for, where None counts as -1.
SAID, WITH_EVENTS, ALL = -1, NOTHING, 2**63 - 1


class Found(NamedTuple):
    """Sequence numbers of messages with their conversations, in the order that was asked for."""

    places: dict[Seq, ConversationId]
    #: The sequence number at which the scan ended because the time was up; None if everything was looked at.
    stopped: Seq | None = None


class Count(NamedTuple):
    """How many messages there are, as far as they were counted."""

    number: int
    #: Whether there may be more.
    more: bool = False


# Each statement begins with `asked`: the conversations, each with a `floor`. Messages up to that sequence number don't count.
_GIVEN = "WITH asked AS MATERIALIZED (SELECT key AS conv, value AS floor FROM json_each(:convs))"
_OF_ACCOUNT = (
    "WITH asked AS (SELECT conv, CASE WHEN :owed THEN since ELSE 0 END AS floor FROM members WHERE account = :account)"
)
_HOW_MANY = "SELECT count(*) FROM (SELECT 1 FROM asked LIMIT :some)"

# (In the index by conversations, so that rows need not be read.)
_WANTED = "coalesce(about, -1) <= :kinds"

_PIECE = """,
    piece AS MATERIALIZED (
        SELECT seq, conv, about FROM log WHERE seq > :above AND seq <= :upto ORDER BY seq {order} LIMIT :piece)
    SELECT (SELECT {found} FROM piece CROSS JOIN asked USING (conv) WHERE seq > floor AND coalesce(about, -1) <= :kinds),
        count(*), {last}(seq) FROM piece
"""


def _looked_up(order: str, first: str) -> str:
    """The statement that finds the first `:most` messages with the index.

    They can only be in the `:most` conversations whose first message comes first.
    """
    above = f"seq > max(floor, :above) AND seq <= :upto AND {_WANTED}"
    firsts = of_both(f"SELECT {first}(seq) AS seq FROM TABLE WHERE conv = asked.conv AND {above}")  # noqa: S608 (our own words)
    found = of_both(
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
_EACH = of_both(
    f"SELECT 1 FROM asked CROSS JOIN TABLE USING (conv) WHERE seq > max(floor, :above) AND seq <= :upto AND {_WANTED}"  # noqa: S608 (our own words)
)
_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM ({_EACH}) LIMIT :most + 1)"  # noqa: S608 (our own words)


class Places:
    """Finds and counts the messages of some conversations."""

    def __init__(
        self, connection: sqlite3.Connection, convs: Mapping[str, int] | OfAccount, owed: bool = False, kinds: int = SAID
    ) -> None:
        """`convs` has the conversations; a mapping gives the sequence number for each after which its messages count.

        For the conversations of an account all messages count; with `owed`, those since it may read the conversation. `kinds`
        is what is looked for: `SAID`, `WITH_EVENTS` or `ALL`.
        """
        self._connection = connection
        self._values: dict[str, object]
        self._kinds = kinds
        if isinstance(convs, OfAccount):
            self._asked, self._values = _OF_ACCOUNT, {"account": convs.account, "owed": owed}
            (self._number,) = self._ask(_HOW_MANY, some=SOME + 1)
        else:
            self._asked, self._values, self._number = _GIVEN, {"convs": json.dumps(dict(convs))}, len(convs)

    def find(self, above: int, upto: int, most: int, newest: bool) -> Found:
        """The oldest messages after `above` and up to `upto`, or with `newest` the newest ones; at most this many (`most`)."""
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
        """How many messages there are after `above` and up to `upto`; more than `most` are not counted."""
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
        """The one row that a statement returns, after its beginning (`asked`) was added."""
        row: tuple[Any, ...] = self._connection.execute(
            self._asked + statement, self._values | values | {"kinds": self._kinds}
        ).fetchone()
        return row


def _first(found: dict[int, str], most: int, newest: bool) -> dict[int, str]:
    return dict(sorted(found.items(), reverse=newest)[:most])
