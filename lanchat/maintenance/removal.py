"""Finding the messages that retention removes (`lanchat.store.message_removal` removes them).

The queries run in a thread that reads, and take a moment each. The writer, for which users wait, is only given the sequence
numbers. They look at the table `kept`, to which new messages are moved within moments (`lanchat.tables.recent`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.protocol.entry import NO_CONVERSATION, ConversationId, Milliseconds, Seq
from lanchat.store.message_removal import NEEDED, OLD, rows_about
from lanchat.store.timeline import Age

#: How many messages are removed in one step, and how many are looked at in one query.
STEP, PAGE = 500, 5000
#: How many bytes are removed in one step (more if it is a single message), as others wait for the writer meanwhile.
STEP_BYTES = 256 * 1024
#: What counts for each message besides its text, in bytes.
ENVELOPE = 200

_SIZE = f"{ENVELOPE} + length(CAST(msg AS BLOB))"


@dataclass(frozen=True)
class Scope:
    """A set of messages: those of one conversation, or of all conversations but some."""

    #: The one conversation; None for all.
    conv: ConversationId | None = None
    #: The conversations that are left out, if `conv` is None.
    spared: frozenset[ConversationId] = frozenset()

    def __contains__(self, conv: str) -> bool:
        return conv == self.conv if self.conv is not None else conv not in self.spared and conv != NO_CONVERSATION

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of a statement that has the condition `mine`."""
        return {"conv": self.conv, "spared": json.dumps([NO_CONVERSATION, *self.spared])}

    @property
    def mine(self) -> str:
        """An SQL condition that is true for the rows of these messages."""
        return "conv = :conv" if self.conv is not None else "conv NOT IN (SELECT value FROM json_each(:spared))"


class Row(NamedTuple):
    """A message that is to be removed."""

    seq: Seq
    conv: ConversationId
    #: Bytes, with `ENVELOPE`.
    size: int


@dataclass
class Block:
    """What one query found: messages that follow each other, after the sequence number `after` and up to `last`."""

    after: Seq
    last: Seq
    #: How many rows the query looked at.
    rows: int
    #: Of those in the scope: how many bytes they have, and the earliest time (None if there are none).
    size: int
    oldest: Milliseconds | None

    def has(self, age: Age) -> bool:
        """Whether there may be messages in it that are older than `age`."""
        early = self.oldest is not None and self.oldest < age.before and self.after < age.recent
        return self.size > 0 and (early or self.after < age.proven)


@dataclass
class Survey:
    """What is in a scope, as far as it was looked at. As messages don't change, it is looked at once, and then counted down."""

    scope: Scope
    blocks: list[Block] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bytes the messages in the scope have, as far as it was looked at."""
        return sum(block.size for block in self.blocks)

    def reopen(self) -> int:
        """The sequence number after which to go on looking. Empty blocks are dropped, and the last one if it was not full."""
        self.blocks = [*(block for block in self.blocks[:-1] if block.size), *self.blocks[-1:]]
        if self.blocks and self.blocks[-1].rows < PAGE:
            return self.blocks.pop().after
        return self.blocks[-1].last if self.blocks else 0

    def without(self, rows: Sequence[Row]) -> None:
        """Note that these messages, which are in the order of the log, were removed."""
        blocks = iter(self.blocks)
        block = next(blocks, None)
        for row in rows:
            while block is not None and block.last < row.seq:
                block = next(blocks, None)
            if block is not None and block.after < row.seq and row.conv in self.scope:
                block.size -= row.size


def next_block(connection: Connection, scope: Scope, after: int, upto: int, page: int) -> Block | None:
    """The next block of a scope, of at most `page` rows; None if there are no more rows up to `upto`."""
    of_one = "conv = :conv AND" if scope.conv is not None else ""
    last, rows, size, oldest = connection.execute(
        "SELECT max(seq), count(*), sum(size) FILTER (WHERE mine), min(ts) FILTER (WHERE mine) FROM"  # noqa: S608 (our own words)
        f" (SELECT seq, ts, {_SIZE} AS size, {scope.mine} AS mine FROM kept"
        f" WHERE {of_one} seq > :after AND seq <= :upto ORDER BY seq LIMIT :page)",
        scope.values | {"after": after, "upto": upto, "page": page},
    ).fetchone()
    return None if last is None else Block(after, last, rows, size or 0, oldest)


def older(connection: Connection, scope: Scope, block: Block, age: Age) -> list[Row]:
    """The messages in a block that are older than `age`."""
    found = connection.execute(
        f"SELECT seq, conv, {_SIZE} FROM kept WHERE seq > :after AND seq <= :last AND {scope.mine} AND {OLD} ORDER BY seq",  # noqa: S608 (ours)
        scope.values | age._asdict() | {"after": block.after, "last": block.last},
    )
    return list(map(Row._make, found))


def excess(connection: Connection, scope: Scope, block: Block, size: int) -> list[Row]:
    """The oldest messages in a block, as few as have `size` bytes or more in all; all of them if they have less."""
    found = connection.execute(
        f"SELECT seq, conv, size FROM (SELECT *, sum(size) OVER (ORDER BY seq) AS total FROM"  # noqa: S608 (our own words)
        f" (SELECT seq, conv, {_SIZE} AS size FROM kept WHERE seq > :after AND seq <= :last AND {scope.mine}))"
        " WHERE total - size < :size ORDER BY seq",
        scope.values | {"after": block.after, "last": block.last, "size": size},
    )
    return list(map(Row._make, found))


def emptied(connection: Connection, age: Age, after: int, page: int) -> tuple[int, list[Row]] | None:
    """Of the next `page` messages that were emptied, those that can be removed, as they are older than `age`.

    They come with the sequence number of the last one that was looked at; None if there are no more.
    """
    last, seqs = connection.execute(
        f"SELECT max(seq), json_group_array(seq) FILTER (WHERE {OLD} AND NOT ({NEEDED})) FROM"  # noqa: S608 (our own words)
        " (SELECT seq, ts, author, cid FROM kept WHERE conv = :nowhere AND seq > :after ORDER BY seq LIMIT :page) AS kept",
        age._asdict() | {"nowhere": NO_CONVERSATION, "after": after, "page": page},
    ).fetchone()
    return None if last is None else (last, [Row(seq, NO_CONVERSATION, ENVELOPE) for seq in sorted(json.loads(seqs))])


def changes(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """What edited these messages, and the reactions to them, which are removed with them; not what is among them itself."""
    own = {row.seq for row in rows}
    found = rows_about(connection, [*own])
    return sorted(Row(seq, conv, ENVELOPE + len(msg.encode(errors="replace"))) for seq, conv, msg in found if seq not in own)


def in_steps(rows: Sequence[Row]) -> list[list[Row]]:
    """Messages in parts that are to be removed in one step each."""
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
    """How many bytes of the file are in use."""
    return _pages(connection, "page_count") - reusable(connection)


def reusable(connection: Connection) -> int:
    """How many bytes of the file are free, and are used before it grows."""
    return _pages(connection, "freelist_count")


def _pages(connection: Connection, name: str) -> int:
    (pages,), (size,) = (connection.execute(f"PRAGMA {asked}").fetchone() for asked in (name, "page_size"))
    return int(pages * size)
