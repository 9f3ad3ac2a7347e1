"""The schema of the database: upgrades from each version to the next (docs/keeping.md, "Upgrades"), and checks of a file."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from sqlite3 import Connection, connect

from lanchat.protocol.packet import visible
from lanchat.store import schema_steps
from lanchat.system.private_files import give_to_owner

#: The `application_id` in the header of the file, which tells that it is lanchat's ("lanc").
APPLICATION_ID = 0x6C616E63
#: The SQL that makes version n + 1 of version n.
STEPS = schema_steps.STEPS
#: The suffixes of the files that SQLite has beside a database. All but the first may hold committed data.
BESIDE = ("-shm", "-wal", "-journal")

#: Tables that SQLite makes for itself. Their SQL may differ between versions of SQLite; it can't hold anything that is run.
_OF_SQLITE = re.compile(r"CREATE TABLE (?:'words_\w+'|sqlite_\w+)\([\w ,()]*\)(?: WITHOUT ROWID)?")
#: Of these, the tables that are there only after an ANALYZE.
_STATISTICS = ("sqlite_stat1", "sqlite_stat4")


def difference(connection: Connection, steps: Sequence[str] = STEPS) -> str:
    """How a database differs from a new one of its version, in words; "" if it has the same tables, indexes and so on.

    Whoever made the file may have put something into it that is run later: a trigger that changes more than was asked for, or a
    view that never ends. So this is checked before anything else in the file is used; it reads only SQLite's own list of
    tables. Raises `sqlite3.Error`.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    there, ours = _objects(connection), _objects_of(tuple(steps[:version]))
    for kind, name, *_ in sorted(there - ours):
        return f"the {visible(kind, 20)} {visible(name, 40)} is not lanchat's"
    for kind, name, *_ in sorted(ours - there):
        return f"the {kind} {name} is missing"
    return ""


@lru_cache
def _objects_of(steps: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """The objects of a new database that is made by these steps, as `_objects` returns them."""
    with closing(connect(":memory:", isolation_level=None)) as connection:
        for step in steps:
            connection.executescript(step)
        return _objects(connection)


def _objects(connection: Connection) -> frozenset[tuple[str, ...]]:
    """Every table, index, trigger and view: kind, name, its table, and the SQL that makes it."""
    found = set()
    for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        text = " ".join(str(sql).split())
        is_sqlites = kind == "table" and _OF_SQLITE.fullmatch(text) is not None
        if not (is_sqlites and name in _STATISTICS):
            found.add((str(kind), str(name), str(table), "" if is_sqlites else text))
    return frozenset(found)


def tables(connection: Connection) -> dict[str, list[str]]:
    """The names of the columns of each table, without views and virtual tables."""
    there = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0").fetchall()
    columns = "SELECT name FROM pragma_table_info(?)"
    return {name: [column for (column,) in connection.execute(columns, (name,))] for (name,) in there}


def upgrade(connection: Connection, path: Path, steps: Sequence[str] = STEPS) -> None:
    """Bring a database to the newest version, each step in a transaction; before that, the file is copied.

    `path` is the path of the file. Raises `OSError` or `sqlite3.Error`; then the file is as it was, or some steps further.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if 0 < version < len(steps):
        copy(connection, path.with_name(f"{path.name}.v{version}"))
    take_steps(connection, steps)


def take_steps(connection: Connection, steps: Sequence[str] = STEPS) -> None:
    """Bring a database to the newest version, each step in a transaction. Raises `sqlite3.Error`."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number in range(version, len(steps)):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {steps[number]}; PRAGMA user_version = {number + 1}; COMMIT")
        finally:
            if connection.in_transaction:
                connection.rollback()


def initialize(connection: Connection) -> None:
    """Put into a new database what every database has: an epoch, and up to where words are indexed."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    set_meta(connection, "clean", 1)
    set_meta(connection, "indexed", 0)
    new_epoch(connection)


def new_epoch(connection: Connection) -> None:
    """Give the log a new epoch: the sequence numbers that clients remember are not valid any more."""
    set_meta(connection, "epoch", secrets.token_hex(4))


def copy(connection: Connection, target: Path) -> None:
    """Copy a database into a new file, which only our user may read. Raises `OSError` or `sqlite3.Error`."""
    create(target)
    other = connect(target, isolation_level=None)
    try:
        distrust(other)
        connection.backup(other)
        set_meta(other, "clean", 1)  # (there is no `-wal` that belongs to it)
    finally:
        other.close()
    sync(target)


def distrust(connection: Connection) -> None:
    """Forbid triggers and views in the file to use functions and virtual tables that could do harm."""
    connection.execute("PRAGMA trusted_schema = 0")


def create(path: Path) -> None:
    """Make an empty file for a database, which only our user may read.

    An unfinished one of that name is removed, with the files beside it, which SQLite would take for the new one's. If root
    makes it in the directory of another user, it belongs to that user from the start, so that the server can open it however
    root's command ends. Raises `OSError`.
    """
    remove(path)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    try:
        give_to_owner(descriptor, path.parent)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a database and the files beside it, as far as they are there. Raises `OSError`."""
    for end in (*BESIDE, ""):
        path.with_name(path.name + end).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, and its name in its directory, are on the disk.

    The file must not be a database that is open in this process, which would lose its locks (`lanchat.store.wal_check`).
    """
    _sync(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Wait until the names in a directory are on the disk, if its file system supports that (fsync(2), EINVAL)."""
    try:
        _sync(directory)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Do the block in a transaction, which is rolled back if the block raises an exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()


def get_meta(connection: Connection, name: str) -> str | int:
    """The value of this name in the table `meta`. Raises `LookupError` if there is none, which means damage."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    if row is None or not isinstance(row[0], (str, int)):
        raise LookupError(f"there is no {name} in it")
    return row[0]


def set_meta(connection: Connection, name: str, value: str | int) -> None:
    """Set the value of this name in the table `meta`."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
