"""Opening: a database that is ours alone, sound, and of a version that is known; or one line that says what is wrong.

Nothing that is damaged is served. What can be seen of a damage at the start is looked for here; a row of the log whose
content changed on the disk shows when it is read (`lanchat.protocol.entry.entry_from_row`).
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
from lanchat.store import keys, replace_db, schema, wal_check
from lanchat.store.accounts import EndClassicSessions
from lanchat.system.private_files import FileError, check_data_directory, check_data_file, give_to_owner

FILE, LOCK = "lanchat.db", "lock"
#: `RETURNING` and what is like it came with this version.
OLDEST_SQLITE = (3, 35, 0)
#: The log of SQLite is taken into the file when it has so many pages (of 4 KiB).
CHECKPOINT_PAGES = 8000
#: The pages that the writer has in memory, in KiB: to move what is fresh takes more than SQLite's usual 2 MiB.
CACHE = 16 * 1024
#: A file of up to so many bytes is looked through at the start with its indexes (1.5 s); a larger one without (3 s for a GB).
THOROUGH = 100 * 2**20
#: What to do about a file that can't be used.
REMEDY = "Restore a backup (lanchat-admin restore FILE), or save what can be read of it (lanchat-admin salvage)."
#: The head of the file (https://www.sqlite.org/fileformat.html): the magic words, `user_version` and `application_id`.
_HEAD = struct.Struct(">16s44xI4xI")
_MAGIC = b"SQLite format 3\0"

#: The `text_factory` for connections that read: with it, a text that is not UTF-8 any more shows in the sum of its row, as
#: any other damage does; without, it would be an error that ends the whole page.
lenient = functools.partial(str, encoding="utf-8", errors="replace")


class NotTaken(FileError):
    """The lock can't be taken, though nothing is wrong with whose the directory is: its disk may be read-only."""


class InUse(NotTaken):
    """Another process has the lock."""


class Lock:
    """A directory is used by one process. It holds until `release`, or the end of the process."""

    def __init__(self, directory: Path, *, for_owner: bool = False) -> None:
        """Take it; makes the directory where there is none. A replacement that was cut off is finished.

        With `for_owner` root takes another user's (`lanchat.system.private_files.check_data_directory`). Raises `FileError`;
        `NotTaken` or `InUse` where what is there can be read all the same.
        """
        try:
            directory.mkdir(0o700, parents=True, exist_ok=True)
            check(directory, for_owner=for_owner)
            self._file = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise NotTaken(f"{directory} can't be used: {error.strerror}. Give another with --data, or see to that.") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise InUse(f"{directory} is in use by another server. Stop that one, or give another with --data.") from None
        #: Whether the machine has not been started again since the lock was taken last.
        self.same_boot = False
        try:
            self._begin(directory)
        except BaseException:
            os.close(self._file)
            raise

    def _begin(self, directory: Path) -> None:
        """What comes first for whoever has the lock; raises `FileError` or `NotTaken`."""
        try:
            replace_db.finish(directory / FILE)
            check_data_file(directory / FILE)  # the file that has this name now may have had another one until here
        except OSError as error:
            raise FileError(f"A restore in {directory} was cut off, and can't be finished: {error}. See to that.") from None
        try:
            give_to_owner(self._file, directory)
            boot = wal_check.boot()
            self.same_boot = bool(boot) and os.pread(self._file, len(boot) + 1, 0) == boot
            if not self.same_boot:
                os.pwrite(self._file, boot, 0)
                os.ftruncate(self._file, len(boot))
        except OSError as error:
            text = f"{directory / LOCK} can't be written: {error.strerror}. Make room on its disk, or give another with --data."
            raise NotTaken(text) from None

    def release(self) -> None:
        """Let others use it."""
        os.close(self._file)


def check(directory: Path, *, for_owner: bool = False) -> None:
    """See that a directory is fit for what is kept, with the files that are there already. Raises `OSError` or `FileError`."""
    check_data_directory(directory, FILE, as_root=for_owner)
    for name in (FILE, LOCK):
        check_data_file(directory / name)


def open_to_write(directory: Path, lock: Lock, steps: Sequence[str] = schema.STEPS) -> Connection:
    """The one connection that writes, made if need be; whoever calls holds the lock. Raises `FileError`."""
    path = directory / FILE
    try:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise FileError(f"SQLite {sqlite3.sqlite_version} is too old; lanchat needs 3.35 or newer. Use a newer Python.")
        if not path.exists():
            _create(path, steps)
        connection = _begin(path, lock, steps)
        keys.renew(connection)
        return connection
    except (sqlite3.OperationalError, OSError) as error:  # the disk is full, or broken, or not to be written to
        raise FileError(f"{path} can't be used: {error}. See to that, and start again.") from None
    except (sqlite3.Error, LookupError) as error:
        raise FileError(f"{path} is damaged: {error}. {REMEDY}") from None


_LOST = (
    "the server was cut off, and what was said last was in that file. Put it back, or restore a backup "
    "(lanchat-admin restore FILE), or go on without (lanchat-admin new-epoch)."
)


def _create(path: Path, steps: Sequence[str]) -> None:
    """A new database, under its name only when it is whole. Where another was before, nothing is made in its place."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        raise FileError(
            f"{path} is gone, but {wal.name} is there. Put it back, or restore a backup: lanchat-admin restore FILE."
        )
    if copies := replace_db.copies(path):
        raise FileError(
            f"{path} is gone, but {copies[-1].name} is there. Put {path.name} back, or restore a backup (lanchat-admin "
            f"restore FILE); to begin with nothing, move {copies[-1].name} away."
        )
    make(replace_db.new_name(path), steps).rename(path)
    schema.sync(path)


def make(part: Path, steps: Sequence[str] = schema.STEPS) -> Path:
    """A new database in a file that nobody uses yet; raises `OSError` or `sqlite3.Error`."""
    schema.create(part)
    with closing(part) as connection:
        schema.upgrade(connection, part, steps)
        schema.fill(connection)
    return part


def _begin(path: Path, lock: Lock, steps: Sequence[str]) -> Connection:
    check_head(path, len(steps))
    wal_was_there = path.with_name(f"{path.name}-wal").exists()
    committed = wal_check.committed(path) if lock.same_boot else 0
    connection = connect(path)  # from here on nobody else in this process may open the file, or what is beside it
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        check_schema(connection, path, steps)
        check_pages(connection, path)
        if not schema.get(connection, "clean") and not wal_was_there:
            raise FileError(f"{path}-wal is missing: {_LOST}")
        if wal_check.found(connection) < committed:
            raise FileError(f"{path}-wal is damaged: {_LOST}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = 1")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        schema.upgrade(connection, path, steps)
        _mark(connection)
    except FileError:
        connection.close()  # what is left of the `-wal` goes into the file: where it is missed, it is so the next time too
        raise
    except BaseException:
        leave(connection, path)
        raise
    return connection


def check_schema(connection: Connection, path: Path, steps: Sequence[str] = schema.STEPS, remedy: str = REMEDY) -> None:
    """See that a file has the tables of its version, and nothing else; before anything of it is used. Raises `FileError`."""
    (found,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('kept', 'fresh', 'log')").fetchone()
    if found != 3:
        raise FileError(
            f"{path} was made by a lanchat that was never released, and can't be read. "
            "Have that one export it, and move it away."
        )
    if found := schema.difference(connection, steps):
        raise FileError(f"{path} is not as lanchat makes it: {found}. {remedy}")


def _mark(connection: Connection) -> None:
    """From here on the file is not all there is: what is said is in the `-wal` beside it first."""
    schema.put(connection, "clean", 0)
    EndClassicSessions().run(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # without it, the mark itself would be in the `-wal` only


def shut(connection: Connection) -> None:
    """End as it should be: all in one file, and that is said in it last of all."""
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        schema.put(connection, "clean", 1)
    finally:
        connection.close()  # the last connection takes the rest of the `-wal` into the file, and removes it


def leave(connection: Connection, path: Path) -> None:
    """Close it as if the process was killed: the next start finds the `-wal`, and misses nothing."""
    with suppress(sqlite3.Error), closing(path, "ro") as other:
        other.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.close()  # it is not the last, which takes the `-wal` into the file; and the last can't
    connection.close()


def open_to_read(directory: Path) -> Connection:
    """A connection that can't write, for a thread of its own."""
    connection = connect(directory / FILE)
    connection.execute("PRAGMA query_only = 1")
    return connection


def connect(path: Path, mode: str = "rw") -> Connection:
    """A connection to a file that is there; transactions are begun and ended by hand.

    A text that is not UTF-8 is read all the same: it must cost its row only.
    """
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = lenient
    schema.distrust(connection)
    return connection


@contextmanager
def closing(path: Path, mode: str = "rw") -> Iterator[Connection]:
    """A connection that is closed at the end of the block."""
    connection = connect(path, mode)
    try:
        yield connection
    finally:
        connection.close()


def check_head(path: Path, known: int, file: BinaryIO | None = None) -> None:
    """See in the head of the file that it is ours, and of a version up to `known`; raises `FileError`. `file` is open already.

    SQLite is not asked: it would tidy up after a server that stopped, which is not this version's to do.
    """
    with nullcontext(file) if file is not None else path.open("rb") as opened:
        head = opened.read(_HEAD.size)
    magic, version, application = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0, 0)
    if magic != _MAGIC or application != schema.APPLICATION_ID:
        raise FileError(f"{path} is not a database of lanchat's, or its beginning is damaged. {REMEDY}")
    if version > known:
        raise FileError(
            f"{path} was made by a newer lanchat (schema {version}, this one knows {known}). Use that one again, "
            f"or the copy of before the upgrade: {path.name}.v{known}."
        )


def check_pages(connection: Connection, path: Path) -> None:
    """See that the pages of the file are sound, and the indexes if that is soon done; raises `FileError` or `sqlite3.Error`."""
    check = "integrity_check" if path.stat().st_size <= THOROUGH else "quick_check"
    (found,) = connection.execute(f"PRAGMA {check}(1)").fetchone()
    if found != "ok":
        raise FileError(f"{path} is damaged ({' '.join(found.split())}). {REMEDY}")


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Whatever is met in what is kept, the server ends with one line: `FileError`."""
    try:
        yield
    except (FileError, SystemExit):
        raise
    except Exception as error:
        why = visible(f"{type(error).__name__}: {error}")
        raise FileError(f"{path} can't be read ({why}). {REMEDY}") from error
