"""Witness: whether the `-wal` beside a database still has all that was committed, when a server was cut off.

SQLite takes the `-wal` as far as its sums are right, and can't know whether more was there: one that was cut, or damaged, is a
shorter one. But the `-shm` beside it says how many pages were committed, and what a process wrote there outlives it as long
as the machine runs. After a loss of power it may be older than the `-wal`, and says nothing. The forms of both files are those
of https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import struct
from pathlib import Path
from sqlite3 import Connection

#: In the `-shm`: the number of pages, and the salt of the `-wal` that they are in. The header is there twice.
_SHM_HEADER = struct.Struct("=16xI12x8s8x")
#: In the `-wal`: its salt.
_WAL_HEADER = struct.Struct("16x8s8x")
_BOOT = Path("/proc/sys/kernel/random/boot_id")

#: More pages than any `-wal` has: that of the `-shm` is gone, or another lies in its place.
GONE = 2**32


def committed(database: Path) -> int:
    """How many pages the `-wal` must have, by the `-shm`; 0 when nothing is known.

    It opens and closes both files, so SQLite must not have the database open in this process: the locks of POSIX belong to the
    process, and to close any descriptor of a file gives up all that it holds there. Other processes would then take the `-shm`
    for nobody's (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    size = _SHM_HEADER.size
    head = _head(database.with_name(f"{database.name}-shm"), 2 * size)
    if len(head) < 2 * size or head[:size] != head[size:]:  # it was cut off while it was changed
        return 0
    pages, salt = _SHM_HEADER.unpack(head[:size])
    wal = _head(database.with_name(f"{database.name}-wal"), _WAL_HEADER.size)
    same = len(wal) == _WAL_HEADER.size and _WAL_HEADER.unpack(wal) == (salt,)
    return int(pages) if same or not pages else GONE


def found(connection: Connection) -> int:
    """How many pages SQLite has found in the `-wal`. It takes them into the file by the way, as at every checkpoint."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return max(0, int(pages))  # (-1: it uses no `-wal`)


def boot() -> bytes:
    """What is different after each start of the machine; nothing where the system does not tell."""
    try:
        return _BOOT.read_bytes()
    except OSError:
        return b""


def _head(file: Path, size: int) -> bytes:
    """The first bytes of a file; fewer where there are not so many."""
    try:
        with file.open("rb") as opened:
            return opened.read(size)
    except OSError:
        return b""
