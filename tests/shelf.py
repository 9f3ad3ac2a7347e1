"""A log and the files of its messages, in real threads on a real disk, for tests of what keeps the two together."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lanchat.files.blobs import Blobs
from lanchat.files.cleaning import Cleaning
from lanchat.protocol.entry import FILE, WITHDRAW, Entry
from lanchat.protocol.files import ANY_TYPE, FileInfo
from tests.stores import Desk, entry

T = TypeVar("T")


class Shelf:
    """A store, its files, and what unlinks them; timers run out as soon as nothing else is left to wait for."""

    def __init__(self, directory: Path) -> None:
        """All of it is kept in this data directory."""
        self.directory = directory / "files"
        self.desk, self.clock = Desk(directory), Clock()
        self.blobs = Blobs(self.directory, self.desk.store.call_in_reactor)
        self.blobs.open()
        #: How many times the bytes that are kept were counted anew.
        self.counted = 0
        self.cleaning = Cleaning(self.desk.store, self.blobs, self.clock, self._count)

    def _count(self) -> Deferred[None]:
        self.counted += 1
        return succeed(None)

    def wait(self, answer: Deferred[T]) -> T:
        """The answer; raises what went wrong."""
        found: list[Any] = []
        answer.addBoth(found.append)
        while not found:
            if self.clock.getDelayedCalls():
                self.clock.advance(1)
            else:
                self.desk.turn()
        if isinstance(found[0], Failure):
            found[0].raiseException()
        result: T = found[0]
        return result

    def write(self, content: bytes) -> str:
        """Put a file in its place, as an upload does that has all bytes; it is held. Returns its digest."""
        writer = self.blobs.begin()
        writer.write(content)
        return self.wait(Deferred.fromCoroutine(writer.finish())).digest

    def send(self, content: bytes, thumb: bytes = b"", **members: Any) -> Entry:
        """Send a file, which has its content as its name; the message."""
        digests = [self.write(one) for one in (content, thumb) if one]
        small = (digests[1], "image/png", len(thumb)) if thumb else ("", "", 0)
        name = content.decode(errors="replace")[:20]
        file = FileInfo(name, ANY_TYPE, len(content), digests[0], 0, 0, *small)
        (said,) = self.desk.say(entry(name, kind=FILE, file=file, **members))
        for one in digests:
            self.blobs.release(one, needed=True)
        return said

    def withdraw(self, said: Entry) -> None:
        """Withdraw a message."""
        (withdrawal,) = self.desk.say(entry("", kind=WITHDRAW, about=said.seq))
        assert withdrawal.seq

    def clean(self, *, orphans: bool = False) -> int:
        """Unlink what no message needs."""
        return self.wait(Deferred.fromCoroutine(self.cleaning.clean(orphans=orphans)))

    def there(self) -> set[str]:
        """The digests of all files that are on the disk."""
        for _ in range(2):  # (what the threads did may lead to more)
            self.wait(self.blobs.workers.do(lambda: None))
        return {path.name for path in self.directory.rglob("*") if path.is_file()}

    def close(self) -> None:
        """End as a server does."""
        if self.cleaning.running:
            self.cleaning.stopService()
        self.blobs.close()
        self.desk.close()

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def digest_of(content: bytes) -> str:
    """As `sha256sum` says."""
    return hashlib.sha256(content).hexdigest()
