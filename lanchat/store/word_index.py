"""Words: the index of what was said, for who looks for it. It follows behind the log.

Only rows that were moved to where they stay (`lanchat.store.recent`) are in it, up to the place in the log that `meta` has as
`indexed`. A new version of the schema may make the index anew: then it is empty at first, and `meta` has the same place as
`unindexed`. What was said after that is indexed as ever; what was said up to there, from the newest to the oldest, whenever
there is time, and `unindexed` goes down to 0 with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from sqlite3 import Connection

from lanchat.protocol.log_command import LocalTask
from lanchat.store import recent, schema
from lanchat.store.word_folding import indexed, is_plain

#: So many rows, and bytes of their texts, are indexed in one transaction: a few milliseconds.
ROWS, BYTES = 200, 64 * 1024
#: So many pages of the index are written in one step of a merge, which are so many bytes: a few milliseconds.
PAGES = 64
STEP = PAGES * 4096
#: The index is written in parts, which FTS5 merges when there are so many of a size: now and then a megabyte at a time. When it
#: is made anew that would be often, so instead it merges so many pages with each step.
PARTS, MERGED = 4, 32
#: True for the rows that are in the index, with the values of `places`.
INDEXED = "seq > :unindexed AND seq <= :indexed"

# Rows whose texts are in the index as they are (`lanchat.store.word_folding.indexed`) are not handed to Python; others are read
# and put in all at a time: if SQLite called a function for each, each call could wait until the reactor's thread lets go. A row
# that is damaged may have bytes in the place of a text, and must not keep the others from being found.
_PLAIN = " AND ".join(
    f"length({column}) = length(CAST({column} AS BLOB)) AND instr({column}, char(39)) = 0 AND instr({column}, char(96)) = 0"
    for column in ("msg", "name")
)
_TEXTS = "SELECT json_group_array(json_array(seq, CAST(msg AS TEXT), CAST(name AS TEXT), CAST(conv AS TEXT))) FROM kept WHERE"
_BETWEEN = "seq > :after AND seq <= :upto"
_ADD = "INSERT INTO words(rowid, msg, name, conv)"
# A statement takes 32,766 values, and a row of the index has 4.
_MOST = 5000
# The next rows to be indexed, after one place and up to another: how many, the last, and all their texts in one.
_LOOK = """
    SELECT count(*), max(seq), group_concat(msg, ''), group_concat(name, '')
    FROM (SELECT seq, msg, name FROM kept WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?)
"""
# The same, but not more than that the texts before the last have so many bytes; going on (ASC) or going back (DESC): how many,
# the first and the last.
_NEXT = """
    SELECT count(*), min(seq), max(seq) FROM (
        SELECT seq, coalesce(sum(size) OVER (ORDER BY seq {0} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
        FROM (SELECT seq, length(CAST(msg AS BLOB)) AS size FROM kept WHERE seq > ? AND seq <= ? ORDER BY seq {0} LIMIT ?)
    ) WHERE before < ?
"""


def places(connection: Connection) -> dict[str, int]:
    """What of the log is in the index: what is after the place `unindexed`, up to the place `indexed`."""
    (left,) = connection.execute("SELECT max(value) FROM meta WHERE name = 'unindexed'").fetchone()
    return {"unindexed": int(left or 0), "indexed": int(schema.get(connection, "indexed"))}


def fill(connection: Connection) -> int:
    """Index the next rows that are not yet; up to where it is then done. Runs in a transaction of its own."""
    with schema.transaction(connection):
        after, upto = int(schema.get(connection, "indexed")), recent.moved(connection)
        count, last, msgs, names = connection.execute(_LOOK, (after, upto, ROWS)).fetchone()
        if count:
            if len(msgs) > BYTES // 4:  # (a character may take as many bytes)
                _, _, last = connection.execute(_NEXT.format("ASC"), (after, upto, ROWS, BYTES)).fetchone()
            upto = last
            _tell(connection, _ADD, "", _BETWEEN, {"after": after, "upto": upto}, plain=is_plain(msgs) and is_plain(names))
        schema.put(connection, "indexed", upto)  # (if there are none, they were removed again)
        return int(upto)


def fill_back(connection: Connection) -> int:
    """Index the next rows of an index that is made anew, going back; the place up to which none is in it yet, or 0.

    Runs in a transaction of its own, which is not waited for to be on the disk: what is lost with the power is indexed again.
    """
    with _unsynced(connection), schema.transaction(connection):
        upto = places(connection)["unindexed"]
        count, first, _ = connection.execute(_NEXT.format("DESC"), (0, upto, ROWS, BYTES)).fetchone()
        left = first - 1 if count else 0
        add(connection, _BETWEEN, {"after": left, "upto": upto})
        merge(connection, first=False, pages=MERGED)
        schema.put(connection, "unindexed", left)
        if not left:
            merge_by_itself(connection, PARTS)
        return int(left)


def merge_by_itself(connection: Connection, parts: int) -> None:
    """Let FTS5 merge parts of the index when there are so many of a size; 0 is never."""
    connection.execute("INSERT INTO words(words, rank) VALUES ('automerge', ?)", (parts,))


@contextmanager
def _unsynced(connection: Connection) -> Iterator[None]:
    """Transactions in the block are on the disk, in their order, with the next one behind it."""
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")


def begin_anew(connection: Connection, place: int) -> None:
    """Leave all up to this place to be indexed going back; the index must have nothing of it."""
    schema.put(connection, "indexed", place)
    schema.put(connection, "unindexed", place)


def add(connection: Connection, where: str, values: Mapping[str, object]) -> None:
    """Index these rows of `kept`."""
    _tell(connection, _ADD, "", where, values)


def remove(connection: Connection, where: str, values: Mapping[str, object]) -> None:
    """Take these rows out of the index; they must still be in `kept`, as they were, for it does not keep them itself."""
    told = "INSERT INTO words(words, rowid, msg, name, conv)"
    _tell(connection, told, "'delete',", f"{where} AND {INDEXED}", {**values, **places(connection)})


def merge(connection: Connection, first: bool, pages: int = PAGES) -> bool:
    """Let go of words in the index that are nowhere in the log any more; whether there is more to be done.

    `first` begins with all parts of the index; otherwise it goes on with what was begun. (The numbers are FTS5's way to say so:
    https://www.sqlite.org/fts5.html#the_merge_command)
    """
    before = connection.total_changes
    connection.execute("INSERT INTO words(words, rank) VALUES ('merge', ?)", (-pages if first else pages,))
    return connection.total_changes - before > 1


class MergeIndex(LocalTask[bool], frozen=True):
    """Do one step of a merge of the index: see `merge`."""

    first: bool
    pages: int = PAGES

    def run(self, connection: Connection) -> bool:
        """Whether there is more to be merged."""
        return merge(connection, self.first, self.pages)


def _tell(  # noqa: PLR0913 (the parts of a statement)
    connection: Connection, statement: str, first: str, where: str, values: Mapping[str, object], *, plain: bool = False
) -> None:
    """Tell the index of these rows, as they are in it; `first` is the first value for each.

    With `plain` it is known that the texts of all rows are plain (`lanchat.store.word_folding.is_plain`).
    """
    others = f"SELECT EXISTS (SELECT 1 FROM kept WHERE NOT ({_PLAIN}) AND {where})"  # noqa: S608 (our own words)
    if plain or not connection.execute(others, values).fetchone()[0]:
        connection.execute(f"{statement} SELECT {first} seq, msg, name, conv FROM kept WHERE {where}", values)  # noqa: S608 (ours)
        return
    (found,) = connection.execute(f"{_TEXTS} {where}", values).fetchone()
    rows = sorted(json.loads(found))
    for begin in range(0, len(rows), _MOST):
        some = rows[begin : begin + _MOST]
        marks = ",".join([f"({first} ?,?,?,?)"] * len(some))
        given = [value for seq, msg, name, conv in some for value in (seq, indexed(msg), indexed(name), conv)]
        connection.execute(f"{statement} VALUES {marks}", given)
