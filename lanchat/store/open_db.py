"""Opening the database: locked, checked, and brought to the newest schema; or an error of one line that says what to do.

A damaged database is not opened. What can be found at the start is looked for here; a message that was changed on the disk is
noticed when it is read (`lanchat.protocol.entry.entry_from_row`).
"""

from __future__ import annotations

import fcntl
import functools
import os
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import BinaryIO

from lanchat.protocol.packet import visible
from lanchat.store import name_keys, replace_db, schema, wal_check
from lanchat.system.private_files import FileError, check_data_directory, check_data_file, give_to_owner
from lanchat.tables.accounts import EndClassicSessions

FILE, LOCK = "lanchat.db", "lock"
#: The oldest version of SQLite that has what the statements need, such as `RETURNING`.
OLDEST_SQLITE = (3, 35, 0)
#: The `-wal` is copied into the database when it has this many pages (of 4 KiB).
CHECKPOINT_PAGES = 8000
#: The page cache of the writer, in KiB. (Moving rows from `fresh` to `kept` needs more than SQLite's usual 2 MiB.)
CACHE = 16 * 1024
#: A file of up to this many bytes is checked at the start with its indexes (1.5 s); a larger one without (3 s for a GB).
THOROUGH = 100 * 2**20
#: What to do about a file that can't be used.
REMEDY = "Restore a backup (lanchat-admin restore FILE), or save the readable parts (lanchat-admin salvage)."
#: The head of the file (https://www.sqlite.org/fileformat.html): the magic words, `user_version` and `application_id`.
_HEAD = struct.Struct(">16s44xI4xI")
_MAGIC = b"SQLite format 3\0"

#: The `text_factory` of connections. With it, a text that is not valid UTF-8 makes the checksum of its row wrong, like any
#: other damage; without it, such a text would be an error that ends the whole query.
lenient = functools.partial(str, encoding="utf-8", errors="replace")


class NotTaken(FileError):
    """The directory can't be locked, though its owner and permissions are right: its disk may be read-only."""


class InUse(NotTaken):
    """Another process, such as a running server, has the lock of the directory."""


class Lock:
    """The lock of a data directory, which one process uses at a time. It holds until `release`, or the end of the process."""

    def __init__(self, directory: Path, *, for_owner: bool = False) -> None:
        """Lock a directory, after making it if there is none; complete a replacement of the database that was interrupted.

        With `for_owner` root may lock another user's (`lanchat.system.private_files.check_data_directory`). Raises `FileError`;
        that is `NotTaken` or `InUse` if the database can be read all the same.
        """
        try:
            directory.mkdir(0o700, parents=True, exist_ok=True)
            check(directory, for_owner=for_owner)
            self._file = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise NotTaken(
                f"{directory} can't be used: {error.strerror}. Fix that, or name another directory with --data."
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise InUse(f"{directory} is in use by another server. Stop it, or name another directory with --data.") from None
        #: Whether the machine has not been started again since the lock was taken last.
        self.same_boot = False
        try:
            self._begin(directory)
        except BaseException:
            os.close(self._file)
            raise

    def _begin(self, directory: Path) -> None:
        """What the holder of the lock does first; raises `FileError` or `NotTaken`."""
        try:
            replace_db.finish(directory / FILE)
            check_data_file(directory / FILE)  # (the file with this name now may have had another name until here)
        except OSError as error:
            raise FileError(
                f"An interrupted restore in {directory} can't be completed: {error}. Fix that, and start again."
            ) from None
        try:
            give_to_owner(self._file, directory)
            boot = wal_check.boot_id()
            self.same_boot = bool(boot) and os.pread(self._file, len(boot) + 1, 0) == boot
            if not self.same_boot:
                os.pwrite(self._file, boot, 0)
                os.ftruncate(self._file, len(boot))
        except OSError as error:
            text = (
                f"{directory / LOCK} can't be written: {error.strerror}. Make room on its disk, or name another "
                "directory with --data."
            )
            raise NotTaken(text) from None

    def release(self) -> None:
        """Unlock the directory, so that another process may open the database."""
        os.close(self._file)


def check(directory: Path, *, for_owner: bool = False) -> None:
    """Check that a data directory and its files are private. Raises `OSError` or `FileError`."""
    check_data_directory(directory, FILE, as_root=for_owner)
    for name in (FILE, LOCK):
        check_data_file(directory / name)


def open_to_write(directory: Path, lock: Lock, steps: Sequence[str] = schema.STEPS) -> Connection:
    """Open the one connection that writes; makes the database if there is none. The caller has the lock. Raises `FileError`."""
    path = directory / FILE
    try:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise FileError(f"SQLite {sqlite3.sqlite_version} is too old; lanchat needs 3.35 or newer. Use a newer Python.")
        if not path.exists():
            _create(path, steps)
        connection = _begin(path, lock, steps)
        name_keys.update(connection)
        return connection
    except (sqlite3.OperationalError, OSError) as error:  # the disk is full, or broken, or not to be written to
        raise FileError(f"{path} can't be used: {error}. Fix that, and start again.") from None
    except (sqlite3.Error, LookupError) as error:
        raise FileError(f"{path} is damaged: {error}. {REMEDY}") from None


_LOST = (
    "the server did not end cleanly, and that file has the last messages. Put it back, restore a backup "
    "(lanchat-admin restore FILE), or continue without it (lanchat-admin new-epoch)."
)


def _create(path: Path, steps: Sequence[str]) -> None:
    """Make a database; it gets its name when it is complete. Where one was lost, none is made in its place."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        raise FileError(
            f"{path} is missing, but {wal.name} exists. Put it back, or restore a backup: lanchat-admin restore FILE."
        )
    if copies := [copy for copy in replace_db.copies(path) if copy.is_file()]:
        raise FileError(
            f"{path} is missing, but {copies[-1].name} exists. Put {path.name} back, or restore a backup "
            f"(lanchat-admin restore FILE); to start empty, move {copies[-1].name} away."
        )
    make(replace_db.new_name(path), steps).rename(path)
    schema.sync(path)


def make(part: Path, steps: Sequence[str] = schema.STEPS) -> Path:
    """Make a new database at a path that nobody uses yet, and return the path. Raises `OSError` or `sqlite3.Error`."""
    schema.create(part)
    with closing(part) as connection:
        schema.upgrade(connection, part, steps)
        schema.initialize(connection)
    return part


def _begin(path: Path, lock: Lock, steps: Sequence[str]) -> Connection:
    check_head(path, len(steps))
    wal_was_there = path.with_name(f"{path.name}-wal").exists()
    committed = wal_check.committed_pages(path) if lock.same_boot else 0
    connection = connect(path)  # (from here on this process must not open the file, or those beside it, in another way)
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        check_schema(connection, path, steps)
        check_pages(connection, path)
        if not schema.get_meta(connection, "clean") and not wal_was_there:
            raise FileError(f"{path}-wal is missing: {_LOST}")
        if wal_check.found_pages(connection) < committed:
            raise FileError(f"{path}-wal is damaged: {_LOST}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = 1")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        schema.upgrade(connection, path, steps)
        _mark(connection)
    except FileError:
        connection.close()  # (the rest of the `-wal` is copied into the file; one that is missing is missed the next time, too)
        raise
    except BaseException:
        close_unfinished(connection, path)
        raise
    return connection


def check_schema(connection: Connection, path: Path, steps: Sequence[str] = schema.STEPS, remedy: str = REMEDY) -> None:
    """Check that a file has the tables of its version, and nothing else, before anything in it is used. Raises `FileError`."""
    (found,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('kept', 'fresh', 'log')").fetchone()
    if found != 3:
        raise FileError(
            f"{path} was made by an unreleased version of lanchat, and can't be read. Export it with that version, "
            "and move it away."
        )
    if found := schema.difference(connection, steps):
        raise FileError(f"{path} does not have the tables of a lanchat database: {found}. {remedy}")


def _mark(connection: Connection) -> None:
    """Mark the database as in use: from now on, new data is in the `-wal` beside it first."""
    schema.set_meta(connection, "clean", 0)
    EndClassicSessions().run(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # (or the mark itself would only be in the `-wal`)


def close_complete(connection: Connection) -> None:
    """Close the database with everything in one file; at the very end it is marked as complete."""
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        schema.set_meta(connection, "clean", 1)
    finally:
        connection.close()  # (the last connection copies the rest of the `-wal` into the file, and removes it)


def close_unfinished(connection: Connection, path: Path) -> None:
    """Close the database as if the process had been killed: the `-wal` stays, and the next start uses it."""
    with suppress(sqlite3.Error), closing(path, "ro") as other:
        other.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.close()  # (only the last connection copies the `-wal`, and the last one here is read-only)
    connection.close()


def open_to_read(directory: Path) -> Connection:
    """Open a connection that can't write, for a thread of its own."""
    connection = connect(directory / FILE)
    connection.execute("PRAGMA query_only = 1")
    return connection


def connect(path: Path, mode: str = "rw") -> Connection:
    """Open a connection to an existing file, without implicit transactions.

    A text that is not valid UTF-8 is no error, so that such a damage concerns one row only.
    """
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = lenient
    schema.distrust(connection)
    return connection


@contextmanager
def closing(path: Path, mode: str = "rw") -> Iterator[Connection]:
    """Open a connection, as `connect` does, and close it at the end of the block."""
    connection = connect(path, mode)
    try:
        yield connection
    finally:
        connection.close()


def check_head(path: Path, known: int, file: BinaryIO | None = None) -> None:
    """Check in the header that a file is lanchat's, and its version not above `known`. Raises `FileError`.

    `file` is the file if it is open already. SQLite is not asked, as it would recover the `-wal` of a server that stopped,
    which may be of a newer version.
    """
    with nullcontext(file) if file is not None else path.open("rb") as opened:
        head = opened.read(_HEAD.size)
    magic, version, application = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0, 0)
    if magic != _MAGIC or application != schema.APPLICATION_ID:
        raise FileError(f"{path} is not a lanchat database, or its beginning is damaged. {REMEDY}")
    if version > known:
        raise FileError(
            f"{path} was made by a newer lanchat (schema {version}; this one supports {known}). Use that version, "
            f"or the copy from before the upgrade: {path.name}.v{known}."
        )


def check_pages(connection: Connection, path: Path) -> None:
    """Check that the pages of the file are sound, and the indexes if it is small. Raises `FileError` or `sqlite3.Error`."""
    check = "integrity_check" if path.stat().st_size <= THOROUGH else "quick_check"
    (found,) = connection.execute(f"PRAGMA {check}(1)").fetchone()
    if found != "ok":
        raise FileError(f"{path} is damaged ({' '.join(found.split())}). {REMEDY}")


@contextmanager
def as_file_error(path: Path) -> Iterator[None]:
    """Turn every exception in the block into a `FileError`, with one line that says what to do."""
    try:
        yield
    except (FileError, SystemExit):
        raise
    except Exception as error:
        why = visible(f"{type(error).__name__}: {error}")
        raise FileError(f"{path} can't be read ({why}). {REMEDY}") from error
