"""What became of messages: their newest texts, when they were edited, and the reactions to them.

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
from lanchat.protocol.entry import COLUMNS, EDIT, AccountId, Entry, Milliseconds, Seq, entry_from_row

#: How many reactions to one message are shown, at most: the first ones.
MOST_REACTIONS = 100

_COLUMNS = ", ".join(COLUMNS)
# Of each message the newest edit, and the newest reaction of each account.
_ALL = " UNION ALL ".join(
    f"SELECT seq, about, kind, author FROM json_each(:seqs) CROSS JOIN {table} ON about = value"  # noqa: S608 (our own words)
    " WHERE about > 0 AND kind IN ('edit', 'react')"
    for table in ("kept", "fresh")
)
_NEWEST = f"SELECT max(seq) FROM ({_ALL}) GROUP BY about, kind, CASE kind WHEN 'react' THEN author END"  # noqa: S608 (ours)
_BOTH = " UNION ALL ".join(f"SELECT {_COLUMNS} FROM {table} WHERE seq IN newest" for table in ("kept", "fresh"))  # noqa: S608 (ours)
_CHANGES = f"WITH newest AS MATERIALIZED ({_NEWEST}) {_BOTH} ORDER BY seq"
_THESE = " UNION ALL ".join(
    f"SELECT {_COLUMNS} FROM {table} WHERE about IS NULL AND seq IN (SELECT value FROM json_each(:seqs))"  # noqa: S608 (ours)
    for table in ("kept", "fresh")
)
_SAID = f"SELECT {_COLUMNS} FROM log WHERE seq = ?"  # noqa: S608 (our own words)
_OWN = " UNION ALL ".join(
    f"SELECT 1 FROM {table} WHERE about > 0 AND about = :about AND author = :author"  # noqa: S608 (our own words)
    for table in ("kept", "fresh")
)
_LAST = " UNION ALL ".join(
    f"SELECT seq FROM {table} WHERE seq IN (SELECT value FROM json_each(:seqs))"  # noqa: S608 (our own words)
    " AND (author IS :author AND :author IS NOT NULL) = :own"
    for table in ("kept", "fresh")
)
_REPEATED = " UNION ALL ".join(
    f"SELECT about FROM {table} WHERE author = :author AND cid = :cid AND author IS NOT NULL AND cid IS NOT NULL"  # noqa: S608 (ours)
    " AND kind = :kind AND ts >= :since"
    for table in ("kept", "fresh")
)


class Original(NamedTuple):
    """A message that somebody wants to change, or to reply to."""

    #: The message, with its newest text.
    entry: Entry
    #: How often the account that asks has changed it, or reacted to it.
    changes: int


def fold(connection: Connection, entries: Iterable[Entry]) -> list[Entry]:
    """These entries as they are now: each message has its newest text, and `edited` and `reactions` where there are any."""
    entries = list(entries)
    seqs = [entry.seq for entry in entries if entry.about is None]
    said = {entry.seq: entry for entry in entries}
    reacted: dict[Seq, int] = {}
    for change in filter(None, map(entry_from_row, connection.execute(_CHANGES, {"seqs": json.dumps(seqs)}).fetchall())):
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
    rows = connection.execute(_THESE, {"seqs": json.dumps(edited)}).fetchall() if edited else []
    messages = [entry for entry in page.entries if entry.kind != EDIT]
    page.entries = sorted(fold(connection, [*messages, *filter(None, map(entry_from_row, rows))]), key=lambda entry: entry.seq)


def original(connection: Connection, seq: Seq, author: AccountId | None) -> Original | None:
    """The message at this place, for somebody who wants to change it; None if there is none, or only its withdrawal."""
    row = connection.execute(_SAID, (seq,)).fetchone()
    entry = None if row is None else entry_from_row(row)
    if entry is None or entry.about is not None or not entry.conv:
        return None
    (changes,) = connection.execute(f"SELECT count(*) FROM ({_OWN})", {"about": seq, "author": author}).fetchone()  # noqa: S608 (ours)
    return Original(fold(connection, [entry])[0], changes)


def last_said(
    connection: Connection, convs: Collection[str] | OfAccount, author: AccountId | None, own: bool, looked_at: int
) -> Seq:
    """The place of the newest message in these conversations that an account said, or with `own` false, that others said.

    Only the newest messages are looked at, so many of them; 0 if there is none. `author` is None for a guest.
    """
    log = Places(connection, convs if isinstance(convs, OfAccount) else dict.fromkeys(convs, 0))
    seqs = json.dumps(list(log.find(0, MAX_SEQ, looked_at, newest=True).places))
    (last,) = connection.execute(f"SELECT max(seq) FROM ({_LAST})", {"seqs": seqs, "author": author, "own": own}).fetchone()  # noqa: S608 (ours)
    return int(last or 0)


def changed_before(connection: Connection, author: AccountId, cid: str, kind: str, since: Milliseconds) -> Seq | None:
    """The message that an account changed with this `cid` since a time, if it did: what it sends again is about that one."""
    row = connection.execute(_REPEATED, {"author": author, "cid": cid, "kind": kind, "since": since}).fetchone()
    return None if row is None else int(row[0])
