"""The files of messages in backups: beside a copy of the database is a directory of the same name and `.files`.

In it each file is under its digest, as in a data directory, so what was copied can be compared with its name. A backup on the
same file system has the files as hard links (link(2)), which take no space, as their bytes never change.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.maintenance.kept_files import BLOCK, COMING, check_plain, digest_of, place, present
from lanchat.protocol.packet import visible
from lanchat.store import replace_db, schema
from lanchat.system.private_files import OTHERS_WRITE, FileError, give_to_owner
from lanchat.tables import files

#: The end of the name of the directory with the files of a copy of the database.
END = ".files"
#: The version of the database from which on messages may have files.
SINCE = 4


class Copied(NamedTuple):
    """What was copied."""

    #: How many files, and how many bytes they have.
    number: int
    bytes: int
    #: The digests of those that are not there, or of which the bytes are not what was sent.
    lost: frozenset[str]


def beside(database: Path) -> Path:
    """The directory with the files of a copy of the database."""
    return database.with_name(f"{database.name}{END}")


def others(database: Path) -> list[Path]:
    """The directories with the files of other backups in the same directory, the newest first, by their names."""
    return sorted((found for found in database.parent.glob(f"*{END}") if found.is_dir()), reverse=True)


def needed(connection: Connection) -> set[str]:
    """The digests of all files that messages in a database need; it may be of an older version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return files.digests(connection) if version >= SINCE else set()


def copy_out(
    source: Path, target: Path, digests: Collection[str], report: Callable[[float], object], others: Sequence[Path] = ()
) -> Copied:
    """Copy files to a new directory, and sync it. `report` is told the share that is done.

    Files are links to those of the source, or, if that is on another file system, to those of `others`, which are directories
    of earlier backups; otherwise copies. Raises `OSError` or `FileError`.
    """
    check_plain(source)
    target.mkdir(0o700)
    count = size = 0
    lost: set[str] = set()
    for number, digest in enumerate(sorted(digests)):
        try:
            size += _copy(place(source, digest), _made(target, digest), others)
            count += 1
        except (FileNotFoundError, _Damaged):
            lost.add(digest)
        report((number + 1) / len(digests))
    _sync(target, digests)
    return Copied(count, size, frozenset(lost))


@contextmanager
def keeping(directory: Path, database: Path, old: Path) -> Iterator[None]:
    """Keep the files of a database beside it, which is moved aside in the block (from `database` to `old`).

    If the block raises before that has begun, they are not kept twice. Raises `OSError` or `FileError`.
    """
    try:
        check_plain(directory)
        if database.exists() and (digests := list(present(directory))):
            copy_out(directory, beside(old), digests, lambda done: None)
            _give(beside(old), beside(old).rglob("*"))
        yield
    except BaseException:
        if not replace_db.is_begun(database):
            shutil.rmtree(beside(old), ignore_errors=True)
        raise


def bring_in(source: Path, directory: Path, digests: Collection[str], report: Callable[[float], object]) -> Copied:
    """Copy files to a data directory's `files`, each only if its bytes are what was sent. Raises `OSError` or `FileError`.

    Those that are there already are left as they are, if their bytes are right.
    """
    check_plain(directory)
    count = size = 0
    lost: set[str] = set()
    for number, digest in enumerate(sorted(digests)):
        into = place(directory, digest)
        with suppress(FileNotFoundError):
            if _digest_of_plain(into) == digest:
                continue
        for made in (directory, directory / COMING, into.parent):
            _make(made)
        part = directory / COMING / secrets.token_hex(16)
        try:
            size += _copy_bytes(place(source, digest), part)
            part.rename(into)
            count += 1
        except (FileNotFoundError, NotADirectoryError, _Damaged):
            lost.add(digest)
        finally:
            part.unlink(missing_ok=True)
        report((number + 1) / len(digests))
    if count:
        _sync(directory, digests)
    return Copied(count, size, frozenset(lost))


def restore(connection: Connection, file: Path, directory: Path, incomplete: bool, report: Callable[[float], object]) -> Copied:
    """Bring in what the messages in a restored database need, from beside its backup. Raises as `bring_in` does.

    Unless it may be `incomplete`, it raises `FileError` if some are missing or damaged.
    """
    source = beside(file)
    copied = bring_in(source, directory, needed(connection), report)
    if copied.lost and not incomplete:
        raise FileError(
            f"{len(copied.lost)} of the files that were sent are missing or damaged in {source}, such as "
            f"{_names(connection, copied.lost, 1)}. Copy that directory, too, or do without them: --incomplete."
        )
    return copied


def _names(connection: Connection, digests: Iterable[str], most: int) -> str:
    """The names of some files, at most so many, for a sentence."""
    asked = "SELECT name FROM files WHERE digest = :digest OR (thumb = :digest AND thumb != '') LIMIT 1"
    found = [connection.execute(asked, {"digest": digest}).fetchone() for digest in sorted(digests)[:most]]
    return ", ".join(visible(str(name), 60) for (name,) in filter(None, found))


class _Damaged(Exception):
    """The bytes of a file are not those that its name tells."""


def _copy(source: Path, target: Path, others: Sequence[Path]) -> int:
    """Link a file, or copy it where that is not possible; returns its size. Raises `OSError` or `_Damaged`."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # (it is another file system, or one without links)
        if not any(_linked(place(other, source.name), target) for other in others):
            return _copy_bytes(source, target)
    found = target.lstat()
    if not stat.S_ISREG(found.st_mode):
        target.unlink()
        raise _Damaged
    return found.st_size


def _linked(other: Path, target: Path) -> bool:
    """Link a file of an earlier backup, if it is there, nobody else can change it, and its bytes are right."""
    try:
        found = other.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & OTHERS_WRITE or not stat.S_ISREG(found.st_mode):
            return False
        os.link(other, target, follow_symlinks=False)
    except OSError:
        return False
    if digest_of(target) == other.name:
        return True
    target.unlink()
    return False


def _copy_bytes(source: Path, target: Path) -> int:
    """Copy a file whose name is its digest to a new one, and sync that; returns its size. Raises `OSError` or `_Damaged`."""
    with open(source, "rb", opener=_open_plain) as opened:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as copied:  # noqa: PTH123 (a descriptor)
            give_to_owner(descriptor, target.parent)
            hashed = hashlib.sha256()
            for block in iter(partial(opened.read, BLOCK), b""):
                hashed.update(block)
                copied.write(block)
            copied.flush()
            os.fsync(descriptor)
            if hashed.hexdigest() != source.name:
                target.unlink()
                raise _Damaged
            return copied.tell()


def _open_plain(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _digest_of_plain(path: Path) -> str:
    """The digest of a file; "" if it is none, but a link or a directory. Raises `FileNotFoundError` or `OSError`."""
    return digest_of(path) if stat.S_ISREG(path.lstat().st_mode) else ""


def _made(target: Path, digest: str) -> Path:
    """The place of a file in a directory of files, in which its own directory is made."""
    into = place(target, digest)
    into.parent.mkdir(0o700, exist_ok=True)
    return into


def _make(directory: Path) -> None:
    """Make a directory that belongs to the owner of the one that it is in; one that is there must be no link."""
    try:
        directory.mkdir(0o700)
    except FileExistsError:
        if directory.is_symlink() or not directory.is_dir():
            raise FileError(f"{directory} is not a directory. Move it away.") from None
        return
    _give(directory, ())


def _give(directory: Path, inside: Iterable[Path]) -> None:
    """If root made a directory, let it belong to the owner of the one that it is in, with the directories in it."""
    owner = directory.parent.stat()
    if os.geteuid() == 0 != owner.st_uid:
        for made in (directory, *inside):
            if made.lstat().st_uid == 0 and stat.S_ISDIR(made.lstat().st_mode):
                os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _sync(directory: Path, digests: Collection[str]) -> None:
    """Wait until the names of these files are on the disk, as their bytes are. Raises `OSError`."""
    for beginning in {digest[:2] for digest in digests}:
        if (inside := directory / beginning).exists():
            schema.sync_directory(inside)
    schema.sync_directory(directory)
    schema.sync_directory(directory.parent)
