"""History: what is asked about the log, page by page (docs/protocol.md, "What is kept").

Plain functions of a connection that reads, for whoever may read these conversations: who that is, the caller knows. Each is
to be run in one transaction, so that it sees the log as it was at one moment. Of an account with very many conversations a
page may be short, or empty, and there is `more` all the same: so much could be looked through in time
(`lanchat.history.positions`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lanchat.history.positions import Count, Found, OfAccount, Places
from lanchat.protocol.entry import COLUMNS, Entry, entry_from_row
from lanchat.protocol.errors import Usage

#: Entries in a page, at the most, and bytes of their texts; a single entry is always there in full.
MAX_PAGE = 200
MAX_TEXT = 128 * 1024
#: For what is bounded by its number of entries alone.
NO_BOUND = 2**62
#: What is owed is counted so far.
MAX_COUNT = 100_000
#: The largest that a `seq` can be.
MAX_SEQ = 2**63 - 1

_ROW = f"SELECT {', '.join(COLUMNS)} FROM log WHERE seq = ?"  # noqa: S608 (our own names)


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
    #: Whether there may be older ones that a search does not find yet, as the index of words is being made anew.
    unindexed: bool = False

    def turned(self) -> Page:
        """The page with its entries in the opposite order."""
        return Page(self.entries[::-1], self.more, self.edge, self.damaged[::-1])


def page(  # noqa: PLR0913 (the members of a request)
    connection: sqlite3.Connection,
    convs: Collection[str] | OfAccount,
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
        raise Usage("Use only one of before, after and around.")
    size = Size.asked(limit)
    log = Places(connection, convs if isinstance(convs, OfAccount) else dict.fromkeys(convs, 0))
    if after is not None:
        return _onward(connection, log, after, MAX_SEQ, size)
    if around is not None:
        return _around(connection, log, around, size)
    return _back(connection, log, 0, MAX_SEQ if before is None else before, size)


def missed(connection: sqlite3.Connection, convs: Mapping[str, int] | OfAccount, after: int, upto: int = MAX_SEQ) -> Count:
    """How many entries an account is owed; more than `MAX_COUNT` are not counted.

    `convs` are its conversations, each with the seq that what is owed is above; `after` is the newest seq that the account
    has, and `upto` the newest to count.
    """
    log = Places(connection, convs, owed=True)
    return log.count(within(after, 0, MAX_SEQ), within(upto, 0, MAX_SEQ), MAX_COUNT)


def replay(
    connection: sqlite3.Connection,
    convs: Mapping[str, int] | OfAccount,
    after: int,
    upto: int = MAX_SEQ,
    limit: int = MAX_PAGE,
) -> Page:
    """The first of what `missed` counts, with what the account said itself; the next page is after `edge`."""
    return _onward(connection, Places(connection, convs, owed=True), after, upto, Size.asked(limit))


def newest(
    connection: sqlite3.Connection, convs: Mapping[str, int] | OfAccount, after: int, upto: int = MAX_SEQ, limit: int = 50
) -> tuple[Page, Count]:
    """The last of what `missed` counts, however long these are, and that count."""
    size = Size(Size.asked(limit).entries, NO_BOUND)
    last = _back(connection, Places(connection, convs, owed=True), after, upto + 1, size)
    return last, missed(connection, convs, after, upto)


def filled(
    rows: Iterable[tuple[Any, ...]], size: Size, edge: int = 0, wanted: Callable[[Entry], bool] = lambda entry: True
) -> Page:
    """A page of these rows of `COLUMNS`, in their order, until it is full; of no rows, with this `edge`.

    A row is served only if it is whole, and what was `wanted`: an index that is damaged may lead to another.
    """
    full, room = Page(edge=edge), size.text
    for row in rows:
        entry = entry_from_row(row)
        if entry is not None and not wanted(entry):
            entry = None
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


def _onward(connection: sqlite3.Connection, log: Places, after: int, upto: int, size: Size) -> Page:
    """The oldest above `after`."""
    after = within(after, 0, MAX_SEQ)
    found = log.find(after, within(upto, 0, MAX_SEQ), size.entries + 1, newest=False)
    return _page(connection, found, size, after)


def _back(connection: sqlite3.Connection, log: Places, after: int, before: int, size: Size) -> Page:
    """The newest below `before`, and above `after`."""
    upto = within(before, 0, MAX_SEQ + 1) - 1
    found = log.find(within(after, 0, MAX_SEQ), upto, size.entries + 1, newest=True)
    return _page(connection, found, size).turned()


def _around(connection: sqlite3.Connection, log: Places, seq: int, size: Size) -> Page:
    """The entry and those after it, and as many before it."""
    older = _back(connection, log, 0, seq, size.half())
    newer = _onward(connection, log, seq - 1, MAX_SEQ, size.rest())
    return Page(older.entries + newer.entries, older.more, older.edge or seq, older.damaged + newer.damaged)


def _page(connection: sqlite3.Connection, found: Found, size: Size, edge: int = 0) -> Page:
    """A page of what was found. If there was no time to look for all of it, the next one goes on from there."""
    rows = (connection.execute(_ROW, (seq,)).fetchone() or _gone(seq) for seq in found.places)
    full = filled(rows, size, edge, wanted=lambda entry: found.places[entry.seq] == entry.conv)
    if found.stopped is not None and not full.more:
        full.more, full.edge = True, found.stopped
    return full


def _gone(seq: int) -> tuple[Any, ...]:
    """A row that only the index knows is as good as damaged."""
    return (seq, *[None] * (len(COLUMNS) - 1))
