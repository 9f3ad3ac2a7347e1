"""How messages are removed from the log: the commands of retention, which finds them first (`lanchat.maintenance.removal`).

A repeat must be recognised for a day, whatever is removed. So a younger message is emptied first: its place in the log, its
time, its author and its `cid` stay, with a digest of its content, in no conversation. When the day is over it is removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.protocol.entry import COLUMNS, NO_CONVERSATION, ConversationId, Entry, Row, Seq
from lanchat.store import schema, timeline, word_index
from lanchat.store.duplicates import digest
from lanchat.store.timeline import Age, Timeline
from lanchat.tables import files, read_markers, recent
from lanchat.tables.log_command import LogCommand
from lanchat.tables.recent import newest_seq, of_both

#: True for the rows of `kept` that are older than an `Age`, whose members are parameters of the statement.
OLD = "(seq <= :proven OR (seq <= :recent AND ts < :before))"
# Another message with the same `cid` follows, and is not old: a repeat of that one is looked for only while a row with the
# `cid` itself is there (`lanchat.store.duplicates`).
NEEDED = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} AS later WHERE later.author = kept.author AND later.cid > kept.cid || char(0)"  # noqa: S608 (ours)
    " AND later.cid < kept.cid || char(1) AND later.author IS NOT NULL AND later.cid IS NOT NULL"
    f" AND NOT {OLD.replace('seq', 'later.seq').replace('ts <', 'later.ts <')})"
    for table in ("kept", "fresh")
)
# What a repeat is recognised by (as bytes, for a damaged row may have no text).
_REPEATS = "SELECT seq, ts, author, cid, CAST(target AS BLOB), CAST(msg AS BLOB), CAST(kind AS BLOB), about FROM kept"
# The rows with the sequence numbers `seqs`; and these with all that has, or had, a text of the messages `roots`: the messages
# themselves and their edits, of which one is in the index of words.
_THOSE = "seq IN (SELECT value FROM json_each(:seqs))"
_ROOTS = "IN (SELECT value FROM json_each(:roots))"
_ALIKE = f"({_THOSE} OR seq {_ROOTS} OR (about > 0 AND about {_ROOTS}))"
# The edits of the messages `seqs`, and the reactions to them.
_ABOUT = of_both(
    "SELECT seq, conv, msg FROM TABLE WHERE about > 0 AND kind != 'withdraw' AND about IN (SELECT value FROM json_each(:seqs))"
)
#: The name in `meta` of the number of steps of erasures so far.
_ERASURES = "disturbed"
#: The name in `meta` of the number of withdrawals (`lanchat.store.changes`).
WITHDRAWN = "withdrawn"


class SweepBegun(NamedTuple):
    """What `BeginSweep` returns: which messages the sweep looks at, and what it needs to tell which of them are too old."""

    #: The newest place in the log: the sweep looks at the messages up to there.
    upto: int
    #: What is known of the clock.
    timeline: Timeline
    #: `erasure_steps` and `withdrawn` at that moment.
    erasures: int
    withdrawn: int


class BeginSweep(LogCommand[SweepBegun], frozen=True):
    """Note the time, and how far the log has come, before retention looks for messages that are too old."""

    #: What the clock shows, in milliseconds since the epoch.
    at: int
    #: For how many milliseconds the server ran since the last note.
    ran: int

    def run(self, connection: Connection) -> SweepBegun:
        """Returns what the sweep needs (`SweepBegun`)."""
        upto = newest_seq(connection)
        known = timeline.add_note(connection, upto, self.at, self.ran)
        return SweepBegun(upto, known, erasure_steps(connection), withdrawn(connection))


class RemoveMessages(LogCommand[int | None], frozen=True):
    """Remove messages that retention found, or empty those that may still be repeated; nothing if an erasure came between."""

    #: The places of the messages in the log.
    seqs: tuple[int, ...]
    #: What is older than this is removed at once.
    day: Age
    #: `erasure_steps` when they were found.
    erasures: int

    def run(self, connection: Connection) -> int | None:
        """How many messages were removed or emptied. None if an erasure came between: then they have to be found anew."""
        if erasure_steps(connection) != self.erasures:
            return None
        once = f"cid IS NOT NULL AND author IS NOT NULL AND (NOT {OLD} OR {NEEDED})"
        return remove_rows(connection, self.seqs, once, self.day._asdict())


def remove_rows(connection: Connection, seqs: Sequence[Seq], once: str, values: Mapping[str, object]) -> int:
    """Remove messages, with what edited them and the reactions to them, from the log and from the index of words.

    Those for which the condition `once` (with the parameters `values`) is true are emptied instead, as they may be repeated.
    Returns how many rows were removed or emptied.
    """
    seqs = [*seqs, *(seq for seq, _, _ in rows_about(connection, seqs))]
    recent.move_all(connection, max(seqs, default=0))
    asked = {"seqs": json.dumps(seqs), **values}
    (roots,) = connection.execute(f"SELECT json_group_array(about) FROM kept WHERE {_THOSE} AND about > 0", asked).fetchone()  # noqa: S608 (ours)
    asked["roots"] = roots
    word_index.remove(connection, _ALIKE, asked)
    repeats = connection.execute(f"{_REPEATS} WHERE {_THOSE} AND {once}", asked).fetchall()
    removed = connection.execute(f"DELETE FROM kept WHERE {_THOSE}", asked).rowcount  # noqa: S608 (our own words)
    read_markers.remove_mentions(connection, "SELECT value FROM json_each(:seqs)", asked)
    files.forget(connection, seqs)
    if repeats:  # inserted anew: a row that is made smaller in its place would leave the pages of the file as they are
        _add_emptied(connection, repeats)
    word_index.add(connection, f"{_ALIKE} AND {word_index.INDEXED}", {**asked, **word_index.indexed_range(connection)})
    return removed


def rows_about(connection: Connection, seqs: Sequence[Seq]) -> list[tuple[Seq, ConversationId, str]]:
    """The edits of these messages and the reactions to them: the sequence number, conversation and text of each."""
    return connection.execute(_ABOUT, {"seqs": json.dumps(seqs)}).fetchall()


def _add_emptied(connection: Connection, repeats: list[Row]) -> None:
    marks = ",".join([f"({','.join('?' * len(COLUMNS))})"] * len(repeats))
    values: list[object] = []
    for seq, ts, author, cid, target, msg, kind, about in repeats:
        said = Entry("", author, "", "", target.decode(errors="replace"), msg.decode(errors="replace"), ts, about=about)
        said.kind = None if kind is None else kind.decode(errors="replace")
        values += Entry(NO_CONVERSATION, author, "", "", digest(said), "", ts, cid=cid, seq=seq).row()
    connection.execute(f"INSERT INTO kept VALUES {marks}", values)  # noqa: S608 (marks)


def count_erasure_step(connection: Connection) -> None:
    """Note that an erasure removed messages, so that retention counts them anew."""
    schema.set_meta(connection, _ERASURES, erasure_steps(connection) + 1)


def erasure_steps(connection: Connection) -> int:
    """How many times `count_erasure_step` was called on this log."""
    return count(connection, _ERASURES)


def withdrawn(connection: Connection) -> int:
    """How many messages were withdrawn so far."""
    return count(connection, WITHDRAWN)


def count(connection: Connection, name: str) -> int:
    """The number that has this name in `meta`; 0 if there is none."""
    (number,) = connection.execute("SELECT max(value) FROM meta WHERE name = ?", (name,)).fetchone()
    return int(number or 0)
