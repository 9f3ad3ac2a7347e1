"""Witness: whether the `-wal` beside a database still has all that was committed, when a server was cut off.

SQLite takes the `-wal` as far as its sums are right, and can't know whether more was there: one that was cut, or damaged, is a
shorter one. But the `-shm` beside it says how many pages were committed, and what a process wrote there outlives it as long
as the machine runs. After a loss of power it may be older than the `-wal`, and says nothing. Its form is that of
https://www.sqlite.org/walformat.html, "The WAL-Index Header".
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

#: The number of pages, and the salt of the `-wal` that they are in; the rest is passed over. The header is there twice.
_HEADER = struct.Struct("=16xI12x8s8x")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Committed(NamedTuple):
    """How far the `-wal` was written: how many pages, and in which of all that had its name."""

    pages: int
    salt: bytes

    def within(self, now: Committed | None) -> bool:
        """Whether what was committed is still there."""
        return not self.pages or (now is not None and now.salt == self.salt and now.pages >= self.pages)


def committed(database: Path) -> Committed | None:
    """What the `-shm` of a database says; None when there is none, or it was cut off while it was changed."""
    try:
        with database.with_name(f"{database.name}-shm").open("rb") as file:
            first, second = file.read(_HEADER.size), file.read(_HEADER.size)
    except OSError:
        return None
    return Committed(*_HEADER.unpack(first)) if len(first) == _HEADER.size and first == second else None


def boot() -> bytes:
    """What is different after each start of the machine; nothing where the system does not tell."""
    try:
        return _BOOT.read_bytes()
    except OSError:
        return b""
