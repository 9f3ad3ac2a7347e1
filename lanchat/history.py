"""History: what is asked about the log, page by page (docs/protocol.md, "Durable delivery").

Plain functions of a connection that reads, for whoever may read these conversations: who that is, the caller knows. Each is
to be run in one transaction, so that it sees the log as it was at one moment.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lanchat.entry import COLUMNS, Entry, of_row
from lanchat.errors import Usage

#: Entries in a page, at the most, and bytes of their texts; a single entry is always there in full.
MAX_PAGE = 200
MAX_TEXT = 128 * 1024
#: For what is bounded by its number of entries alone.
NO_BOUND = 2**62
#: What is owed is counted so far.
MAX_COUNT = 100_000
#: The largest that a `seq` can be.
MAX_SEQ = 2**63 - 1

#: The `text_factory` for connections that read: with it, a text that is not UTF-8 any more shows in the sum of its row, as
#: any other damage does; without, it would be an error that ends the whole page.
lenient = functools.partial(str, encoding="utf-8", errors="replace")

_ROW = f"SELECT {', '.join(COLUMNS)} FROM log WHERE seq = ?"  # noqa: S608 (our own names)
_OLDEST = "SELECT seq FROM log WHERE conv = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
_NEWEST = "SELECT seq FROM log WHERE conv = ? AND seq > ? AND seq <= ? ORDER BY seq DESC LIMIT ?"
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM log WHERE conv = ? AND seq > ? AND seq <= ? LIMIT ?)"


class Size(NamedTuple):
    """How much fits on a page: entries, and bytes of their texts."""

    entries: int
    text: int = MAX_TEXT

    @classmethod
    def asked(cls, limit: int) -> Size:
        """For as many entries as somebody would like."""
        return cls(within(limit, 1, MAX_PAGE))

    def half(self) -> Size:
        """What there is room for before the one that a page is around."""
        return Size(self.entries // 2, self.text // 2)

    def rest(self) -> Size:
        """What there is room for beside `half`."""
        return Size(self.entries - self.entries // 2, self.text // 2)


@dataclass
class Page:
    """Entries in the order of the log, the oldest first."""

    entries: list[Entry] = field(default_factory=list)
    #: Whether there is more in the direction that was asked for.
    more: bool = False
    #: The seq to go on from, in that direction: the next page is before it (or after it). Going back, 0 if nothing was found.
    edge: int = 0
    #: The seqs of rows that are not what was written. They are not among the entries; somebody should be told.
    damaged: list[int] = field(default_factory=list)

    def turned(self) -> Page:
        """The page with its entries in the opposite order."""
        return Page(self.entries[::-1], self.more, self.edge, self.damaged[::-1])


def page(  # noqa: PLR0913 (the members of a request)
    connection: sqlite3.Connection,
    convs: Collection[str],
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> Page:
    """What was said in these conversations before, after or around a seq; without one, what was said last.

    `around` gives the entry itself and some on both sides; `more` and `edge` are then about the older ones. Raises `Usage`.
    """
    if sum(asked is not None for asked in (before, after, around)) > 1:
        raise Usage("A page is before, after or around a message: ask for one of the three.")
    size, floors = Size.asked(limit), dict.fromkeys(convs, 0)
    if after is not None:
        return _onward(connection, floors, after, MAX_SEQ, size)
    if around is not None:
        return _around(connection, floors, around, size)
    return _back(connection, floors, MAX_SEQ if before is None else before, size)


def missed(connection: sqlite3.Connection, convs: Mapping[str, int], after: int, upto: int = MAX_SEQ) -> int:
    """How many entries an account is owed; more than `MAX_COUNT` are not counted.

    `convs` are its conversations, each with the seq that what is owed is above; `after` is the newest seq that the account
    has, and `upto` the newest to count.
    """
    count = 0
    for conv, floor in _above(convs, after).items():
        asked = (conv, floor, within(upto, 0, MAX_SEQ), MAX_COUNT - count)
        count += connection.execute(_COUNT, asked).fetchone()[0]
    return count


def replay(
    connection: sqlite3.Connection, convs: Mapping[str, int], after: int, upto: int = MAX_SEQ, limit: int = MAX_PAGE
) -> Page:
    """The first of what `missed` counts, with what the account said itself; the next page is after `edge`."""
    return _onward(connection, convs, after, upto, Size.asked(limit))


def newest(
    connection: sqlite3.Connection, convs: Mapping[str, int], after: int, upto: int = MAX_SEQ, limit: int = 50
) -> tuple[Page, int]:
    """The last of what `missed` counts, however long these are, and that count."""
    last = _back(connection, _above(convs, after), upto + 1, Size(Size.asked(limit).entries, NO_BOUND))
    return last, missed(connection, convs, after, upto)


def filled(rows: Iterable[tuple[Any, ...]], readable: Collection[str], size: Size, edge: int = 0) -> Page:
    """A page of these rows of `COLUMNS`, in their order, until it is full; of no rows, with this `edge`.

    A row is served only if it is whole, and of a conversation in `readable`.
    """
    full, room = Page(edge=edge), size.text
    for row in rows:
        entry = of_row(row)
        if entry is not None and entry.conv not in readable:
            entry = None  # an index leads to the wrong row
        room -= len(entry.msg.encode()) if entry else 0
        if len(full.entries) + len(full.damaged) == size.entries or (room < 0 and full.entries):
            full.more = True
            break
        full.edge = row[0]
        if entry:
            full.entries.append(entry)
        else:
            full.damaged.append(row[0])
    return full


def within(number: int, least: int, most: int) -> int:
    """The number, or the bound that it is beyond: clients ask for numbers that SQLite does not have."""
    return max(least, min(number, most))


def _onward(connection: sqlite3.Connection, convs: Mapping[str, int], after: int, upto: int, size: Size) -> Page:
    """The oldest above `after`."""
    floors = _above(convs, after)
    seqs = _seqs(connection, floors, upto, size.entries + 1, newest=False)
    return filled(_rows(connection, seqs), floors, size, within(after, 0, MAX_SEQ))


def _back(connection: sqlite3.Connection, floors: Mapping[str, int], before: int, size: Size) -> Page:
    """The newest below `before`."""
    seqs = _seqs(connection, floors, before - 1, size.entries + 1, newest=True)
    return filled(_rows(connection, seqs), floors, size).turned()


def _around(connection: sqlite3.Connection, floors: Mapping[str, int], seq: int, size: Size) -> Page:
    """The entry and those after it, and as many before it."""
    older = _back(connection, floors, seq, size.half())
    newer = _onward(connection, floors, seq - 1, MAX_SEQ, size.rest())
    return Page(older.entries + newer.entries, older.more, older.edge or seq, older.damaged + newer.damaged)


def _above(convs: Mapping[str, int], after: int) -> dict[str, int]:
    """The seq that each conversation is asked for what is above: that of the reader, or its own."""
    after = within(after, 0, MAX_SEQ)
    return {conv: max(since, after) for conv, since in convs.items()}


def _seqs(connection: sqlite3.Connection, floors: Mapping[str, int], upto: int, most: int, newest: bool) -> list[int]:
    """The oldest or newest places in the log that belong to one of the conversations: above its floor, and up to `upto`.

    Each conversation is asked only for what may still be among them, so hundreds cost little more than one.
    """
    found: list[int] = []
    low, high = 0, within(upto, 0, MAX_SEQ)
    for conv, floor in floors.items():
        rows = connection.execute(_NEWEST if newest else _OLDEST, (conv, max(floor, low), high, most))
        found = sorted([*found, *(seq for (seq,) in rows)], reverse=newest)[:most]
        if len(found) == most:
            low, high = (found[-1], high) if newest else (low, found[-1])
    return found


def _rows(connection: sqlite3.Connection, seqs: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """The rows at these places; one that only the index knows is as good as damaged."""
    for seq in seqs:
        yield connection.execute(_ROW, (seq,)).fetchone() or (seq, *[None] * (len(COLUMNS) - 1))
