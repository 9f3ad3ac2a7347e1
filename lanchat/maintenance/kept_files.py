"""The directory in which the files of messages are kept, as long work on it sees it: `lanchat.files.blobs` describes it.

While a backup copies files, none of them may be unlinked, or the backup would lack what its copy of the database needs. So a
backup holds a lock of the directory that it shares with other backups (`reading`), and a server unlinks files only while it has
that lock alone (`unlinking`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from lanchat.system.private_files import FileError

#: The name of the directory of files beside the database; and in it, of that for files that are still coming.
FILES, COMING = "files", "tmp"
#: Names of files, and of the directories that they are in.
_DIGEST, _BEGINNING = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{2}")
#: How many bytes are read at a time.
BLOCK = 1 << 20


def place(directory: Path, digest: str) -> Path:
    """Where the file with this digest is in a directory of files, if it is there."""
    return directory / digest[:2] / digest


def check_plain(directory: Path) -> None:
    """Raise `FileError` if a directory of files, or one in it, is a link: root might follow it to files of other users."""
    for found in (directory, *(directory.iterdir() if directory.is_dir() else ())):
        if found.is_symlink():
            raise FileError(f"{found} is not a directory. Move it away.")


def present(directory: Path) -> Iterator[str]:
    """The digests that files in a directory have as their names. Raises `OSError`."""
    with suppress(FileNotFoundError):
        for beginning in sorted(directory.iterdir()):
            if _BEGINNING.fullmatch(beginning.name) and beginning.is_dir():
                names = sorted(found.name for found in os.scandir(beginning) if found.is_file(follow_symlinks=False))
                yield from (name for name in names if _DIGEST.fullmatch(name) and name.startswith(beginning.name))


def digest_of(path: Path) -> str:
    """The digest of what is in a file. Raises `OSError`."""
    hashed = hashlib.sha256()
    with path.open("rb") as opened:
        for block in iter(partial(opened.read, BLOCK), b""):
            hashed.update(block)
    return hashed.hexdigest()


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """No file in this directory is unlinked in the block; it waits for a server that is doing that. Raises `OSError`."""
    with _locked(directory, fcntl.LOCK_SH):
        yield


@contextmanager
def unlinking(directory: Path) -> Iterator[bool]:
    """Whether files in this directory may be unlinked in the block: not while somebody has them for `reading`.

    Raises `OSError`.
    """
    with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB) as locked:
        yield locked


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[bool]:
    try:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:  # (no file has come yet)
        yield True
        return
    try:
        try:
            fcntl.flock(opened, how)
        except BlockingIOError:
            yield False
            return
        except OSError:  # (the file system has no locks)
            pass
        yield True
    finally:
        os.close(opened)
