"""Recognising repeats: messages that are in the log already, and that a client sends again because it got no answer.

A client gives each message an id of its own (`cid`). Two messages of one account are the same message when their `cid`, their
addressee and their text are the same and the second comes within `REPEAT_MS` of the first, as far as the clock can be believed
(`lanchat.store.timeline`). A `cid` that is used for another message, or used again after that time, does not make it a repeat:
a program may count from 1 each time it starts.

In the log (author, `cid`) is unique. So a message whose `cid` is in use for another one is stored with a `cid` to which a
digest of its content is appended; and a row that is too old to be repeated loses its `cid` when a new message needs it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from lanchat.model.names import key
from lanchat.protocol.entry import COLUMNS, ERASED, REPEAT_MS, STORED, SUM, Entry, entry_from_row
from lanchat.store import timeline
from lanchat.store.timeline import Age
from lanchat.tables.log_command import LocalTask
from lanchat.tables.recent import newest_seq

#: The author and the stored `cid` of a message.
Once: TypeAlias = tuple[int, str]

# All rows as one value, fetched in one step. (Before 3.39, SQLite would scan all of `log` for this join.) Texts are hexadecimal
# digits: a damaged row may have bytes that are not UTF-8, and must not keep new messages from being stored.
_KNOWN = " UNION ALL ".join(
    f"SELECT at, seq, ts, conv = '' AS emptied, hex(target) AS target, hex(msg) AS msg, hex(kind) AS kind,"  # noqa: S608 (ours)
    f" CAST(about AS INTEGER) AS about FROM asked CROSS JOIN {table}"
    " WHERE author = who AND cid = what AND cid IS NOT NULL AND author IS NOT NULL"
    for table in ("kept", "fresh")
)
_ALL_KNOWN = f"SELECT json_group_array(json_array(at, seq, ts, emptied, target, msg, kind, about)) FROM ({_KNOWN})"  # noqa: S608 (ours)
#: The separator between a `cid` and the digest that is appended to it.
_MORE = "\0"
#: How many are looked up in one statement, which takes at most 32,766 values.
_ASKED_AT_ONCE = 10_000


class Known(NamedTuple):
    """A message that is in the log, as far as it takes to recognise a repeat of it."""

    seq: int
    #: When the server got it, in milliseconds since the epoch.
    ts: int
    #: Whether its text was removed; then `target` is the digest of it.
    emptied: bool
    target: str
    msg: str
    kind: str | None = None
    about: int | None = None

    def is_old(self, age: Age) -> bool:
        """Whether it is older than `age`."""
        return self.seq <= age.proven or (self.seq <= age.recent and self.ts < age.before)

    def says(self, sent: Entry) -> bool:
        """Whether it says the same as a message: its recipient, whose name may have been erased since, its kind and its text.

        A change says the same if it makes the same of the same message.
        """
        if self.emptied:  # (rows that an older version emptied have no digest)
            return self.target in ("", digest(sent))
        if (self.msg, self.kind, self.about) != (sent.msg, sent.kind, sent.about):
            return False
        return sent.changes or self.target in (sent.target, ERASED) or key(self.target) == key(sent.target)


class Duplicates:
    """Tells which messages of a batch are repeats. To be used in the transaction in which the others are inserted."""

    def __init__(self, connection: Connection, entries: Sequence[Entry]) -> None:
        self._connection = connection
        asked = {once for entry in entries for once in _both(entry)}
        self._known = dict(_look_up(connection, sorted(asked)))
        self._notes, self._newest = timeline.load(connection), newest_seq(connection)
        self._added: set[Once] = set()

    def find(self, entry: Entry) -> tuple[Known | None, str | None]:
        """The message that an entry repeats, if any, and the `cid` to store it with. An old row loses that `cid`."""
        if entry.author is None:  # (repeats of guests are not recognised)
            return None, entry.cid
        free: list[Once] = []
        for once in _both(entry):
            known = self._known.get(once)
            if known is None or (once not in self._added and known.is_old(self._age(entry.ts))):
                free.append(once)
            elif known.says(entry):
                return known, once[1]
        if not free:  # (it has no `cid`, or both are taken)
            return None, None
        if (old := self._known.get(free[0])) is not None:
            release(self._connection, old.seq)
        return None, free[0][1]

    def must_look_again(self, entry: Entry) -> bool:
        """Whether a message that was added here, but is not inserted yet, is so old that it loses its `cid` to this one."""
        return any(once in self._added and self._known[once].is_old(self._age(entry.ts)) for once in _both(entry))

    def _age(self, now: int) -> Age:
        return timeline.at_moment(self._notes, self._newest, now).older_than(REPEAT_MS)

    def add(self, entry: Entry, seq: int) -> None:
        """Note that this entry will be inserted with this sequence number."""
        self._newest = seq
        if entry.author is not None and entry.cid is not None:
            self._added.add((entry.author, entry.cid))
            known = Known(seq, entry.ts, False, entry.target, entry.msg, entry.kind, entry.about)
            self._known[entry.author, entry.cid] = known


class FindRepeated(LocalTask[Entry | None], frozen=True):
    """Look for the message in the log that another one repeats."""

    #: Its `ts` is the time of now; its `conv` is not used.
    sent: Entry

    def run(self, connection: Connection) -> Entry | None:
        """`sent` with the place and the time of the message that it repeats; None if it repeats none."""
        sent = self.sent
        age = timeline.at_moment(timeline.load(connection), newest_seq(connection), sent.ts).older_than(REPEAT_MS)
        for _, found in _look_up(connection, list(_both(sent))):
            if not found.is_old(age) and found.says(sent):
                return replace(sent, seq=found.seq, ts=found.ts, state=STORED, dup=True)
        return None


def digest(entry: Entry) -> str:
    """A digest of what a repeat of an entry has in common with it: 32 hexadecimal digits."""
    place = entry.about if entry.changes else key(entry.target) or entry.target
    content = json.dumps([place, entry.msg] if entry.kind is None else [place, entry.msg, entry.kind])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def release(connection: Connection, seq: int) -> None:
    """Remove the `cid` of a row."""
    for table in ("kept", "fresh"):
        kept = None  # the sum of a damaged row stays wrong
        row = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM {table} WHERE seq = ?", (seq,)).fetchone()  # noqa: S608 (ours)
        entry = None if row is None else entry_from_row(row)
        if entry is not None:
            entry.cid = None
            kept = entry.row()[SUM]
        connection.execute(f"UPDATE {table} SET cid = NULL, sum = coalesce(?, sum) WHERE seq = ?", (kept, seq))  # noqa: S608 (ours)


def sent_cid(cid: str | None) -> str | None:
    """The `cid` that the client sent, for one that a message is stored with."""
    return None if cid is None else cid.partition(_MORE)[0]


def _both(entry: Entry) -> Iterator[Once]:
    """The two (author, `cid`) with which a message may be in the log; none if it can't be recognised."""
    if entry.author is not None and entry.cid is not None:
        yield entry.author, entry.cid
        yield entry.author, entry.cid + _MORE + digest(entry)


def _look_up(connection: Connection, asked: Sequence[Once]) -> Iterator[tuple[Once, Known]]:
    for first in range(0, len(asked), _ASKED_AT_ONCE):
        some = asked[first : first + _ASKED_AT_ONCE]
        marks = ",".join(["(?,?,?)"] * len(some))
        values = [value for at, once in enumerate(some) for value in (at, *once)]
        (found,) = connection.execute(f"WITH asked(at, who, what) AS (VALUES {marks}) {_ALL_KNOWN}", values).fetchone()
        for at, seq, ts, emptied, target, msg, kind, about in json.loads(found):
            yield some[at], Known(seq, ts, bool(emptied), _text(target), _text(msg), _text(kind) or None, about)


def _text(digits: str) -> str:
    return bytes.fromhex(digits).decode(errors="replace")
