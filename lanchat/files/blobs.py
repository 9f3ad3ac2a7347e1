"""Blobs: the bytes of files on the disk, each kept once, under the digest of what is in it.

A file that comes is written to `tmp/`, hashed while it is written, and synced; then it gets its place, such as
`ab/abc4...` for a digest that begins with `ab`, and the directory is synced, too. So a file in its place is whole, whenever the
machine stops. All methods are to be called in the reactor's thread, and none of them waits for the disk.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lanchat.files.blob_writer import BlobWriter
from lanchat.files.directories import make_directory, sync_names
from lanchat.files.workers import Workers

#: Where in the directory of files those are that are still coming.
COMING = "tmp"

_log = Logger("lanchat.files")


class _Hold:
    """Why a file must stay."""

    __slots__ = ("count", "needed")

    def __init__(self) -> None:
        self.count = 0  # by how many it is held
        self.needed = False  # whether a message has it, or had it before


class Blobs:
    """The files of a server.

    A file is held from when it is made until a message with it is stored (`hold`, `release`), so that it is not unlinked as
    one that no message needs. Unlinking takes two steps, as whether a message needs a file is known to the database only:
    `condemn` it, ask the database, `unlink` it. Whoever holds it in between saves it.
    """

    def __init__(self, directory: Path, call_in_reactor: Callable[..., object]) -> None:
        """`call_in_reactor` has a function called in the reactor's thread, in order, like `reactor.callFromThread`."""
        self.directory = directory
        self._call_in_reactor = call_in_reactor
        self._held: dict[str, _Hold] = {}
        self._condemned: set[str] = set()
        self._going: dict[str, list[Deferred[None]]] = {}  # those that are being unlinked, with what fires afterwards

    def open(self) -> None:
        """Remove what had not come as a whole when the server stopped, and be ready for threads.

        Called once, before the reactor serves anybody. The directories are made when a file comes. Raises `OSError`.
        """
        with suppress(FileNotFoundError):
            for left in (self.directory / COMING).iterdir():
                left.unlink()
        #: Threads that write, and others that read, which must not wait until much is synced.
        self.workers, self.readers = Workers(self._call_in_reactor), Workers(self._call_in_reactor)

    def close(self) -> None:
        """End the threads, when all is done that they were given."""
        self.workers.stop()
        self.readers.stop()

    def path(self, digest: str) -> Path:
        """Where the file with this digest is, if it is there."""
        return self.directory / digest[:2] / digest

    def free(self) -> int:
        """How many bytes may still be written on the disk. Raises `OSError`."""
        try:
            found = os.statvfs(self.directory)
        except FileNotFoundError:  # (no file has come yet)
            found = os.statvfs(self.directory.parent)
        return found.f_bavail * found.f_frsize

    def begin(self, on_progress: Callable[[], object] = lambda: None) -> BlobWriter:
        """What writes a file that comes. `on_progress` is called each time a piece has been written, or could not be."""
        return BlobWriter(self.workers, self.directory / COMING / secrets.token_hex(16), self._place, on_progress)

    async def _place(self, path: Path, digest: str) -> None:
        """Put a file that has been written and synced in its place; it is held then. Raises `OSError`."""
        self.hold(digest)
        try:
            while (going := self._going.get(digest)) is not None:
                going.append(Deferred())
                await going[-1]
            if await self.workers.do(lambda: _rename(path, self.path(digest))):
                self._held[digest].needed = True  # (it was there before: whoever put it there knows whether it is needed)
        except BaseException:
            self.release(digest, needed=False)
            raise

    def hold(self, digest: str) -> None:
        """Let a file not be unlinked until `release` is called as often as this."""
        self._condemned.discard(digest)
        self._held.setdefault(digest, _Hold()).count += 1

    def release(self, digest: str, *, needed: bool) -> None:
        """Undo `hold`; `needed` says that a message with this file is stored.

        A new file that turns out not to be needed by anybody who held it is unlinked at once.
        """
        hold = self._held[digest]
        hold.count -= 1
        hold.needed |= needed
        if not hold.count:
            del self._held[digest]
            if not hold.needed:
                self._condemned.add(digest)
                self.unlink(digest).addErrback(lambda failure: _log.failure("a file stays that nobody needs", failure))

    def condemn(self, digests: Collection[str]) -> tuple[str, ...]:
        """Those of these files that nobody holds: they may be unlinked if the database, asked after this, needs them not."""
        found = tuple(digest for digest in digests if digest not in self._held)
        self._condemned.update(found)
        return found

    def spare(self, digests: Collection[str]) -> None:
        """Undo `condemn`, as a message needs these files."""
        self._condemned.difference_update(digests)

    def unlink(self, digest: str) -> Deferred[bool]:
        """Unlink a file, unless it has been held since `condemn`; fires with whether it is gone, or fails with `OSError`."""
        return Deferred.fromCoroutine(self._unlink(digest))

    async def _unlink(self, digest: str) -> bool:
        if digest not in self._condemned or digest in self._going:
            return False
        self._condemned.remove(digest)
        going: list[Deferred[None]] = []
        self._going[digest] = going
        try:
            await self.workers.do(lambda: self.path(digest).unlink(missing_ok=True))
        finally:
            del self._going[digest]
            for waits in going:
                waits.callback(None)
        return True


def _rename(coming: Path, place: Path) -> bool:
    """Give a file its place; whether one was there already, which it replaces, as that might be damaged. Raises `OSError`."""
    was_there = place.exists()
    make_directory(place.parent)
    coming.rename(place)
    sync_names(place.parent)
    return was_there
