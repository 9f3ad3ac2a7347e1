"""Checking the files of messages: which are missing or damaged, and which nothing needs. A server may run meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.maintenance.file_backup import SINCE
from lanchat.maintenance.kept_files import digest_of, place, present
from lanchat.protocol.packet import visible
from lanchat.tables import files

#: A file that nothing needs is told if it has been in its place for so many seconds: the message of a newer one may be about to
#: be stored.
SETTLED = 60.0


class FilesFound(NamedTuple):
    """What is with the files in a data directory."""

    #: How many different files messages need, and how many bytes these have.
    number: int
    bytes: int
    #: A text for each message whose file is missing or damaged, or that has thumbnails of which that is so.
    lost: list[str]
    #: A text for each file that is known, but its message is not there.
    strays: list[str]
    #: How many files are on the disk that nothing needs, and how many bytes these have.
    orphans: int
    orphan_bytes: int


def check(connection: Connection, directory: Path, report: Callable[[float], object]) -> FilesFound:
    """Read all files that messages need, and compare them with their digests. `report` is told the share that is done.

    Raises `OSError` or `sqlite3.Error`.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < SINCE:
        return FilesFound(0, 0, [], [], 0, 0)
    there = list(present(directory))  # (before the database is asked, which then knows what was stored meanwhile)
    kept = files.digests(connection)
    listed = {digest for (digest,) in connection.execute("SELECT digest FROM unlinked")}
    orphans = list(_sizes_of_settled(directory, set(there) - kept - listed))
    size, lost = 0, {}
    for number, digest in enumerate(sorted(kept)):
        path = place(directory, digest)
        try:
            if digest_of(path) == digest:
                size += path.stat().st_size
            else:
                lost[digest] = "damaged"
        except FileNotFoundError:
            lost[digest] = "missing"
        except OSError as error:
            lost[digest] = f"unreadable ({error.strerror})"
        report((number + 1) / len(kept))
    texts = [text for digest, what in lost.items() for text in _about(connection, digest, what)]  # (what was withdrawn is gone)
    strays = [f"files ({seq}): there is no message {seq}" for seq in files.strays(connection)]
    return FilesFound(len(kept), size, texts, strays, len(orphans), sum(orphans))


def _sizes_of_settled(directory: Path, digests: set[str]) -> Iterator[int]:
    """The sizes of those of these files that have been in their places for a while."""
    for digest in digests:
        with suppress(FileNotFoundError):
            found = os.lstat(place(directory, digest))
            if time.time() - found.st_ctime > SETTLED:
                yield found.st_size


def _about(connection: Connection, digest: str, what: str) -> Iterator[str]:
    """A text for each message that needs a file, which is `what` it should not be."""
    for column, part in (("digest", "its file"), ("thumb", "the thumbnail of its file")):
        rows = connection.execute(f"SELECT seq, name FROM files WHERE {column} = ? ORDER BY seq", (digest,))  # noqa: S608 (ours)
        yield from (f"message {seq}: {part} {visible(str(name), 60)} is {what}" for seq, name in rows)
