"""Checking after a crash whether the `-wal` beside a database still has everything that was committed.

SQLite reads the `-wal` as far as its checksums are right: one that was truncated or damaged looks like a shorter one. But the
`-shm` beside it tells how many pages were committed. What a process wrote to it stays after the end of that process, as long
as the machine runs. (After a power failure the `-shm` may be older than the `-wal`, and is no help.) The formats of both files
are described in https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import struct
from pathlib import Path
from sqlite3 import Connection

#: The header of the `-shm`: the number of pages, and the salt of the `-wal` that has them. It is there twice.
_SHM_HEADER = struct.Struct("=16xI12x8s8x")
#: The header of the `-wal`: its salt.
_WAL_HEADER = struct.Struct("16x8s8x")
_BOOT = Path("/proc/sys/kernel/random/boot_id")

#: More pages than any `-wal` has: the one that the `-shm` is about is missing, or was replaced by another.
GONE = 2**32


def committed_pages(database: Path) -> int:
    """How many pages the `-wal` must have according to the `-shm`; 0 if that is unknown.

    This opens and closes both files, so the database must not be open in this process: POSIX locks belong to a process, which
    loses all its locks on a file when it closes any descriptor of it. Other processes would then believe that nobody uses the
    `-shm` (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    size = _SHM_HEADER.size
    head = _head(database.with_name(f"{database.name}-shm"), 2 * size)
    if len(head) < 2 * size or head[:size] != head[size:]:  # (a process was killed while it changed it)
        return 0
    pages, salt = _SHM_HEADER.unpack(head[:size])
    wal = _head(database.with_name(f"{database.name}-wal"), _WAL_HEADER.size)
    same = len(wal) == _WAL_HEADER.size and _WAL_HEADER.unpack(wal) == (salt,)
    return int(pages) if same or not pages else GONE


def found_pages(connection: Connection) -> int:
    """How many pages SQLite finds in the `-wal`. This is a checkpoint: it also copies them into the database."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return max(0, int(pages))  # (-1: it uses no `-wal`)


def boot_id() -> bytes:
    """An id that is new after each start of the machine; b"" if the system has none."""
    try:
        return _BOOT.read_bytes()
    except OSError:
        return b""


def _head(file: Path, size: int) -> bytes:
    """The first `size` bytes of a file; fewer if it is shorter, or can't be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(size)
    except OSError:
        return b""
