"""Removal: which rows of the log are to go, and how they do. Each function is one short step.

What is to go is found by threads that read. The writer, for whom people wait, is only given the places of it. All of this is
about `kept`, where what is said comes to within moments (`lanchat.store.recent`).

A repeat must be recognised for a day whatever is removed. So a younger row is emptied first, and goes when the day is over:
its place, its time, its author and their id for it are left, and a digest of its content, in no conversation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.protocol.entry import NO_CONVERSATION
from lanchat.store.message_removal import NEEDED, OLD
from lanchat.store.timeline import Age

#: So many rows at most are removed in one step, and so many looked at.
STEP, PAGE = 500, 5000
#: So many bytes at most are removed in one step, but for a single row: whoever waits for the writer waits for the step.
STEP_BYTES = 256 * 1024
#: What a row takes beside its text, in bytes.
ENVELOPE = 200

_SIZE = f"{ENVELOPE} + length(CAST(msg AS BLOB))"


@dataclass(frozen=True)
class Scope:
    """Which messages: those of one conversation, or of all that are not spared."""

    conv: str | None = None
    spared: frozenset[str] = frozenset()

    def __contains__(self, conv: str) -> bool:
        return conv == self.conv if self.conv is not None else conv not in self.spared and conv != NO_CONVERSATION

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of a statement in which `mine` stands."""
        return {"conv": self.conv, "spared": json.dumps([NO_CONVERSATION, *self.spared])}

    @property
    def mine(self) -> str:
        """What is true for a row that is meant."""
        return "conv = :conv" if self.conv is not None else "conv NOT IN (SELECT value FROM json_each(:spared))"


class Row(NamedTuple):
    """A message that is to go."""

    seq: int
    conv: str
    size: int


@dataclass
class Block:
    """A number of rows that follow each other in a scope, seen at once: those after one place, up to another."""

    after: int
    last: int
    #: How many were looked at; and of those that are meant, the bytes, and the oldest time (None if there is none).
    rows: int
    size: int
    oldest: int | None

    def has(self, age: Age) -> bool:
        """Whether there may be something in it that is older than that."""
        early = self.oldest is not None and self.oldest < age.before and self.after < age.recent
        return self.size > 0 and (early or self.after < age.proven)


@dataclass
class Survey:
    """What is in a scope, block by block, as far as it was looked at. To look at it once is enough: messages don't change."""

    scope: Scope
    blocks: list[Block] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all messages in the scope, as far as it was looked at."""
        return sum(block.size for block in self.blocks)

    def reopen(self) -> int:
        """The place to look on from. Empty blocks are left out, and the last one is looked at again if it was not full."""
        self.blocks = [*(block for block in self.blocks[:-1] if block.size), *self.blocks[-1:]]
        if self.blocks and self.blocks[-1].rows < PAGE:
            return self.blocks.pop().after
        return self.blocks[-1].last if self.blocks else 0

    def without(self, rows: Sequence[Row]) -> None:
        """These are gone; they are in the order of the log."""
        blocks = iter(self.blocks)
        block = next(blocks, None)
        for row in rows:
            while block is not None and block.last < row.seq:
                block = next(blocks, None)
            if block is not None and block.after < row.seq and row.conv in self.scope:
                block.size -= row.size


def look(connection: Connection, scope: Scope, after: int, upto: int, page: int) -> Block | None:
    """The next block, of so many rows at the most; None when there are no more."""
    of_one = "conv = :conv AND" if scope.conv is not None else ""
    last, rows, size, oldest = connection.execute(
        "SELECT max(seq), count(*), sum(size) FILTER (WHERE mine), min(ts) FILTER (WHERE mine) FROM"  # noqa: S608 (our own words)
        f" (SELECT seq, ts, {_SIZE} AS size, {scope.mine} AS mine FROM kept"
        f" WHERE {of_one} seq > :after AND seq <= :upto ORDER BY seq LIMIT :page)",
        scope.values | {"after": after, "upto": upto, "page": page},
    ).fetchone()
    return None if last is None else Block(after, last, rows, size or 0, oldest)


def old(connection: Connection, scope: Scope, block: Block, age: Age) -> list[Row]:
    """The rows in a block that are older than that."""
    found = connection.execute(
        f"SELECT seq, conv, {_SIZE} FROM kept WHERE seq > :after AND seq <= :last AND {scope.mine} AND {OLD} ORDER BY seq",  # noqa: S608 (ours)
        scope.values | age._asdict() | {"after": block.after, "last": block.last},
    )
    return list(map(Row._make, found))


def excess(connection: Connection, scope: Scope, block: Block, size: int) -> list[Row]:
    """The oldest rows in a block, as few as are at least so many bytes; all if they are fewer."""
    found = connection.execute(
        f"SELECT seq, conv, size FROM (SELECT *, sum(size) OVER (ORDER BY seq) AS total FROM"  # noqa: S608 (our own words)
        f" (SELECT seq, conv, {_SIZE} AS size FROM kept WHERE seq > :after AND seq <= :last AND {scope.mine}))"
        " WHERE total - size < :size ORDER BY seq",
        scope.values | {"after": block.after, "last": block.last, "size": size},
    )
    return list(map(Row._make, found))


def emptied(connection: Connection, age: Age, after: int, page: int) -> tuple[int, list[Row]] | None:
    """Of the next that were emptied, those that are older than that, and up to which place that is; None for no more."""
    last, seqs = connection.execute(
        f"SELECT max(seq), json_group_array(seq) FILTER (WHERE {OLD} AND NOT ({NEEDED})) FROM"  # noqa: S608 (our own words)
        " (SELECT seq, ts, author, cid FROM kept WHERE conv = :nowhere AND seq > :after ORDER BY seq LIMIT :page) AS kept",
        age._asdict() | {"nowhere": NO_CONVERSATION, "after": after, "page": page},
    ).fetchone()
    return None if last is None else (last, [Row(seq, NO_CONVERSATION, ENVELOPE) for seq in sorted(json.loads(seqs))])


def steps(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in parts that are removed in one step each."""
    parts: list[list[Row]] = []
    room = 0
    for row in rows:
        room -= row.size
        if room < 0 or len(parts[-1]) == STEP:
            parts.append([])
            room = STEP_BYTES - row.size
        parts[-1].append(row)
    return parts


def used(connection: Connection) -> int:
    """Bytes of the file that hold something."""
    return _pages(connection, "page_count") - reusable(connection)


def reusable(connection: Connection) -> int:
    """Bytes of the file that hold nothing, and are used before it grows."""
    return _pages(connection, "freelist_count")


def _pages(connection: Connection, name: str) -> int:
    (pages,), (size,) = (connection.execute(f"PRAGMA {asked}").fetchone() for asked in (name, "page_size"))
    return int(pages * size)
