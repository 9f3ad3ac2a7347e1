"""Backups: copies of the database, which can be made while the server runs, and restored while it does not."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import BinaryIO, NamedTuple

from lanchat.maintenance import file_backup, kept_files
from lanchat.maintenance.file_backup import Copied
from lanchat.protocol.entry import COLUMNS, entry_from_row
from lanchat.store import open_db, replace_db, schema
from lanchat.system.private_files import FileError, open_safely, rename_without_replacing, temporary_directory
from lanchat.tables import rows
from lanchat.tables.recent import newest_seq

#: What people can do about a file that can't be restored.
ANOTHER = "Use an older backup."
#: How many bytes are copied at a time.
BLOCK = 1 << 20
#: The suffixes of files beside a database that may have a part of its data.
BESIDE = ("-wal", "-journal")


class Report(NamedTuple):
    """Who is told how far a backup has come, in the thread that makes it."""

    #: Called with the path of the file that is written first, and renamed when it is complete.
    begun: Callable[[Path], object] = lambda part: None
    #: Called with the share of the files that are copied, from 0 to 1.
    files: Callable[[float], object] = lambda done: None


UNREPORTED = Report()


def copy_out(directory: Path, target: Path, report: Report = UNREPORTED, *, with_files: bool = True) -> Copied:
    """Copy the database, as it is at this moment, to a new file, whether a server runs or not. Raises `FileError`.

    The files that its messages need are copied to a directory beside it (`lanchat.maintenance.file_backup`), unless told
    otherwise; the result says how many.
    """
    if not (directory / open_db.FILE).exists():
        raise FileError(f"{directory} has no {open_db.FILE}. Name the server's data directory with --data.")
    try:
        lock = open_db.Lock(directory, for_owner=True)
    except open_db.NotTaken:  # (a server has the lock, and keeps the database in order)
        return _copy_out(directory, target, "ro", report, with_files)
    try:
        connection = open_db.open_to_write(directory, lock)  # (this recovers it after a crash)
        open_db.close_complete(connection)
        return _copy_out(directory, target, "rw", report, with_files)
    finally:
        lock.release()


class Restored(NamedTuple):
    """What was restored."""

    #: The path of the database that was there before, if there was one.
    old: Path
    #: The files of messages that were copied.
    files: Copied


def restore(
    directory: Path, file: Path, when: str, *, incomplete: bool = False, report: Callable[[float], object] = lambda done: None
) -> Restored:
    """Replace the database by a backup, with its files. The old one is kept with `when` in its name.

    The file may come from elsewhere, so it is copied first: what is checked is what is used, and the file itself is neither
    changed nor opened by SQLite. A new epoch begins. The server must not run. Raises `FileError`, also if files are missing or
    damaged, unless it may be `incomplete`. `report` is told the share of the files that are copied.
    """
    path = directory / open_db.FILE
    with locked(directory), as_file_error(path), _resting(file, directory), replace_db.making(path) as part:
        wal_was_there = _copy_in(file, part)
        with open_db.closing(part) as connection:
            with as_file_error(file):
                open_db.check_schema(connection, file, remedy=ANOTHER)
                check_all(connection, file, wal_was_there)
            begin_epoch(connection)
            connection.execute("PRAGMA journal_mode = DELETE")  # all of it is in one file from here on
        old, files = replace_db.old_name(path, when), directory / kept_files.FILES
        with file_backup.keeping(files, path, old):
            with open_db.closing(part, "ro") as connection:
                copied = file_backup.restore(connection, file, files, incomplete, report)
            return Restored(replace_db.replace(path, part, when), copied)


@contextmanager
def _resting(file: Path, directory: Path) -> Iterator[None]:
    """No server writes to a file meanwhile that is not in this directory, which is locked; raises `FileError` when one does."""
    with as_file_error(file):
        is_inside = file.parent.samefile(directory)
    lock = None if is_inside else _opened(file.with_name(open_db.LOCK), {directory.stat().st_uid})
    with lock or nullcontext():
        try:
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileError(
                f"{file} is in use by a server. Make a backup of it (lanchat-admin backup), and restore that."
            ) from None
        yield


def _opened(file: Path, owners: Collection[int]) -> BinaryIO | None:
    """What may lie beside a database; None where it does not, or is somebody else's and so no part of it."""
    try:
        return open_safely(file, owners)
    except (OSError, FileError):
        return None


def _copy_in(file: Path, part: Path) -> bool:
    """Copy a database that is not open, with what was written last and lies beside it; whether it had a `-wal`.

    It must belong to root, to this user or to the owner of the directory that it goes to, and not be others' to write. Raises
    `FileError` if it can't be used, `OSError` if the copy can't be written.
    """
    owners = {part.parent.stat().st_uid}
    with as_file_error(file):
        opened = open_safely(file, owners)
    with opened:
        with as_file_error(file):
            open_db.check_head(file, len(schema.STEPS), opened)
        opened.seek(0)
        schema.create(part)
        _append(opened, file, part)
    for end in BESIDE:
        if (beside := _opened(file.with_name(file.name + end), owners)) is not None:
            with beside:
                schema.create(part.with_name(part.name + end))
                _append(beside, file, part.with_name(part.name + end))
    return part.with_name(f"{part.name}-wal").exists()


def _append(opened: BinaryIO, file: Path, target: Path) -> None:
    """Copy what is open to the end of another file. Raises `FileError`, about `file`, if it can't be read; `OSError`."""

    def blocks() -> Iterator[bytes]:
        with as_file_error(file):
            yield from iter(partial(opened.read, BLOCK), b"")

    with target.open("ab") as copied:
        copied.writelines(blocks())


def new_epoch(directory: Path) -> str:
    """Begin a new epoch, after a restore that lanchat did not do: clients learn that sequence numbers start anew.

    Returns the new epoch. The server must not run. Raises `FileError`.
    """
    path = directory / open_db.FILE
    with locked(directory), as_file_error(path):
        open_db.check_head(path, len(schema.STEPS))
        with open_db.closing(path) as connection:
            open_db.check_schema(connection, path)
            open_db.check_pages(connection, path)
            with schema.transaction(connection):
                begin_epoch(connection)
            return str(schema.get_meta(connection, "epoch"))


def check_all(connection: Connection, file: Path, wal_was_there: bool) -> None:
    """Check every page, every index and every message; raises `FileError` or `sqlite3.Error`."""
    check_pages(connection, file, wal_was_there)
    for told in damaged_messages(connection):
        raise FileError(f"{file} is damaged ({told}). {ANOTHER}")


def unusable_rows(connection: Connection) -> list[str]:
    """A text for every row that is unusable, and every damaged message."""
    found: list[str] = []
    for table in rows.COLUMNS:
        for _ in rows.usable(connection, table, found.append):
            continue
    return [*found, *damaged_messages(connection)]


def damaged_messages(connection: Connection) -> Iterator[str]:
    """A text for each message whose checksum is wrong."""
    for row in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM log"):  # noqa: S608 (our own names)
        if entry_from_row(row) is None:
            yield f"message {row[0]} is damaged"


def check_pages(connection: Connection, file: Path, wal_was_there: bool, remedy: str = ANOTHER) -> None:
    """Check every page and every index; raises `FileError` or `sqlite3.Error`."""
    if not schema.get_meta(connection, "clean") and not wal_was_there:
        raise FileError(
            f"{file} was copied while a server was running, and is incomplete. Use a backup made by lanchat-admin backup."
        )
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise FileError(f"{file} is damaged ({' '.join(found.split())}). {remedy}")


def _copy_out(directory: Path, target: Path, mode: str, report: Report, with_files: bool) -> Copied:
    """Copy the database; `mode` is that of the connection.

    While a server runs it is "ro": if the server ends first, ours is the last connection, which must not remove the `-wal`.
    Otherwise it is "rw", so that no `-wal` is left.
    """
    for made in (target, file_backup.beside(target)):
        if os.path.lexists(made):
            raise FileError(f"{made} exists already. Give another name, or move it.")
    source = directory / open_db.FILE
    with as_file_error(target):
        with kept_files.reading(directory / kept_files.FILES), temporary_directory(target.parent) as place:
            part = place / target.name  # (a file system on which this name is not possible says so now)
            schema.create(part)
            report.begun(part)
            with open_db.closing(source, mode) as connection:
                _vacuum(connection, source, part)
            with open_db.closing(part) as connection:
                schema.set_meta(connection, "clean", 1)
                needed = file_backup.needed(connection) if with_files else ()
            schema.sync(part)
            copied = Copied(0, 0, frozenset())
            if needed:
                others = file_backup.others(target)
                copied = file_backup.copy_out(
                    directory / kept_files.FILES, file_backup.beside(part), needed, report.files, others
                )
            _rename(part, target)
        schema.sync(target)
    return copied


def _rename(part: Path, target: Path) -> None:
    """Give a finished copy its name, after the files beside it have theirs: so one without the other is never a backup."""
    if has_files := file_backup.beside(part).exists():
        file_backup.beside(part).rename(file_backup.beside(target))
        schema.sync_directory(target.parent)
    try:
        rename_without_replacing(part, target)
    except OSError:
        if has_files:
            file_backup.beside(target).rename(file_backup.beside(part))
        raise


def _vacuum(connection: Connection, source: Path, part: Path) -> None:
    """Copy a database to an empty file. Raises `FileError` if it is damaged, or `sqlite3.OperationalError` if copying fails."""
    try:
        open_db.check_schema(connection, source)
        connection.execute("VACUUM INTO ?", (str(part),))
    except sqlite3.OperationalError:  # (the disk is full, or broken)
        raise
    except sqlite3.DatabaseError as error:
        raise FileError(f"{source} is damaged: {error}. {open_db.REMEDY}") from None


def begin_epoch(connection: Connection) -> None:
    """Begin a new epoch in a copy, and let no cursor be beyond its newest message."""
    schema.new_epoch(connection)
    last = (newest_seq(connection),)
    # (A damaged row stays as it is. With a valid cursor it would say that everything was read.)
    connection.execute("UPDATE devices SET cursor = min(cursor, ?), online = 0 WHERE typeof(cursor) = 'integer'", last)
    connection.execute("UPDATE members SET since = min(since, ?1), read = min(read, ?1)", last)
    connection.execute("DELETE FROM mentions WHERE seq > ?", last)
    schema.set_meta(connection, "clean", 1)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Have the lock of a directory in the block, so that no server runs; raises `FileError` if one does."""
    lock = open_db.Lock(directory, for_owner=True)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def as_file_error(file: Path) -> Iterator[None]:
    """Turn errors of the block into a `FileError` about this file."""
    try:
        yield
    except (sqlite3.Error, OSError, LookupError) as error:
        raise FileError(f"{file} can't be used: {error}. Fix that, or use another file.") from None
