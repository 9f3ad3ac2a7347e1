"""Cleaning: files that no message needs any more are unlinked.

When messages are removed (by a withdrawal, an erasure or retention), the digests of their files are put on a list, the table
`unlinked`. This takes them off it, and unlinks those that no other message has. A server that was killed in between, or between
the end of an upload and the commit of its message, leaves files that are on no list: they are found after the next start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from functools import partial
from itertools import islice
from sqlite3 import Connection

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from lanchat.files.blobs import Blobs
from lanchat.maintenance import kept_files
from lanchat.maintenance.pacing import Pace, Stopped
from lanchat.protocol.interfaces import Clock, DelayedCall
from lanchat.protocol.packet import visible
from lanchat.store.store import Store
from lanchat.system.private_files import FileError
from lanchat.tables import files
from lanchat.tables.files import ForgetStrays, TakeUnneeded

#: How many files are looked at in one step.
STEP = 200
#: Seconds from the removal of a message to the cleaning, which is then for all that were removed meanwhile; and until it is
#: tried again if it failed, or if a backup was reading the files.
PAUSE, AGAIN = 1.0, 60.0
#: Seconds between two steps.
REST = 0.05
#: How many times `clean` tries, a second apart, while a backup is reading the files.
TRIES = 10

_log = Logger("lanchat.files")


class _BeingRead(Exception):
    """A backup is reading the files, so none may be unlinked."""


class Cleaning(Service):
    """Unlinks files that no message needs. As a service it does so whenever `soon` is called, and after the start."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock, forgotten: Callable[[], Awaitable[None]]) -> None:
        """`forgotten` is called when messages with files were removed, so that the bytes that are kept are counted anew."""
        self._store, self._blobs, self._clock, self._forgotten = store, blobs, clock, forgotten
        self._pace = Pace(store, clock)
        self._one = DeferredLock()
        self._timer: DelayedCall | None = None
        self._orphans = True  # whether files are to be looked for that are on no list
        #: How many files were unlinked since the start of the server.
        self.unlinked = 0

    def startService(self) -> None:
        """Begin to look for what a server left that was stopped or killed."""
        super().startService()
        self._pace.start()
        self._schedule(0)

    def stopService(self) -> None:
        """Leave what is left to the next start."""
        super().stopService()
        self._pace.stop()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def soon(self) -> None:
        """Note that messages were removed, perhaps with files."""
        self._schedule(PAUSE)

    def _schedule(self, seconds: float) -> None:
        if self.running and self._timer is None:
            self._timer = self._clock.callLater(seconds, self._begin)

    def _begin(self) -> None:
        self._timer = None
        Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        try:
            await self._clean_alone(orphans=False)
        except Stopped:
            pass
        except _BeingRead:
            self._schedule(AGAIN)
        except Exception as error:  # noqa: BLE001 (whatever it was, it is logged and tried again)
            why = visible(str(error) or type(error).__name__)
            _log.error("files that no message needs may still be on the disk; this is tried again: {why}", why=why)
            self._schedule(AGAIN)

    async def clean(self, *, orphans: bool = False) -> int:
        """Unlink what no message needs now, and return how many files that were. Raises `FileError` if some may be left.

        With `orphans`, files that are on no list are looked for, too.
        """
        for left in reversed(range(TRIES)):
            try:
                return await self._clean_alone(orphans=orphans)
            except _BeingRead:
                if not left:
                    raise FileError("the files are being read by a backup") from None
            except Stopped:
                raise FileError("the server is being stopped") from None
            except OSError as error:
                raise FileError(f"a file could not be unlinked: {error}") from None
            await self._wait(1.0)
        raise AssertionError("the last try returns or raises")

    def _wait(self, seconds: float) -> Deferred[None]:
        over: Deferred[None] = Deferred()
        self._clock.callLater(seconds, over.callback, None)
        return over

    async def mend(self, strays: Collection[int]) -> tuple[int, int]:
        """Forget files whose message is not there (at these places), and unlink all files that no message needs.

        Returns how many were forgotten, and how many unlinked. Raises as `clean` does, or `NotStored`.
        """
        forgotten = await self._store.write(ForgetStrays(tuple(strays))) if strays else 0
        return forgotten, await self.clean(orphans=True)

    async def _clean_alone(self, *, orphans: bool) -> int:
        """Clean while nobody else does. Raises `_BeingRead`, `OSError`, `Stopped`, or what the store raises."""
        async with self._one:
            return await self._clean(orphans=orphans or self._orphans)

    async def _clean(self, *, orphans: bool) -> int:
        before, after, any_forgotten = self.unlinked, "", False
        try:
            while listed := await self._pace.read(partial(files.listed, after=after, most=STEP)):
                after, any_forgotten = listed[-1], True
                await self._unlink(listed, self._take)
            if orphans:
                there = await self._blobs.workers.do(lambda: list(kept_files.present(self._blobs.directory)))
                for some in _in_steps(there):
                    await self._unlink(some, self._find_unneeded)
                    await self._wait(REST)  # (so that a backup that waits may have the lock)
                self._orphans = False
        finally:
            if done := self.unlinked - before:
                _log.info("{count} files that no message needed were unlinked", count=done)
            if any_forgotten:
                await self._forgotten()
        return done

    async def _take(self, digests: tuple[str, ...]) -> tuple[str, ...]:
        return await self._pace.write(TakeUnneeded(digests))

    async def _find_unneeded(self, digests: tuple[str, ...]) -> tuple[str, ...]:
        def find(connection: Connection) -> tuple[str, ...]:
            kept = files.needed(connection, digests)
            return tuple(digest for digest in digests if digest not in kept)

        return await self._pace.read(find)

    async def _unlink(self, digests: Collection[str], find: Callable[[tuple[str, ...]], Awaitable[tuple[str, ...]]]) -> None:
        """Unlink those of these files that nobody holds and, as `find` says, no message needs."""
        with kept_files.unlinking(self._blobs.directory) as allowed:
            if not allowed:
                raise _BeingRead
            condemned = self._blobs.condemn(digests)
            try:
                for digest in await find(condemned) if condemned else ():
                    self.unlinked += await self._blobs.unlink(digest)
            except OSError:
                self._orphans = True  # (they may be on the list no more)
                raise
            finally:
                self._blobs.spare(condemned)


def _in_steps(digests: list[str]) -> Iterator[tuple[str, ...]]:
    left = iter(digests)
    while some := tuple(islice(left, STEP)):
        yield some
