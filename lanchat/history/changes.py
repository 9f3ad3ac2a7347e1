"""Messages as they are now: their newest texts, when they were edited, and the reactions to them.

The functions take a connection that reads. Rows of which the checksum is wrong are left out, as on pages.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.history import pages
from lanchat.history.pages import MAX_SEQ, MAX_TEXT, Page
from lanchat.history.positions import Count, OfAccount, Places
from lanchat.protocol.entry import COLUMNS, EDIT, NO_CONVERSATION, AccountId, Entry, Milliseconds, Seq, entry_from_row
from lanchat.tables import files
from lanchat.tables.recent import of_both

#: How many reactions to one message are shown, at most: the first ones.
MOST_REACTIONS = 100

_COLUMNS = ", ".join(COLUMNS)
# Of each message the newest edit, and the newest reaction of each account.
_EDITS_AND_REACTIONS = of_both(
    "SELECT seq, about, kind, author FROM json_each(:seqs) CROSS JOIN TABLE ON about = value"
    " WHERE about > 0 AND kind IN ('edit', 'react')"
)
_NEWEST = f"""
    WITH newest AS MATERIALIZED (
        SELECT max(seq) FROM ({_EDITS_AND_REACTIONS}) GROUP BY about, kind, CASE kind WHEN 'react' THEN author END)
    {of_both(f"SELECT {_COLUMNS} FROM TABLE WHERE seq IN newest")} ORDER BY seq
"""  # noqa: S608 (our own words)
_MESSAGES = of_both(
    f"SELECT {_COLUMNS} FROM TABLE WHERE about IS NULL AND seq IN (SELECT value FROM json_each(:seqs))"  # noqa: S608 (our own words)
)
_MESSAGE = f"SELECT {_COLUMNS} FROM log WHERE seq = ? AND about IS NULL"  # noqa: S608 (our own words)
# How often an account has changed a message, or reacted to it; and how often anybody reacted.
_ABOUT = of_both("SELECT author, kind FROM TABLE WHERE about > 0 AND about = :about")
_COUNTS = f"SELECT count(*) FILTER (WHERE author = :author), count(*) FILTER (WHERE kind = 'react') FROM ({_ABOUT})"  # noqa: S608 (ours)
# The newest of some messages that somebody said or, with `own` false, that others said.
_SAID_BY = of_both(
    "SELECT seq FROM TABLE WHERE seq IN (SELECT value FROM json_each(:seqs))"
    " AND (author IS :author AND (:author IS NOT NULL OR name = :name)) = :own"
)
_LAST = f"SELECT coalesce(max(seq), 0) FROM ({_SAID_BY})"  # noqa: S608 (our own words)
_CHANGED = of_both(
    "SELECT coalesce(about, 0) FROM TABLE WHERE author = :author AND cid = :cid AND author IS NOT NULL AND cid IS NOT NULL"
    " AND (kind = :kind OR conv = '') AND ts >= :since"  # (a row without a conversation was emptied)
)


class Original(NamedTuple):
    """A message that somebody wants to change, or to reply to."""

    #: The message, with its newest text.
    entry: Entry
    #: How often the account that asks has changed it, or reacted to it; and how often anybody reacted.
    changes: int
    reactions: int


def fold(connection: Connection, entries: Iterable[Entry]) -> list[Entry]:
    """These entries as they are now: each message has its newest text, and `edited` and `reactions` where there are any."""
    entries = list(entries)
    seqs = [entry.seq for entry in entries if entry.about is None]
    said = {entry.seq: entry for entry in entries}
    files.attach(connection, entries)
    reacted: dict[Seq, int] = {}
    for change in filter(None, map(entry_from_row, connection.execute(_NEWEST, {"seqs": json.dumps(seqs)}).fetchall())):
        entry = said[change.about or 0]
        if change.kind == EDIT:
            entry.msg, entry.edited = change.msg, change.ts
        elif change.msg and reacted.setdefault(entry.seq, 0) < MOST_REACTIONS:
            reacted[entry.seq] += 1
            entry.reactions = entry.reactions or {}
            entry.reactions.setdefault(change.msg, []).append(change.name)
    return entries


def newest(connection: Connection, convs: OfAccount, after: int, upto: int, limit: int) -> tuple[Page, Count]:
    """What `lanchat.history.pages.newest` returns, with the messages as they are now."""
    page, count = pages.newest(connection, convs, after, upto, limit)
    page.entries = fold(connection, page.entries)
    return page, count


def fold_page(connection: Connection, page: Page, forward: bool) -> None:
    """Show the messages of a page as they are now (`fold`).

    If the texts are longer than a page may be, because of edits, its end in the direction that was asked for is left to the
    next page.
    """
    entries, room = fold(connection, page.entries), MAX_TEXT
    for number, entry in enumerate(entries if forward else entries[::-1]):
        room -= len(entry.msg.encode())
        if room < 0 and number:
            page.entries = entries[:number] if forward else entries[-number:]
            page.more, page.edge = True, page.entries[-1 if forward else 0].seq
            return
    page.entries = entries


def fold_found(connection: Connection, page: Page) -> None:
    """Show what a search found as it is now: in place of an edit, which has the text, the message itself (`fold`)."""
    edited = [entry.about for entry in page.entries if entry.kind == EDIT]
    rows = connection.execute(_MESSAGES, {"seqs": json.dumps(edited)}).fetchall() if edited else []
    messages = [entry for entry in page.entries if entry.kind != EDIT]
    page.entries = sorted(fold(connection, [*messages, *filter(None, map(entry_from_row, rows))]), key=lambda entry: entry.seq)


def original(connection: Connection, seq: Seq, author: AccountId | None) -> Original | None:
    """The message at this place, for somebody who wants to change it; None if there is none, or it was withdrawn."""
    row = connection.execute(_MESSAGE, (seq,)).fetchone()
    entry = None if row is None else entry_from_row(row)
    if entry is None or entry.conv == NO_CONVERSATION:
        return None
    counts = connection.execute(_COUNTS, {"about": seq, "author": author}).fetchone()
    return Original(fold(connection, [entry])[0], *counts)


def last_said(
    connection: Connection,
    convs: Collection[str] | OfAccount,
    who: tuple[AccountId | None, str],
    own: bool,
    looked_at: int,
) -> Seq:
    """The place of the newest message in these conversations that somebody said, or with `own` false, that others said.

    Only the newest messages are looked at, so many of them; 0 if there is none. `who` is the account (None: a guest's) and the
    name.
    """
    log = Places(connection, convs if isinstance(convs, OfAccount) else dict.fromkeys(convs, 0))
    seqs = json.dumps(list(log.find(0, MAX_SEQ, looked_at, newest=True).places))
    values = {"seqs": seqs, "author": who[0], "name": who[1], "own": own}
    (last,) = connection.execute(_LAST, values).fetchone()
    return int(last)


def changed_before(connection: Connection, author: AccountId, cid: str, kind: str, since: Milliseconds) -> Seq | None:
    """The place of the message that an account changed with this `cid` since a time: the same change, sent again, is about it.

    None if it made no such change; 0 if what it sent with this `cid` was removed since.
    """
    row = connection.execute(_CHANGED, {"author": author, "cid": cid, "kind": kind, "since": since}).fetchone()
    return None if row is None else int(row[0])
