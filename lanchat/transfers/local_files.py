"""Files of this machine that are sent, and places for those that are saved.

A name that others chose never leads out of the directory that the user chose, never replaces a file, and never begins with a
character that a shell or a program would take for more than a name.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lanchat.protocol.files import clean_name
from lanchat.protocol.packet import visible
from lanchat.transfers.failed import Failed

#: The longest name that a saved file gets, in bytes: there is room for a number, and for the end of the name of a part.
MAX_SAVED_NAME = 210
#: How many files of one name are told apart by numbers.
MAX_NUMBER = 999
#: Digits of a digest in the name of a part, and bytes that are hashed at a time.
DIGITS, CHUNK = 12, 1_048_576
#: The digest of a file as it is in a header ETag.
_TAG = re.compile(r'"([0-9a-f]{64})"')


class LocalFile(NamedTuple):
    """A file that is sent."""

    file: BinaryIO
    name: str
    size: int


def open_file(path: Path) -> LocalFile:
    """Open a file that the user wants to send. Raises `Failed`."""
    try:
        file = open(path.expanduser(), "rb", opener=lambda name, mode: os.open(name, mode | os.O_NONBLOCK))  # noqa: SIM115 (it is returned)
    except (OSError, RuntimeError, ValueError) as error:
        why = "it is a directory" if isinstance(error, IsADirectoryError) else getattr(error, "strerror", None) or "bad name"
        raise Failed(f"it can't be read: {why}.") from None
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size > 0:
        return LocalFile(file, clean_name(path.name), found.st_size)
    file.close()
    raise Failed("it is empty." if stat.S_ISREG(found.st_mode) else "only files can be sent, no directories or devices.")


def safe_name(name: str) -> str:
    """A name that others chose, as a file is called here."""
    cleaned = re.sub(r"^[-~]+", "_", clean_name(name))
    stem, dot, suffix = cleaned.rpartition(".")
    if not dot or len(suffix.encode()) > 20:
        stem, dot, suffix = cleaned, "", ""
    room = MAX_SAVED_NAME - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


def destination(where: str, name: str) -> Path:
    """Where to save a file of this name: in the directory `where` ("": the current one), or under the name `where`.

    Raises `Failed`.
    """
    try:
        path = Path(where or ".").expanduser()
        if "\0" in where:
            raise ValueError(where)
        is_folder = path.is_dir()
        if not is_folder and (where.endswith("/") or not path.parent.is_dir()):
            raise Failed(f"there is no directory {visible(where if where.endswith('/') else str(path.parent), 200)}.")
    except (OSError, RuntimeError, ValueError):
        raise Failed(f"{visible(where, 200)} can't be used as a place for it.") from None
    return path / safe_name(name) if is_folder else path


def digest_of(tag: str) -> str:
    """The digest in a header ETag; "" if there is none."""
    match = _TAG.fullmatch(tag)
    return match[1] if match else ""


class Part:
    """A file of which not everything has come yet: `NAME.DIGEST.part` beside the place where it will be.

    If the connection is cut it stays, and is continued later: the digest in its name says of which file it is a part.
    """

    def __init__(self, place: Path, digest: str) -> None:
        """`place` is where the file will be, `digest` its SHA-256 in hexadecimal digits; "" if it is not known.

        Raises `Failed`.
        """
        self._place = place
        self._digest = digest
        self.path = place.with_name(f"{safe_name(place.name)}.{digest[:DIGITS] or 'new'}.part")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._file = open(self.path, "r+b", opener=lambda name, mode: os.open(name, flags, 0o666))  # noqa: SIM115 (`close` is below)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Failed("it is being saved already.") from None
        except OSError as error:
            raise Failed(f"{visible(str(self.path), 200)} can't be written: {error.strerror or error}.") from None
        if not digest:
            self._file.truncate(0)
        #: How many bytes are there.
        self.size = os.fstat(self._file.fileno()).st_size
        self._file.seek(self.size)

    def restart(self) -> None:
        """Begin anew."""
        self._file.truncate(0)
        self._file.seek(0)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write the next bytes. Raises `OSError`."""
        self._file.write(data)
        self.size += len(data)

    def close(self) -> None:
        """Close it. What has come stays, if it is of use."""
        try:
            self._file.close()
        except OSError:
            return
        finally:
            if not self.size or not self._digest:
                self.path.unlink(missing_ok=True)

    def finish(self) -> Path:
        """Check that it is the whole file, and put it in its place; returns where that is. To be called in a thread.

        Raises `Failed`, or `OSError`.
        """
        self._file.flush()
        if self._digest and self._hashed() != self._digest:
            self.restart()
            raise Failed("what came is damaged, so it was not kept. Try again.")
        os.fsync(self._file.fileno())
        for number in range(MAX_NUMBER + 1):
            place = self._place
            if number:
                place = place.with_name(f"{place.stem} ({number}){place.suffix}")
            try:
                _move(self.path, place)
            except FileExistsError:
                continue
            self._digest = self._digest or "moved"
            return place
        raise Failed(f"there are too many files called {visible(self._place.name, 200)} already.")

    def _hashed(self) -> str:
        hashed = hashlib.sha256()
        self._file.seek(0)
        while data := self._file.read(CHUNK):
            hashed.update(data)
        return hashed.hexdigest()


def _move(part: Path, place: Path) -> None:
    """Give a file another name, without replacing any. Raises `OSError`."""
    try:
        os.link(part, place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        os.close(os.open(place, os.O_CREAT | os.O_EXCL, 0o666))  # (a file system without hard links)
        part.replace(place)
    else:
        part.unlink()
