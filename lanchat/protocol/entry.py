"""Entry: one message as the log keeps it: what is said in a room, or to or by an account (docs/protocol.md)."""

from __future__ import annotations

import zlib
from sqlite3 import Connection
from typing import Any

import msgspec

#: The columns of the log (`lanchat.store.recent`), in the order of `Entry.row`.
COLUMNS = ("seq", "ts", "conv", "author", "name", "ip", "target", "msg", "re", "cid", "sum")

#: What became of an entry: it is on the disk; it was handed on and is kept nowhere. "" is neither.
STORED, RELAYED = "stored", "relayed"
#: Milliseconds for which a message that is sent again is known as a repeat (`lanchat.store.duplicates`).
REPEAT_MS = 86_400_000
#: The conversation of a row whose text was removed while it can still be repeated; it is nobody's.
NOWHERE = ""
#: What is shown in the place of an erased name.
ERASED = "(erased)"


class Entry(msgspec.Struct):
    """A message on its way into the log, or out of it."""

    #: Where it was said: "r7" is a room, "p3x8" two accounts, "g3xbob" an account and a guest.
    conv: str
    #: The account of whoever said it; None for a guest.
    author: int | None
    name: str
    ip: str
    #: `to` of the packet, as it is shown.
    target: str
    msg: str
    #: When the server got it, in milliseconds since the epoch.
    ts: int
    re: str | None = None
    #: The sender's own id of it; in the log (author, cid) is unique.
    cid: str | None = None
    #: For whoever handed it in; never stored.
    source: Any = None
    #: Its place in the log; 0 until it has one.
    seq: int = 0
    #: STORED, RELAYED, or "" when it could not be stored.
    state: str = ""
    #: Whether it repeats a message that is in the log: seq and ts are those of the first, and nothing was added.
    dup: bool = False

    def row(self) -> tuple[Any, ...]:
        """The values of `COLUMNS`."""
        kept = (self.seq, self.ts, self.conv, self.author, self.name, self.ip, self.target, self.msg, self.re, self.cid)
        return (*kept, checksum(kept))


def of_row(row: tuple[Any, ...]) -> Entry | None:
    """The entry in a row of `COLUMNS`; None when it is not what was written."""
    seq, ts, conv, author, name, ip, target, msg, re, cid, kept = row
    if checksum(row[:-1]) != kept:
        return None
    return Entry(conv, author, name, ip, target, msg, ts, re, cid, seq=seq, state=STORED)


def checksum(values: tuple[Any, ...]) -> int:
    """A sum of a row: a bit that turned on the disk shows in it."""
    return zlib.crc32(repr(values).encode("utf-8", "surrogatepass"))


def newest(connection: Connection) -> int:
    """The newest place in the log that was ever given, even when what had it was removed."""
    (seq,) = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name IN ('fresh', 'kept')").fetchone()
    return int(seq or 0)
