"""Where the lines of the log are written: a stream such as stdout, or files that rotate.

If a write fails with `OSError`, nothing of the line is in the file, as far as that can be undone.
"""

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

#: The largest size of a file in bytes, and how many older files are kept: 60 MB in all.
FILE_BYTES, OLD_FILES = 10_000_000, 5
#: How many milliseconds a reader of the log may keep the server waiting.
READER_WAIT_MS = 100
#: The mode of a new file: the log shows who is online, from where, and what operators do.
FILE_MODE = 0o600


class Output(Protocol):
    """Something to which a formatted event can be written."""

    def write(self, data: bytes) -> None:
        """Write all of `data`; raises `OSError`."""


class PartialWrite(OSError):
    """Only a part of the data was written, and it can't be undone."""


class StreamOutput:
    """An open descriptor that another program reads: a terminal, a pipe, or the journal of systemd."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = _nonblocking(descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        self._is_read = True
        self._torn = False

    def write(self, data: bytes) -> None:
        """Write all of `data`; raises `OSError`, also if nobody reads. What follows a partial line begins on a new line."""
        try:
            write_all(self._descriptor, b"\n" * self._torn + data, self._wait)
        except PartialWrite:
            self._torn = True
            raise
        self._torn = False

    def _wait(self) -> None:
        """Wait until a piece can be written, or raise `OSError`. A reader that has stopped reading is waited for only once."""
        if not self._poll.poll(READER_WAIT_MS if self._is_read else 0):
            self._is_read = False
            raise BlockingIOError(errno.EAGAIN, "nobody reads it")
        self._is_read = True


def _nonblocking(descriptor: int) -> int:
    """The same terminal, opened again in non-blocking mode: a terminal that is ready may have room for a single byte only.

    Changing the mode of the descriptor itself would change it for whoever gave it to us, such as a shell.
    """
    if not os.isatty(descriptor):
        return descriptor
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # a terminal of another container, for example
        return descriptor


class RotatingFile:
    """A file of bounded size: when full it becomes FILE.1, the one before that FILE.2, and so on; the oldest is deleted."""

    def __init__(
        self, path: Path, max_bytes: int = FILE_BYTES, old_files: int = OLD_FILES, owners: Collection[int] = ()
    ) -> None:
        """Open the file to append to it. Raises `OSError`, or `FileError` if it is not owned by root, this user or `owners`."""
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 (a daemon changes its directory; `resolve` would follow links)
        self._max_bytes = max_bytes
        self._old_files = old_files
        self._owners = {0, os.geteuid(), *owners}
        self._descriptor = self._opened()

    def write(self, data: bytes) -> None:
        """Write all of `data`, after rotating if the file would become too large; raises `OSError`."""
        size = os.fstat(self._descriptor).st_size  # 0 unless it is a regular file
        if size and size + len(data) > self._max_bytes:
            self.rotate()
        write_all(self._descriptor, data)

    def rotate(self) -> None:
        """Rename the files and begin a new one; if that is not possible, empty this one.

        Another program may have moved the file away (logrotate).
        """
        try:
            self._shift()
            descriptor = self._opened()
        except (OSError, FileError):  # no right to rename, perhaps: rather lose old lines than fill the disk
            os.ftruncate(self._descriptor, 0)
            return
        os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        """Close the file; nothing may be written after that."""
        os.close(self._descriptor)

    def _shift(self) -> None:
        names = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, self._old_files + 1))]
        for newer, older in reversed([*pairwise(names)]):
            with suppress(FileNotFoundError):
                newer.replace(older)

    def _opened(self) -> int:
        check_links(self._path, self._owners)
        # O_NONBLOCK: opening a pipe that nobody reads must not block the start.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, FILE_MODE)
        try:
            if _needs_check(descriptor):
                check_opened(descriptor, self._path, self._owners)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _needs_check(descriptor: int) -> bool:
    """Whether another user could have made this file or pipe to read the log: not a terminal or another device.

    The descriptors that this process was started with (/dev/stdout) are what its caller wanted, and are not checked.
    """
    found = os.fstat(descriptor)
    given: list[os.stat_result] = []
    for number in range(3):
        with suppress(OSError):  # the descriptor is closed
            given.append(os.fstat(number))
    is_given = any(os.path.samestat(found, one) for one in given)
    return not is_given and (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode))


def write_all(descriptor: int, data: bytes, wait: Callable[[], object] = lambda: None) -> None:
    """Write all of `data`; raises `OSError` if nothing of it was written or it could be undone, and else `PartialWrite`.

    `wait` is called before each piece of `PIPE_BUF` bytes, as a pipe that is ready has room for one of these only (pipe(7)).
    """
    written = 0
    try:
        while written < len(data):
            wait()
            written += os.write(descriptor, data[written : written + select.PIPE_BUF])
    except OSError as error:
        if written and not _undone(descriptor, written):
            raise PartialWrite(error.errno, error.strerror) from error
        raise


def _undone(descriptor: int, count: int) -> bool:
    try:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - count)
        os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:  # impossible with a pipe
        return False
    return True
