"""Replacing the database by another one, so that there is the old or the new one even if the process is killed meanwhile.

A database is several files, so replacing it takes several renames. The first one gives the new database a name that tells what
is to be done (`lanchat.db.DATE.next`). From then on the new one counts: whoever opens the directory next completes the
replacement (`finish`) before anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lanchat.store import schema
from lanchat.system.private_files import FileError

#: The end of the name of a database that is to take the place of the one that is there.
NEXT = ".next"


@contextmanager
def making(path: Path) -> Iterator[Path]:
    """The path for a new database that is to replace the one at `path`; it is removed at the end of the block if it did not.

    Raises `OSError`.
    """
    part = new_name(path)
    try:
        yield part
    finally:
        schema.remove(part)


def replace(path: Path, part: Path, when: str) -> Path:
    """Replace the database at `path` by the one at `part`, which is complete and closed.

    The old one is kept under a name with `when` in it, which is returned. Raises `FileError` or `OSError`.
    """
    old = old_name(path, when)
    schema.sync(part)
    part.rename(old.with_name(f"{old.name}{NEXT}"))
    finish(path)
    return old


def old_name(path: Path, when: str) -> Path:
    """The path at which `replace` keeps the database at `path`. Raises `FileError` if there is something."""
    old = path.with_name(f"{path.name}.{when}")
    if old.exists():
        raise FileError(f"{old} exists already. Move it, or wait a second, and try again.")
    return old


def finish(path: Path) -> None:
    """Complete a replacement that was begun, and remove the files of one that did not get that far.

    The caller has the lock of the directory. Raises `OSError`.
    """
    schema.remove(new_name(path))
    for new in path.parent.glob(f"{path.name}.*{NEXT}"):
        schema.sync_directory(path.parent)
        old = new.with_name(new.name.removesuffix(NEXT))
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        for end in ("-wal", "-journal", ""):  # (SQLite would use a `-wal` of the old one with the new one)
            beside = path.with_name(path.name + end)
            if beside.exists() and (beside == path or beside.stat().st_size):
                beside.rename(old.with_name(old.name + end))
            elif beside != path:
                beside.unlink(missing_ok=True)
        schema.sync_directory(path.parent)
        new.rename(path)
        schema.sync_directory(path.parent)


def is_begun(path: Path) -> bool:
    """Whether there is something for `finish` to do."""
    return any(path.parent.glob(f"{path.name}.*{NEXT}"))


def copies(path: Path) -> list[Path]:
    """The copies that replacements and upgrades of the schema kept. The caller, or a running server, has the lock."""
    return sorted(path.parent.glob(f"{path.name}.*"))


def new_name(path: Path) -> Path:
    """The path at which the database is made that will replace the one at `path`."""
    return path.with_name(f"{path.name}.new")
