"""BlobReader: reads a file of which somebody is sent a part, without ever making the reactor wait for the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from lanchat.files.workers import Workers

#: Linux returns what it has in memory, and fails otherwise, if it is asked so (preadv(2)); 0 on other systems.
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
#: The most bytes that are read at once; and where the reactor's thread reads them to, as new memory each time costs more.
PIECE = 131_072
_shared = memoryview(bytearray(PIECE))


class BlobReader:
    """An open file. All methods are to be called in the reactor's thread."""

    def __init__(self, workers: Workers, file: int, size: int) -> None:
        """`file` is its descriptor, `size` how many bytes it has."""
        self._workers, self._file = workers, file
        self.size = size
        self._reading = self._closed = False

    def read_now(self, start: int, most: int) -> bytes | None:
        """Some bytes from `start` on, if the system has them in memory; None if they have to be read from the disk."""
        if not _NOWAIT or self._closed:
            return None
        try:
            found = os.preadv(self._file, [_shared[:most]], start, _NOWAIT)
        except OSError:
            return None
        return bytes(_shared[:found]) if found else None

    async def read(self, start: int, most: int) -> bytes:
        """Some bytes from `start` on; b"" at the end of the file. Raises `OSError`."""
        self._reading = True
        try:
            return await self._workers.do(lambda: os.pread(self._file, most, start))
        finally:
            self._reading = False
            if self._closed:
                self._close()

    def close(self) -> None:
        """Close the file, as soon as no thread reads it."""
        if not self._closed:
            self._closed = True
            if not self._reading:
                self._close()

    def _close(self) -> None:
        with suppress(OSError):
            os.close(self._file)


async def open_blob(workers: Workers, path: Path) -> BlobReader:
    """Open a file to read it. Raises `OSError`."""

    def work() -> tuple[int, int]:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return file, os.fstat(file).st_size

    return BlobReader(workers, *await workers.do(work))
