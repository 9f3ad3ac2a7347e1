"""Pages of the log: the messages of some conversations, before, after or around a place (docs/protocol.md, "What is kept").

The functions take a connection that reads; the caller has checked who may read the conversations. Each call is to be made in
one transaction, so that it sees the log as it was at one moment. For an account with very many conversations a page may be
short or even empty though there is `more`: that is what was found in time (`lanchat.history.positions`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lanchat.history.positions import ALL, SAID, Count, Found, OfAccount, Places
from lanchat.protocol.entry import COLUMNS, Entry, Seq, entry_from_row
from lanchat.protocol.errors import Usage
from lanchat.tables import files

#: How many entries, and bytes of their texts, a page has at most. (One entry is always there in full.)
MAX_PAGE = 200
MAX_TEXT = 128 * 1024
#: The text of a page that is only limited by its number of entries.
NO_BOUND = 2**62
#: Up to this number missed messages are counted.
MAX_COUNT = 100_000
#: The largest possible `seq`.
MAX_SEQ = 2**63 - 1

_ROW = f"SELECT {', '.join(COLUMNS)} FROM log WHERE seq = ?"  # noqa: S608 (our own names)


class Size(NamedTuple):
    """The size of a page: how many entries, and bytes of their texts, it has at most."""

    entries: int
    text: int = MAX_TEXT

    @classmethod
    def asked(cls, limit: int) -> Size:
        """The size of a page for which a client asks for `limit` entries."""
        return cls(clamp(limit, 1, MAX_PAGE))

    def half(self) -> Size:
        """The size of the first half of a page around an entry: what comes before that."""
        return Size(self.entries // 2, self.text // 2)

    def rest(self) -> Size:
        """The size of the other half."""
        return Size(self.entries - self.entries // 2, self.text // 2)


@dataclass
class Page:
    """Some entries, in the order of the log."""

    entries: list[Entry] = field(default_factory=list)
    #: Whether there are more in the direction that was asked for.
    more: bool = False
    #: The next page in that direction is before (or after) this `seq`. Going backwards, 0 if nothing was found.
    edge: Seq = 0
    #: The `seq` of rows that were damaged on the disk. They are not among the entries, and should be logged.
    damaged: list[Seq] = field(default_factory=list)
    #: Whether a search may miss older messages, because the index of words is being made anew.
    unindexed: bool = False
    #: What capable clients are told of some entries besides: by `seq`, members of `x`.
    extra: dict[Seq, dict[str, Any]] = field(default_factory=dict)

    def turned(self) -> Page:
        """The same page, with its entries in the opposite order."""
        return Page(self.entries[::-1], self.more, self.edge, self.damaged[::-1])


def page(  # noqa: PLR0913 (the members of a request)
    connection: sqlite3.Connection,
    convs: Collection[str] | OfAccount,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
    kinds: int = SAID,
) -> Page:
    """The messages of these conversations before, after or around a `seq`; without one, the newest.

    With `after` and `before` it is what lies between the two, the oldest first. `around` gives the entry itself and some on
    both sides; `more` and `edge` are then about older ones. With `kinds` (`lanchat.history.positions`) what was done with rooms
    is among them. Raises `Usage` if these places make no sense together.
    """
    if around is not None and (before is not None or after is not None):
        raise Usage("Use only one of before, after and around; or after and before together, for what lies between.")
    if after is not None and before is not None and after > before:
        raise Usage("The first of these two places is behind the second. Write the earlier one first.")
    size = Size.asked(limit)
    log = Places(connection, convs if isinstance(convs, OfAccount) else dict.fromkeys(convs, 0), kinds=kinds)
    if after is not None:
        return _onward(connection, log, after, MAX_SEQ if before is None else before - 1, size)
    if around is not None:
        return _around(connection, log, around, size)
    return _back(connection, log, 0, MAX_SEQ if before is None else before, size)


def missed(connection: sqlite3.Connection, convs: Mapping[str, int] | OfAccount, after: int, upto: int = MAX_SEQ) -> Count:
    """How many messages an account missed; more than `MAX_COUNT` are not counted.

    `convs` are its conversations, each with the `seq` after which it is sent messages; `after` is the newest `seq` that its
    device has, and `upto` the newest that counts.
    """
    log = Places(connection, convs, owed=True)
    return log.count(clamp(after, 0, MAX_SEQ), clamp(upto, 0, MAX_SEQ), MAX_COUNT)


def replay(
    connection: sqlite3.Connection,
    convs: Mapping[str, int] | OfAccount,
    after: int,
    upto: int = MAX_SEQ,
    limit: int = MAX_PAGE,
) -> Page:
    """The oldest of the messages that `missed` counts, and of entries of other kinds; the next page is after `edge`."""
    return _onward(connection, Places(connection, convs, owed=True, kinds=ALL), after, upto, Size.asked(limit))


def newest(
    connection: sqlite3.Connection, convs: Mapping[str, int] | OfAccount, after: int, upto: int = MAX_SEQ, limit: int = 50
) -> tuple[Page, Count]:
    """The newest `limit` messages that `missed` counts, however long they are, and what it returns."""
    size = Size(Size.asked(limit).entries, NO_BOUND)
    last = _back(connection, Places(connection, convs, owed=True), after, upto + 1, size)
    return last, missed(connection, convs, after, upto)


def filled(
    rows: Iterable[tuple[Any, ...]], size: Size, edge: int = 0, wanted: Callable[[Entry], bool] = lambda entry: True
) -> Page:
    """A page of rows of `COLUMNS`, in their order, until it is full. If there are none, it has this `edge`.

    A row that is damaged is left out, as is one that is not `wanted`: a damaged index may lead to a wrong row.
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


def clamp(number: int, least: int, most: int) -> int:
    """The number, limited to the range from `least` to `most`: clients may ask for larger numbers than SQLite has."""
    return max(least, min(number, most))


def _onward(connection: sqlite3.Connection, log: Places, after: int, upto: int, size: Size) -> Page:
    """A page of the oldest messages after `after`."""
    after = clamp(after, 0, MAX_SEQ)
    found = log.find(after, clamp(upto, 0, MAX_SEQ), size.entries + 1, newest=False)
    return _page(connection, found, size, after)


def _back(connection: sqlite3.Connection, log: Places, after: int, before: int, size: Size) -> Page:
    """A page of the newest messages before `before`, and after `after`."""
    upto = clamp(before, 0, MAX_SEQ + 1) - 1
    found = log.find(clamp(after, 0, MAX_SEQ), upto, size.entries + 1, newest=True)
    return _page(connection, found, size).turned()


def _around(connection: sqlite3.Connection, log: Places, seq: int, size: Size) -> Page:
    """A page of a message, those after it, and as many before it."""
    older = _back(connection, log, 0, seq, size.half())
    newer = _onward(connection, log, seq - 1, MAX_SEQ, size.rest())
    return Page(older.entries + newer.entries, older.more, older.edge or seq, older.damaged + newer.damaged)


def _page(connection: sqlite3.Connection, found: Found, size: Size, edge: int = 0) -> Page:
    """A page of what was found. If the time was up before the end of the scan, the next page goes on there."""
    rows = (connection.execute(_ROW, (seq,)).fetchone() or _gone(seq) for seq in found.places)
    full = filled(rows, size, edge, wanted=lambda entry: found.places[entry.seq] == entry.conv)
    files.attach(connection, full.entries)
    if found.stopped is not None and not full.more:
        full.more, full.edge = True, found.stopped
    return full


def _gone(seq: int) -> tuple[Any, ...]:
    """Stands for a row that the index has and the table has not, which is a damage."""
    return (seq, *[None] * (len(COLUMNS) - 1))
