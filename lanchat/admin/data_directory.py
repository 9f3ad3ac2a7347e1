"""Place: the directory in which a server keeps all, as the administrator finds it: with a server that runs, or without."""

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
    """See that a directory, if it is there, is fit for what is kept (`lanchat.store.open_db.check`); raises `FileError`.

    Into one that this user can't look into, nobody is led: whoever asks for what is in it is told so.
    """
    try:
        if os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            open_db.check(directory, for_owner=True)
    except OSError as error:
        raise FileError(f"{directory} can't be used: {error.strerror}. Say where with --data DIR.") from None


def check(directory: Path) -> Path:
    """The database that is there; raises `FileError` when there is none."""
    path = directory / open_db.FILE
    try:
        if replace_db.is_begun(path) and (lock := _lock(directory)) is not None:
            lock.release()  # whoever has taken it has finished that
        path.stat()
    except FileNotFoundError:
        raise FileError(
            f"There is no {path}, so this is not where a server keeps its data. Say where with --data DIR."
        ) from None
    except OSError as error:
        raise FileError(f"{path} can't be used: {error.strerror}. Use sudo, or say where with --data DIR.") from None
    return path


def is_used(directory: Path) -> bool:
    """Whether a server runs there."""
    if not (directory / open_db.LOCK).exists():
        return False
    try:
        open_db.Lock(directory, for_owner=True).release()
    except open_db.InUse:
        return True
    except open_db.NotTaken:  # whoever goes on without a server is told why
        return False
    return False


def check_stopped(directory: Path) -> None:
    """See that nothing is done there now, for what puts something in the place of all that is kept; raises `FileError`."""
    if is_used(directory):
        raise FileError(f"A server runs in {directory}. Stop it first: what it keeps can't be replaced while it runs.")


@contextmanager
def reading(directory: Path) -> Iterator[Connection]:
    """A connection that reads what is there, beside a server that runs; raises `FileError`."""
    path = check(directory)
    lock = _lock(directory)
    try:
        if lock is not None:
            open_db.shut(open_db.open_to_write(directory, lock))  # after a crash this is what puts it in order
        # Beside a server nothing may be changed, not even when it ends meanwhile and leaves the last connection to us; alone,
        # we leave nothing lying about.
        with open_db.closing(path, "ro" if lock is None else "rw") as connection:
            connection.execute("PRAGMA query_only = 1")
            open_db.check_schema(connection, path)
            yield connection
    except sqlite3.Error as error:
        raise FileError(f"{path} can't be read: {error}. Restore a backup: lanchat-admin restore FILE.") from None
    finally:
        if lock is not None:
            lock.release()


def _lock(directory: Path) -> open_db.Lock | None:
    """The lock, if it can be taken; raises `FileError` where the directory is somebody else's, or open to them."""
    try:
        return open_db.Lock(directory, for_owner=True)
    except open_db.NotTaken:
        return None
