"""Search: the messages that have some words (docs/protocol.md, "Search").

A query has no operators but those written with a colon; everything else that users type is a word. The index of words is
SQLite's FTS5; rows that it finds are checked again. It has the messages in the table `kept`, to which new ones are moved within
moments (`lanchat.tables.recent`).
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from lanchat.history.moments import Place, parse_place, place_of, shortly_before
from lanchat.history.pages import MAX_SEQ, Page, Size, clamp, filled
from lanchat.history.positions import OfAccount
from lanchat.protocol.dates import parse_moment
from lanchat.protocol.entry import COLUMNS, Epoch
from lanchat.protocol.errors import Usage
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import key
from lanchat.protocol.word_folding import spellings

#: How many characters, and words, a query may have.
MAX_QUERY = 256
MAX_WORDS = 20
#: Up to the first number of conversations, each is looked up in the index of words, which takes time for each. For more, the
#: newest messages with the words are looked at first, whatever their conversation: the second number of them.
FEW = 32
MANY = 5000
#: For more conversations than this, only messages with the words are looked at, in steps, for a number of seconds.
SOME, BUDGET = 300, 0.5
#: The index of the sender's name in a row.
NAME = COLUMNS.index("name")

_FILTER = re.compile(r"(from|in|since|before):(.*)", re.IGNORECASE)

_SEARCH = f"""
    SELECT {", ".join(f"kept.{column}" for column in COLUMNS)} FROM words CROSS JOIN kept ON kept.seq = words.rowid
    WHERE words MATCH ? AND words.rowid > ? AND words.rowid < ?
        AND kept.ts >= ? AND {{}}
    ORDER BY words.rowid DESC
"""  # noqa: S608 (our own names)
_GIVEN = _SEARCH.format("kept.conv IN (SELECT value FROM json_each(?))")
_OF_ACCOUNT = _SEARCH.format("EXISTS (SELECT 1 FROM members WHERE account = ? AND members.conv = kept.conv)")
_THEIRS = "SELECT json_group_array(conv) FROM (SELECT conv FROM members WHERE account = ? LIMIT ?)"
_HIT = "SELECT rowid FROM words WHERE words MATCH ? AND rowid > ? AND rowid < ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
_UNINDEXED = "SELECT max(value) FROM meta WHERE name = 'unindexed'"


class Query(NamedTuple):
    """A parsed query; a message must fulfil all of it."""

    words: tuple[str, ...] = ()
    #: The sender, in any spelling of the name.
    sender: str | None = None
    #: The room or user, as it was typed (`#ops`, `@alice`). The caller finds the conversation, and lets only that be searched.
    where: str | None = None
    #: The earliest time, in milliseconds since the epoch.
    since: int = 0
    #: Only messages before this place.
    before: Place | None = None


def parse_query(text: str, now: float, epoch: Epoch = "") -> Query:
    """Parse what was typed at `now`, in seconds since 1970; `epoch` is the one of the log.

    Raises `Usage`, which tells what would be right, and `NoSuchTarget` for the id of a message of another log.
    """
    if len(_without_before(text)) > MAX_QUERY:
        raise Usage(f"A search has at most {MAX_QUERY} characters; use fewer words.")
    typed: list[str] = []
    filters: dict[str, str] = {}
    for part in text.split():
        if not (match := _FILTER.fullmatch(part)):
            typed.append(part)
        elif filters.setdefault(match[1].lower(), match[2]) != match[2]:
            raise Usage(f"Write {match[1].lower()}: only once in a search.")
    sender, where = _sender(filters.get("from")), _where(filters.get("in"))
    since, before = _since(filters.get("since"), now), _before(filters.get("before"), now, epoch)
    words = _words(typed)
    if not words and sender is None:
        raise Usage(_wordless(" ".join(typed), bool(filters)))
    return Query(words, sender, where, since, before)


def going_on(text: str, before: int) -> str:
    """The query for the next page of the query `text`, which is before this sequence number."""
    return f"{_without_before(text)} before:{before}"


def search(
    connection: sqlite3.Connection,
    query: Query,
    readable: Collection[str] | OfAccount,
    *,
    before: Place | None = None,
    limit: int = 50,
) -> Page:
    """The newest entries that the query asks for, of `readable` conversations and no others; the next page is older.

    To be run in one transaction, as what `history` has. Of an account with very many conversations a page may be short, or
    empty, and there is `more` all the same: so much could be looked through in time.
    """
    convs, match = _named(connection, readable), _match(query)
    if convs == [] or not match:
        return Page()
    ends = [place_of(connection, place) for place in (before, query.before) if place is not None]
    below = clamp(min(ends, default=MAX_SEQ), 0, MAX_SEQ)
    hits = _Hits(connection, query, readable if convs is None else convs)
    page = _page(hits, convs, match, below, Size.asked(limit))
    page.unindexed = not page.more and (connection.execute(_UNINDEXED).fetchone()[0] or 0) > hits.floor
    return page


def _page(hits: _Hits, convs: list[str] | None, match: str, below: int, size: Size) -> Page:
    """A page of the messages that `match`, in these conversations (None: too many to look up each)."""
    if convs is None:
        page = hits.page(hits.stretches(match, below, BUDGET), match, size)
        return page if page.more or not hits.left else Page(page.entries, True, hits.left, page.damaged)
    if len(convs) > FEW:
        page = hits.page(hits.stretches(match, below, 0), match, size)
        if page.more or not hits.left:
            return page
    return hits.page(iter([(hits.floor, below)]), f"{match} AND conv : {_one_of(convs)}", size)


class _Hits:
    """The rows that a query finds, the newest first."""

    def __init__(self, connection: sqlite3.Connection, query: Query, convs: Collection[str] | OfAccount) -> None:
        self._connection = connection
        self._query = query
        self._sender = {*spellings(key(query.sender))} if query.sender is not None else set[str]()
        self._known: dict[str, bool] = {}  # by name: whether it is the sender's
        self._of_account = isinstance(convs, OfAccount)
        self._convs = convs.account if isinstance(convs, OfAccount) else json.dumps([*convs])
        #: All of them are after this sequence number.
        self.floor = shortly_before(connection, query.since)
        #: Before this sequence number there may be more, as the time was up; 0 if there are none.
        self.left = 0

    def page(self, stretches: Iterator[tuple[int, int]], match: str, size: Size) -> Page:
        """A page of the messages in some stretches of the log that `match`."""
        return filled(self._rows(stretches, match), size=size).turned()

    def stretches(self, match: str, below: int, seconds: float) -> Iterator[tuple[int, int]]:
        """Stretches of the log, as pairs of sequence numbers, each with `MANY` rows that `match`, until the time is up."""
        deadline = time.monotonic() + seconds
        while (last := self._connection.execute(_HIT, (match, self.floor, below, MANY)).fetchone()) is not None:
            self.left = last[0] + 1
            yield last[0], below
            if time.monotonic() >= deadline:
                return
            below = self.left
        self.left = 0
        yield self.floor, below

    def _rows(self, stretches: Iterator[tuple[int, int]], match: str) -> Iterator[tuple[Any, ...]]:
        statement = _OF_ACCOUNT if self._of_account else _GIVEN
        for above, below in stretches:
            asked = (match, above, below, self._query.since, self._convs)
            with contextlib.closing(self._connection.execute(statement, asked)) as rows:
                yield from filter(self._is_sender, rows) if self._sender else rows

    def _is_sender(self, row: tuple[Any, ...]) -> bool:
        """Whether the sender's whole name is the one that was asked for, in any spelling."""
        if (name := str(row[NAME])) not in self._known:
            self._known[name] = not self._sender.isdisjoint(spellings(key(name)))
        return self._known[name]


def _named(connection: sqlite3.Connection, readable: Collection[str] | OfAccount) -> list[str] | None:
    """The conversations as a list; None if they are too many to look up each."""
    if not isinstance(readable, OfAccount):
        return [*readable]
    (convs,) = connection.execute(_THEIRS, (readable.account, SOME + 1)).fetchone()
    found: list[str] = json.loads(convs)
    return found if len(found) <= SOME else None


def _words(typed: list[str]) -> tuple[str, ...]:
    """The words that can be searched, of those that were typed."""
    words = tuple(word for word in typed if spellings(word))
    if len(words) > MAX_WORDS:
        raise Usage(f"A search has at most {MAX_WORDS} words; this one has {len(words)}.")
    return words


def _wordless(typed: str, narrowed: bool) -> str:
    """The error for a query without a word."""
    if typed:
        return f"There is no word in {visible(typed, 40)}: write letters, digits or emoji."
    if narrowed:
        return "in:, since: and before: only narrow a search: add a word, or from:NAME."
    return "Write the words to search for, and optionally from:NAME, in:#room, in:@user or since:7d."


def _sender(typed: str | None) -> str | None:
    if typed is not None and not spellings(typed):
        raise Usage("from: needs a name right after it, as in from:alice.")
    return typed and typed.removeprefix("@")


def _where(typed: str | None) -> str | None:
    if typed is not None and not (typed[:1] in {"#", "@"} and typed[1:]):
        raise Usage("in: needs a room or a user right after it, as in in:#ops or in:@alice.")
    return typed


def _before(typed: str | None, now: float, epoch: Epoch) -> Place | None:
    try:
        return None if typed is None else parse_place(typed, now, epoch)
    except Usage:
        raise Usage(
            "before: needs the number of a message, a date or an age right after it, as in before:1234 or before:7d."
        ) from None


def _without_before(text: str) -> str:
    return " ".join(part for part in text.split() if not part.lower().startswith("before:"))


def _since(typed: str | None, now: float) -> int:
    """The time that was typed, in milliseconds since the epoch; 0 if none was."""
    if typed is None:
        return 0
    try:
        return max(0, int(parse_moment(typed, now) * 1000))
    except ValueError:
        raise Usage(
            "since: needs a date or an age right after it: since:2024-05-31, since:7d, since:12h or since:30m."
        ) from None


def _match(query: Query) -> str:
    """The query in the syntax of FTS5: everything that was typed is in quotes, in which nothing has a special meaning."""
    parts = [f"msg : {_one_of(forms)}" for forms in map(spellings, query.words) if forms]
    if query.sender is not None:
        parts.append(f"name : {_one_of(spellings(query.sender))}")
    return " AND ".join(parts)


def _one_of(forms: list[str]) -> str:
    return f"({' OR '.join(map(_quoted, forms))})"


def _quoted(text: str) -> str:
    """A text in quotes for FTS5, which takes it as words that follow each other; without quotes and NUL in it."""
    return '"' + text.encode(errors="replace").decode().replace('"', " ").replace("\0", " ") + '"'
