"""The index of words (FTS5, the table `words`) with which messages are searched. It lags a moment behind the log.

It has the messages in `kept` (`lanchat.tables.recent`) up to the sequence number that `meta` has as `indexed`. When a new
version of the schema wants the index made anew, it is empty at first, and `meta` has that same number as `unindexed`, too.
Later messages are indexed as usual; the earlier ones backwards, when there is time, and `unindexed` goes down to 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from sqlite3 import Connection

from lanchat.protocol.word_folding import indexed, is_plain
from lanchat.store import schema
from lanchat.tables import recent
from lanchat.tables.log_command import LocalTask

#: How many messages, and bytes of their texts, are indexed in one transaction: a few milliseconds.
ROWS, BYTES = 200, 64 * 1024
#: How many pages of the index are written in one step of a merge (a few milliseconds), and how many bytes these are.
PAGES = 64
STEP_BYTES = PAGES * 4096
#: FTS5 writes the index in segments, and merges them when there are this many of a size: now and then a megabyte at a time.
#: While the index is made anew that would happen often, so this number of pages is merged with each step instead.
PARTS, MERGED = 4, 32
#: SQL that is true for the rows of `kept` that are in the index; its parameters are the values of `places`.
INDEXED = "seq > :unindexed AND seq <= :indexed"
# Of a message and its edits only the newest is in the index, and nothing else that an entry may be.
_EDITED = (
    "SELECT 1 FROM {} AS later WHERE later.about > 0 AND later.about = coalesce(kept.about, kept.seq) AND later.seq > kept.seq"
)
#: SQL that is true for the rows of `kept` whose texts searches find: what is said, and of a message that was edited the newest
#: text.
HOLDER = "(about IS NULL OR kind = 'edit')" + "".join(
    f" AND NOT EXISTS ({_EDITED.format(table)} AND later.kind = 'edit')" for table in ("kept", "fresh")
)

# Whether anything was edited, or changed in another way; in most logs nothing was, and then `HOLDER` need not be looked at.
_CHANGED = "SELECT EXISTS (SELECT 1 FROM kept WHERE about > 0) OR EXISTS (SELECT 1 FROM fresh WHERE about > 0)"

# Rows whose texts are in the index as they are (`lanchat.protocol.word_folding.is_plain`) need no Python. Others are
# read and inserted all at once: if SQLite called a function for each, each call might have to wait for the reactor's thread. A
# row that is damaged may have bytes or NULL in place of a text, and must not keep the others from being indexed.
_PLAIN = " AND ".join(
    f"length({column}) = length(CAST({column} AS BLOB)) AND instr({column}, char(39)) = 0 AND instr({column}, char(96)) = 0"
    for column in ("msg", "name")
)
_TEXTS = (
    "SELECT json_group_array(json_array("
    "seq, CAST(coalesce(msg, '') AS TEXT), CAST(coalesce(name, '') AS TEXT), CAST(conv AS TEXT))) FROM kept WHERE"
)
_BETWEEN = "seq > :after AND seq <= :upto"
_ADD = "INSERT INTO words(rowid, msg, name, conv)"
# A statement takes 32,766 values, and a row of the index has 4.
_MOST = 5000
# The next rows to be indexed, between two sequence numbers: how many, the last, and their texts, joined.
_LOOK = """
    SELECT count(*), max(seq), coalesce(group_concat(msg, ''), ''), coalesce(group_concat(name, ''), '')
    FROM (SELECT seq, msg, name FROM kept WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?)
"""
# The next rows to be indexed, forwards (ASC) or backwards (DESC), so that the texts of all but the last have less than a number
# of bytes: how many, the first and the last.
_NEXT = """
    SELECT count(*), min(seq), max(seq) FROM (
        SELECT seq, coalesce(sum(size) OVER (ORDER BY seq {0} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
        FROM (SELECT seq, length(CAST(msg AS BLOB)) AS size FROM kept WHERE seq > ? AND seq <= ? ORDER BY seq {0} LIMIT ?)
    ) WHERE before < ?
"""


def indexed_range(connection: Connection) -> dict[str, int]:
    """Which messages are in the index: those after `unindexed`, up to `indexed` (sequence numbers)."""
    (left,) = connection.execute("SELECT max(value) FROM meta WHERE name = 'unindexed'").fetchone()
    return {"unindexed": int(left or 0), "indexed": int(schema.get_meta(connection, "indexed"))}


def index_next(connection: Connection) -> int:
    """Index the next messages, in a transaction of its own. Returns the last sequence number that is indexed then."""
    with schema.transaction(connection):
        after, upto = int(schema.get_meta(connection, "indexed")), recent.moved_upto(connection)
        count, last, msgs, names = connection.execute(_LOOK, (after, upto, ROWS)).fetchone()
        if count:
            if len(msgs) > BYTES // 4:  # (a character may take as many bytes)
                _, _, last = connection.execute(_NEXT.format("ASC"), (after, upto, ROWS, BYTES)).fetchone()
            upto = last
            _tell(connection, _ADD, "", _BETWEEN, {"after": after, "upto": upto}, plain=is_plain(msgs) and is_plain(names))
        schema.set_meta(connection, "indexed", upto)  # (if there are none, they were removed again)
        return int(upto)


def index_previous(connection: Connection) -> int:
    """Index the next messages of an index that is made anew, backwards. Returns up to which one they are not in it yet, or 0.

    It does this in a transaction of its own, and does not wait until that is on the disk: what is lost in a power failure is
    indexed again.
    """
    with _unsynced(connection), schema.transaction(connection):
        upto = indexed_range(connection)["unindexed"]
        count, first, _ = connection.execute(_NEXT.format("DESC"), (0, upto, ROWS, BYTES)).fetchone()
        left = first - 1 if count else 0
        add(connection, _BETWEEN, {"after": left, "upto": upto})
        merge(connection, first=False, pages=MERGED)
        schema.set_meta(connection, "unindexed", left)
        if not left:
            merge_by_itself(connection, PARTS)
        return int(left)


def merge_by_itself(connection: Connection, parts: int) -> None:
    """Let FTS5 merge segments of the index when there are `parts` of a size; 0 means never."""
    connection.execute("INSERT INTO words(words, rank) VALUES ('automerge', ?)", (parts,))


@contextmanager
def _unsynced(connection: Connection) -> Iterator[None]:
    """Don't wait for the disk in the block: its transactions are synced together with the next one after it."""
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")


def restart(connection: Connection, place: int) -> None:
    """Have all messages up to this sequence number indexed backwards; the index must be empty."""
    schema.set_meta(connection, "indexed", place)
    schema.set_meta(connection, "unindexed", place)


def add(connection: Connection, where: str, values: Mapping[str, object]) -> None:
    """Add the rows of `kept` for which the condition `where` is true to the index, as far as they are searched (`HOLDER`).

    `values` are the parameters of the condition.
    """
    _tell(connection, _ADD, "", where, values)


def remove(connection: Connection, where: str, values: Mapping[str, object]) -> None:
    """Remove rows from the index; `where` and `values` as in `add`. They must still be in `kept`, as FTS5 needs their texts."""
    told = "INSERT INTO words(words, rowid, msg, name, conv)"
    _tell(connection, told, "'delete',", f"{where} AND {INDEXED}", {**values, **indexed_range(connection)})


def merge(connection: Connection, first: bool, pages: int = PAGES) -> bool:
    """Do one step of a merge of the index, which removes words of messages that were removed. Returns whether there is more.

    `first` begins a merge of all segments; otherwise the one that was begun goes on. `pages` is how many pages are written.
    (FTS5 takes a negative number for the first step: https://www.sqlite.org/fts5.html#the_merge_command)
    """
    before = connection.total_changes
    connection.execute("INSERT INTO words(words, rank) VALUES ('merge', ?)", (-pages if first else pages,))
    return connection.total_changes - before > 1


class MergeIndex(LocalTask[bool], frozen=True):
    """Do one step of a merge of the index (`merge`)."""

    first: bool
    pages: int = PAGES

    def run(self, connection: Connection) -> bool:
        """Do the step. Returns whether there is more to be merged."""
        return merge(connection, self.first, self.pages)


def _tell(  # noqa: PLR0913 (the parts of a statement)
    connection: Connection, statement: str, first: str, where: str, values: Mapping[str, object], *, plain: bool = False
) -> None:
    """Insert rows of `kept` into the table `words`, with which FTS5 adds them or, after `'delete',` (`first`), removes them.

    With `plain` it is known that the texts of all rows are plain (`lanchat.protocol.word_folding.is_plain`).
    """
    holder = HOLDER if connection.execute(_CHANGED).fetchone()[0] else "about IS NULL"
    others = f"SELECT EXISTS (SELECT 1 FROM kept WHERE NOT ({_PLAIN}) AND {where})"  # noqa: S608 (our own words)
    if plain or not connection.execute(others, values).fetchone()[0]:
        connection.execute(f"{statement} SELECT {first} seq, msg, name, conv FROM kept WHERE {where} AND {holder}", values)  # noqa: S608 (ours)
        return
    (found,) = connection.execute(f"{_TEXTS} {where} AND {holder}", values).fetchone()
    rows = sorted(json.loads(found))
    for begin in range(0, len(rows), _MOST):
        some = rows[begin : begin + _MOST]
        marks = ",".join([f"({first} ?,?,?,?)"] * len(some))
        given = [value for seq, msg, name, conv in some for value in (seq, indexed(msg), indexed(name), conv)]
        connection.execute(f"{statement} VALUES {marks}", given)
