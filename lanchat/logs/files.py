"""Files: where the lines go. What can't be written is an `OSError`, and then there is nothing of it, where that can be had."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from lanchat.system.private_files import FileError, check_links, check_opened

#: Bytes of a file, and files that are kept besides the one that is written: 60 MB in all.
FILE_BYTES, OLD_FILES = 10_000_000, 5
#: How long a reader may keep the server waiting.
PATIENCE_MS = 100
#: Of a new file: who is here, from where, and what operators do is nobody else's business.
MODE = 0o600


class Out(Protocol):
    """Somewhere to write."""

    def write(self, data: bytes) -> None:
        """Write it all; raises `OSError`."""


class Torn(OSError):
    """A piece of what was to be written is, and can't be taken back."""


class Stream:
    """A descriptor that somebody else opened, and reads: a terminal, a pipe, the journal of systemd."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = _unwaiting(descriptor)
        self._room = select.poll()
        self._room.register(self._descriptor, select.POLLOUT)
        self._is_read = True
        self._torn = False

    def write(self, data: bytes) -> None:
        """Write it all; raises `OSError`, also when nobody reads. What comes after a torn line begins on a line of its own."""
        try:
            write_whole(self._descriptor, b"\n" * self._torn + data, self._wait)
        except Torn:
            self._torn = True
            raise
        self._torn = False

    def _wait(self) -> None:
        """See that a piece can be written at once; raises `OSError`. The server waits for a reader who stopped, but once."""
        if not self._room.poll(PATIENCE_MS if self._is_read else 0):
            self._is_read = False
            raise BlockingIOError(errno.EAGAIN, "nobody reads it")
        self._is_read = True


def _unwaiting(descriptor: int) -> int:
    """The same terminal, opened anew so that a write does not wait, as a terminal has room for a byte and not for a piece.

    (To have the descriptor itself not wait would change that for whoever gave it to us, a shell perhaps.)
    """
    if not os.isatty(descriptor):
        return descriptor
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it is one of another container, say
        return descriptor


class RotatedFile:
    """A file that stays small: when it is full it becomes FILE.1, what was that FILE.2, and so on; the oldest is dropped."""

    def __init__(
        self, path: Path, most_bytes: int = FILE_BYTES, old_files: int = OLD_FILES, owners: Collection[int] = ()
    ) -> None:
        """Open the file to append to it. Raises `OSError`, or `FileError` if its owner is not root, this user or an owner."""
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 (a daemon changes its directory; a link stays one)
        self._most_bytes = most_bytes
        self._old_files = old_files
        self._owners = {0, os.geteuid(), *owners}
        self._descriptor = self._opened()

    def write(self, data: bytes) -> None:
        """Write it all, into a new file if this one would be too large; raises `OSError`."""
        size = os.fstat(self._descriptor).st_size  # 0 of what is no file
        if size and size + len(data) > self._most_bytes:
            self.rotate()
        write_whole(self._descriptor, data)

    def rotate(self) -> None:
        """Begin a new file; somebody may have moved the old one away. Where there can't be another, this one begins anew."""
        try:
            self._shift()
            fresh = self._opened()
        except (OSError, FileError):  # the directory is another user's, say: rather lose the old than fill the disk
            os.ftruncate(self._descriptor, 0)
            return
        os.close(self._descriptor)
        self._descriptor = fresh

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._descriptor)

    def _shift(self) -> None:
        names = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, self._old_files + 1))]
        for newer, older in reversed([*pairwise(names)]):
            with suppress(FileNotFoundError):
                newer.replace(older)

    def _opened(self) -> int:
        check_links(self._path, self._owners)
        # A pipe that nobody reads must not hold up the start.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, MODE)
        try:
            if _is_kept(descriptor):
                check_opened(descriptor, self._path, self._owners)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _is_kept(descriptor: int) -> bool:
    """Whether it is a file or a pipe that somebody could have put there to read the log: no terminal or other device.

    What this process was started with (/dev/stdout) is whatever they wanted who started it.
    """
    found = os.fstat(descriptor)
    given: list[os.stat_result] = []
    for number in range(3):
        with suppress(OSError):  # it is closed
            given.append(os.fstat(number))
    is_given = any(os.path.samestat(found, one) for one in given)
    return not is_given and (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode))


def write_whole(descriptor: int, data: bytes, wait: Callable[[], object] = lambda: None) -> None:
    """Write it all; raises `OSError`, and then nothing of it is in the file, or `Torn`, if it is no file.

    `wait` is called before each piece. A pipe that says that there is room has it for one of those, and no more (pipe(7)).
    """
    written = 0
    try:
        while written < len(data):
            wait()
            written += os.write(descriptor, data[written : written + select.PIPE_BUF])
    except OSError as error:
        if written and not _taken_back(descriptor, written):
            raise Torn(error.errno, error.strerror) from error
        raise


def _taken_back(descriptor: int, count: int) -> bool:
    try:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - count)
        os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:  # a pipe gives nothing back
        return False
    return True
