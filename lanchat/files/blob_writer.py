"""BlobWriter: writes one file that comes, in a thread, and hashes it meanwhile."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.files.directories import make_directory
from lanchat.files.workers import Workers

#: So many bytes are handed to the thread at once, unless the file is over: fewer would cost a change of threads for little.
PIECE = 262_144
#: The writer is `full` when so many bytes wait to be written, until half of them are.
MOST_WAITING = 1_048_576
#: Data shorter than this is joined, as each piece costs something.
SMALL = 8192
#: After so many bytes, the system is asked to begin writing them to the disk, so that the sync at the end takes less.
WRITE_BACK = 4_194_304


class Written(NamedTuple):
    """A file that is in its place, and held there (`Blobs.release`)."""

    digest: str
    size: int


class BlobWriter:
    """One file that comes. It ends with `finish` or with `abandon`."""

    def __init__(
        self,
        workers: Workers,
        path: Path,
        place: Callable[[Path, str], Awaitable[None]],
        on_progress: Callable[[], object],
    ) -> None:
        """It is written to `path`; `place` puts it in its place then, by its digest. See `Blobs.begin` for `on_progress`."""
        self._workers, self._path, self._place, self._on_progress = workers, path, place, on_progress
        self._pieces: list[bytes] = []  # that wait for the thread
        self._small = bytearray()  # what comes behind them
        self._queued = self._in_thread = 0  # bytes that wait, and bytes that the thread has
        self._busy = self._abandoned = False
        self._failure: Failure | None = None
        self._waits: Deferred[None] | None = None  # fires when nothing waits any more, for `finish`
        #: How many bytes came so far.
        self.size = 0
        # What only the thread uses.
        self._hash = hashlib.sha256()
        self._file = -1
        self._written = self._begun = 0

    def write(self, data: bytes) -> None:
        """Take a piece. It is written later: see `full`. Raises `OSError` if what came before could not be written."""
        if self._failure is not None:
            self._failure.raiseException()
        self.size += len(data)
        self._queued += len(data)
        if len(data) < SMALL:
            self._small += data
            if len(self._small) >= SMALL:
                self._flush_small()
        else:
            self._flush_small()
            self._pieces.append(data)
        if self._queued >= PIECE:
            self._hand_over()

    @property
    def full(self) -> bool:
        """Whether nothing more should be brought until `on_progress` has been called and this has changed."""
        return self._failure is None and self._queued + self._in_thread >= MOST_WAITING

    async def finish(self) -> Written:
        """Write the rest, sync the file and put it in its place. Raises `OSError`; nothing stays then."""
        try:
            self._flush_small()
            if self._pieces or self._busy:
                self._waits = Deferred()
                self._hand_over()
                await self._waits
            if self._failure is not None:
                self._failure.raiseException()
            digest = await self._workers.do(self._complete)
            await self._place(self._path, digest)
        except BaseException:
            self.abandon()
            raise
        return Written(digest, self.size)

    def abandon(self) -> None:
        """Let nothing stay of the file."""
        self._pieces.clear()
        self._small.clear()
        if self._abandoned:
            return
        self._abandoned = True
        if not self._busy:
            self._remove_soon()

    def _remove_soon(self) -> None:
        self._workers.do(self._remove).addErrback(lambda _: None)  # (`Blobs.open` removes what stays)

    def _flush_small(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()

    def _hand_over(self) -> None:
        """Let the thread write what waits, if it does not write already."""
        if self._busy or not self._pieces:
            return
        self._busy = True
        pieces, self._pieces = self._pieces, []
        self._in_thread = sum(map(len, pieces))
        self._queued -= self._in_thread
        self._workers.do(lambda: self._store(pieces)).addBoth(self._stored)

    def _stored(self, result: Failure | None) -> None:
        self._busy = False
        self._in_thread = 0
        if self._abandoned:
            self._remove_soon()
            return
        if isinstance(result, Failure):
            self._failure = result
            self._pieces.clear()
        if self._queued >= PIECE or self._waits is not None:
            self._hand_over()
        if self._waits is not None and not self._busy:
            waits, self._waits = self._waits, None
            waits.callback(None)
        self._on_progress()

    def _store(self, pieces: list[bytes]) -> None:
        """Hash and write some pieces. Called in a thread."""
        if self._file < 0:
            self._open()
        for piece in pieces:
            self._hash.update(piece)
        size = sum(map(len, pieces))
        if (done := os.writev(self._file, pieces)) < size:  # (the disk is nearly full: the next attempt says so)
            rest = memoryview(b"".join(pieces))[done:]
            while rest:
                rest = rest[os.write(self._file, rest) :]
        self._written += size
        if self._written - self._begun >= WRITE_BACK:
            self._begin_writing_back()

    def _open(self) -> None:
        if not self._path.parent.exists():
            make_directory(self._path.parent)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _begin_writing_back(self) -> None:
        """Have the system begin to write what was written, without waiting for it."""
        with suppress(OSError):
            os.posix_fadvise(self._file, self._begun, self._written - self._begun, os.POSIX_FADV_DONTNEED)
        self._begun = self._written

    def _complete(self) -> str:
        """Sync and close the file; returns its digest. Called in a thread."""
        if self._file < 0:  # (it is empty)
            self._open()
        os.fsync(self._file)
        self._close()
        return self._hash.hexdigest()

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _remove(self) -> None:
        """Remove what was written. Called in a thread."""
        self._close()
        with suppress(FileNotFoundError):
            self._path.unlink()
