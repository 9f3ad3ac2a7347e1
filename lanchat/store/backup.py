"""Backups: a copy of all that is kept, made while the server runs, and put back while it does not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

from lanchat import stored
from lanchat.entry import COLUMNS, newest, of_row
from lanchat.safekeeping import Refused
from lanchat.store import opening, replacing, schema


def copy_out(directory: Path, target: Path) -> None:
    """Copy all that is kept at this moment to a new file, whether a server runs or not. Raises `Refused`."""
    if not (directory / opening.FILE).exists():
        raise Refused(
            f"{directory} has no {opening.FILE}: nothing is kept there. Name the directory that the server has (--data)."
        )
    try:
        lock = opening.Lock(directory)
    except Refused:  # by the server, which keeps all in order meanwhile
        _copy_out(directory, target, "ro")
        return
    try:
        connection = opening.open_to_write(directory, lock)  # after a crash this is what puts it in order
        opening.shut(connection)
        _copy_out(directory, target, "rw")
    finally:
        lock.release()


def restore(directory: Path, file: Path, when: str) -> Path:
    """Put a backup in the place of what is there, which is kept beside it with `when` in its name; that name.

    A new epoch begins. The server must not run. Raises `Refused`.
    """
    path = directory / opening.FILE
    part = path.with_name(f"{path.name}.new")
    with alone(directory), told(file):
        opening.check_head(file, len(schema.STEPS))
        wal_was_there = file.with_name(f"{file.name}-wal").exists()
        with opening.closing(file) as connection:
            check_all(connection, file, wal_was_there)
            schema.copy(connection, part)
        with opening.closing(part) as connection:
            begin_epoch(connection)
        return replacing.replace(path, part, when)


def new_epoch(directory: Path) -> str:
    """Go on with what is there, though it may not be all that was: clients are told that their places are worth nothing.

    Gives the new epoch. The server must not run. Raises `Refused`.
    """
    path = directory / opening.FILE
    with alone(directory), told(path):
        opening.check_head(path, len(schema.STEPS))
        with opening.closing(path) as connection:
            opening.check_pages(connection, path)
            with schema.transaction(connection):
                begin_epoch(connection)
            return str(schema.get(connection, "epoch"))


def check_all(connection: Connection, file: Path, wal_was_there: bool) -> None:
    """Look at every page, every index and every row of the log; raises `Refused` or `sqlite3.Error`."""
    check_pages(connection, file, wal_was_there)
    for told in damaged_messages(connection):
        raise Refused(f"{file} is damaged ({told}). Use an older backup.")


def unusable_rows(connection: Connection) -> list[str]:
    """Every row with which nothing can be done, in words."""
    found: list[str] = []
    for table in stored.COLUMNS:
        for _ in stored.usable(connection, table, found.append):
            continue
    return [*found, *damaged_messages(connection)]


def damaged_messages(connection: Connection) -> Iterator[str]:
    """The messages that are not what was written, in words."""
    for row in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM log"):  # noqa: S608 (our own names)
        if of_row(row) is None:
            yield f"message {row[0]} is not what was written"


def check_pages(connection: Connection, file: Path, wal_was_there: bool) -> None:
    """Look at every page and every index; raises `Refused` or `sqlite3.Error`."""
    if not schema.get(connection, "clean") and not wal_was_there:
        raise Refused(f"{file} was copied while a server ran, and is not whole. Use one that was made by lanchat-admin backup.")
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise Refused(f"{file} is damaged ({' '.join(found.split())}). Use an older backup.")


def _copy_out(directory: Path, target: Path, mode: str) -> None:
    """`mode` is "ro" beside a server: when it ends first, ours is the last connection, and must not take away its `-wal`.

    Alone it is "rw", which leaves no `-wal` lying about.
    """
    if target.exists():
        raise Refused(f"{target} is there already. Give another name, or move it.")
    part = target.with_name(f"{target.name}.part")
    with told(target):
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600))
        try:
            with opening.closing(directory / opening.FILE, mode) as connection:
                connection.execute("VACUUM INTO ?", (str(part),))
            with opening.closing(part) as connection:
                schema.put(connection, "clean", 1)
            schema.sync(part)
            os.link(part, target)  # unlike a rename, this replaces nothing
        finally:
            part.unlink(missing_ok=True)
        schema.sync(target)


def begin_epoch(connection: Connection) -> None:
    """What is in it is all there is from now on."""
    schema.renew(connection)
    last = (newest(connection),)
    connection.execute("UPDATE devices SET cursor = min(cursor, ?), online = 0", last)
    connection.execute("UPDATE members SET since = min(since, ?)", last)  # what is said next is owed to all of them
    schema.put(connection, "clean", 1)


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """No server runs meanwhile; raises `Refused` when one does."""
    lock = opening.Lock(directory)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def told(file: Path) -> Iterator[None]:
    """Whatever goes wrong with a file is told in one line: `Refused`."""
    try:
        yield
    except (sqlite3.Error, OSError, LookupError) as error:
        raise Refused(f"{file} can't be used: {error}. See to that, or use another file.") from None
