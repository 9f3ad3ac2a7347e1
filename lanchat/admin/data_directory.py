"""The data directory of a server, as `lanchat-admin` finds it: with a running server, or without."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

from lanchat.store import open_db, replace_db
from lanchat.system.private_files import FileError


def check_directory(directory: Path) -> None:
    """Check that a directory, if it exists, is safe to use (`lanchat.store.open_db.check`); raises `FileError`.

    One that this user can't read is left to the command, which reports that.
    """
    try:
        if os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            open_db.check(directory, for_owner=True)
    except OSError as error:
        raise FileError(f"{directory} can't be used: {error.strerror}. Name the data directory with --data DIR.") from None


def check(directory: Path) -> Path:
    """The path of the database in a data directory; raises `FileError` if there is none."""
    path = directory / open_db.FILE
    try:
        if replace_db.is_begun(path) and (lock := _lock(directory)) is not None:
            lock.release()  # taking the lock has finished the replacement
        path.stat()
    except FileNotFoundError:
        raise FileError(f"There is no {path}, so this is not a server's data directory. Name it with --data DIR.") from None
    except OSError as error:
        raise FileError(
            f"{path} can't be used: {error.strerror}. Use sudo, or name the data directory with --data DIR."
        ) from None
    return path


def is_used(directory: Path) -> bool:
    """Whether a server is using this data directory."""
    if not (directory / open_db.LOCK).exists():
        return False
    try:
        open_db.Lock(directory, for_owner=True).release()
    except open_db.InUse:
        return True
    except open_db.NotTaken:  # the command that goes on without a server reports why
        return False
    return False


def check_stopped(directory: Path) -> None:
    """Raise `FileError` if a server uses the directory, for commands that replace its data."""
    if is_used(directory):
        raise FileError(f"A server is running in {directory}. Stop it first: its data can't be replaced while it runs.")


@contextmanager
def reading(directory: Path) -> Iterator[Connection]:
    """A context with a connection that reads the database, beside a running server or without one; raises `FileError`."""
    path = check(directory)
    lock = _lock(directory)
    try:
        if lock is not None:
            open_db.close_complete(open_db.open_to_write(directory, lock))  # after a crash, this repairs it
        # Beside a server nothing may be changed, not even if it ends and leaves the last connection to us. Alone, no files are
        # left behind.
        with open_db.closing(path, "ro" if lock is None else "rw") as connection:
            connection.execute("PRAGMA query_only = 1")
            open_db.check_schema(connection, path)
            yield connection
    except sqlite3.Error as error:
        raise FileError(f"{path} can't be read: {error}. Restore a backup: lanchat-admin restore FILE.") from None
    finally:
        if lock is not None:
            lock.release()


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """In the block, all queries of a connection that reads see the database as it is at the first of them.

    Without this each query sees what a server has committed by then: rows that belong together, and are found by two queries,
    may be removed between these, or be made. While the block lasts, the server can't use the `-wal` file from its beginning
    again.
    """
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.rollback()


def _lock(directory: Path) -> open_db.Lock | None:
    """The lock, or None if another process holds it; raises `FileError` if another user owns or can change the directory."""
    try:
        return open_db.Lock(directory, for_owner=True)
    except open_db.NotTaken:
        return None
