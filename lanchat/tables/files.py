"""The files that go with messages: the table `files`, and the digests of those that no message needs any more (`unlinked`).

The bytes are in the directory `files` beside the database (`lanchat.files`), each file under its digest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.protocol.entry import FILE, AccountId, Entry, Seq
from lanchat.protocol.files import FileInfo
from lanchat.tables.log_command import LocalTask, LogCommand

# The columns that are members of `FileInfo`, in their order.
_OF_FILE = FileInfo.__struct_fields__
_COLUMNS = ", ".join(_OF_FILE)
_INSERT = f"INSERT INTO files(seq, owner, {_COLUMNS}) VALUES ({','.join('?' * 12)})"  # noqa: S608 (our own words)
_THOSE = "seq IN (SELECT value FROM json_each(:seqs))"
_NEEDED = "(SELECT digest FROM files UNION ALL SELECT thumb FROM files)"


class Usage(NamedTuple):
    """How many bytes of files are kept, each file counted as often as it was sent."""

    #: For one account, or one address without an account.
    own: int
    #: For all.
    total: int


def insert(connection: Connection, entries: Iterable[Entry]) -> None:
    """Add the files of messages that have just been added to the log."""
    rows = [
        (entry.seq, entry.author, *(getattr(file, column) for column in _OF_FILE))
        for entry in entries
        if (file := entry.file) is not None and entry.seq and not entry.dup
    ]
    connection.executemany(_INSERT, rows)


def find(connection: Connection, seqs: Iterable[Seq]) -> dict[Seq, FileInfo]:
    """The files of these messages, by the place of the message."""
    asked = {"seqs": json.dumps(list(seqs))}
    rows = connection.execute(f"SELECT seq, {_COLUMNS} FROM files WHERE {_THOSE}", asked).fetchall()  # noqa: S608 (our own words)
    return {seq: FileInfo(*values) for seq, *values in rows}


def attach(connection: Connection, entries: Iterable[Entry]) -> None:
    """Give messages that were read from the log the files that go with them (`Entry.file`)."""
    bare = {entry.seq: entry for entry in entries if entry.kind == FILE and entry.file is None}
    if bare:
        for seq, file in find(connection, bare).items():
            bare[seq].file = file


def forget(connection: Connection, seqs: Sequence[Seq]) -> None:
    """Forget the files of messages that are removed or emptied; what nothing else needs may be unlinked then."""
    asked = {"seqs": json.dumps(list(seqs))}
    for column in ("digest", "thumb"):
        connection.execute(
            f"INSERT OR IGNORE INTO unlinked SELECT {column} FROM files WHERE {_THOSE} AND {column} != ''",  # noqa: S608 (ours)
            asked,
        )
    connection.execute(f"DELETE FROM files WHERE {_THOSE}", asked)  # noqa: S608 (our own words)


def usage(connection: Connection, owner: AccountId | None, address: str) -> Usage:
    """How many bytes are kept for an account (`owner`), or for an address without one, and in all."""
    (own,) = connection.execute(
        "SELECT coalesce(sum(size + thumb_size), 0) FROM files WHERE owner IS ? AND address = ?", (owner, address)
    ).fetchone()
    (total,) = connection.execute("SELECT coalesce(sum(size + thumb_size), 0) FROM files").fetchone()
    return Usage(own, total)


def links_key(connection: Connection) -> str:
    """The key that signs links to files; a restored log goes on with it, but has another epoch."""
    (key,) = connection.execute("SELECT value FROM meta WHERE name = 'links'").fetchone()
    return str(key)


def usages(connection: Connection) -> dict[tuple[AccountId | None, str], int]:
    """How many bytes are kept for each account, and for each address without one: by the account and the address."""
    rows = connection.execute("SELECT owner, address, sum(size + thumb_size) FROM files GROUP BY owner, address").fetchall()
    return {(owner, address): size for owner, address, size in rows}


class CountFiles(LocalTask[dict[tuple[AccountId | None, str], int]], frozen=True):
    """Count the bytes of files anew, at a known place among the messages that are being stored."""

    def run(self, connection: Connection) -> dict[tuple[AccountId | None, str], int]:
        """As `usages`."""
        return usages(connection)


def digests(connection: Connection) -> set[str]:
    """The digests of all files and thumbnails that messages need."""
    found = connection.execute(f"SELECT * FROM {_NEEDED} WHERE digest != ''").fetchall()  # noqa: S608 (our own words)
    return {digest for (digest,) in found}


def needed(connection: Connection, asked: Collection[str]) -> set[str]:
    """Those of these digests whose files messages need."""
    rows = connection.execute(
        "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM files WHERE digest = value)"
        " OR EXISTS (SELECT 1 FROM files WHERE thumb = value AND thumb != '')",
        (json.dumps(list(asked)),),
    ).fetchall()
    return {digest for (digest,) in rows}


def listed(connection: Connection, after: str, most: int) -> tuple[str, ...]:
    """The next digests, in order, of files that were forgotten with messages, and that others may need; at most so many."""
    rows = connection.execute("SELECT digest FROM unlinked WHERE digest > ? ORDER BY digest LIMIT ?", (after, most))
    return tuple(digest for (digest,) in rows)


class TakeUnneeded(LogCommand[tuple[str, ...]], frozen=True):
    """Take files off the list of those that were forgotten with messages, and find out which of them no message needs."""

    digests: tuple[str, ...]

    def run(self, connection: Connection) -> tuple[str, ...]:
        """The digests of those that are to be unlinked. Others are listed again when the last message with them is removed."""
        connection.execute("DELETE FROM unlinked WHERE digest IN (SELECT value FROM json_each(?))", (json.dumps(self.digests),))
        kept = needed(connection, self.digests)
        return tuple(digest for digest in self.digests if digest not in kept)


class ForgetStrays(LogCommand[int], frozen=True):
    """Forget files whose message is not there, which only a damaged disk can have lost."""

    #: The places in the log at which the messages would be.
    seqs: tuple[Seq, ...]

    def run(self, connection: Connection) -> int:
        """How many files were forgotten."""
        gone = strays(connection, self.seqs)
        forget(connection, gone)
        return len(gone)


def strays(connection: Connection, among: Collection[Seq] | None = None) -> list[Seq]:
    """The places of files whose message is not in the log: of all files, or of those at some places."""
    found = connection.execute(
        f"SELECT seq FROM files WHERE (:seqs IS NULL OR {_THOSE})"  # noqa: S608 (our own words)
        f" AND NOT EXISTS (SELECT 1 FROM kept WHERE kept.seq = files.seq AND kind = '{FILE}')"
        f" AND NOT EXISTS (SELECT 1 FROM fresh WHERE fresh.seq = files.seq AND kind = '{FILE}') ORDER BY seq",
        {"seqs": None if among is None else json.dumps(list(among))},
    )
    return [seq for (seq,) in found]
