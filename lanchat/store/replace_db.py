"""Replacing: another database in the place of the one that is there. Killed at any moment, it leaves the old or the new one.

A database is a file and what SQLite keeps beside it, so to replace it takes several renames. The first gives the new one a name
that says what is to be done (`lanchat.db.WHEN.next`). From then on the new one counts: whoever uses the directory next finishes
what is left to do (`finish`), before they look at anything.
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
    """The name of a file that is to take the place of this one; it is removed at the end, if it has not. Raises `OSError`."""
    part = new_name(path)
    try:
        yield part
    finally:
        schema.remove(part)


def replace(path: Path, part: Path, when: str) -> Path:
    """Put `part`, which is whole and closed, in the place of `path`; that is kept with `when` in its name, which is given back.

    Raises `FileError` or `OSError`.
    """
    old = path.with_name(f"{path.name}.{when}")
    if old.exists():
        raise FileError(f"{old} is there already. Move it, or wait a second, and try again.")
    schema.sync(part)
    part.rename(old.with_name(f"{old.name}{NEXT}"))
    finish(path)
    return old


def finish(path: Path) -> None:
    """Do the rest of a replacement that was begun, if one was, and remove what one left that did not get so far.

    Nobody else may use the directory. Raises `OSError`.
    """
    schema.remove(new_name(path))
    for new in path.parent.glob(f"{path.name}.*{NEXT}"):
        schema.sync_directory(path.parent)
        old = new.with_name(new.name.removesuffix(NEXT))
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        for end in ("-wal", "-journal", ""):  # nothing of the old one may lie beside the new one
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
    """What else there is of it: what a replacement or an upgrade kept. Whoever asks has the lock, or a server has it."""
    return sorted(path.parent.glob(f"{path.name}.*"))


def new_name(path: Path) -> Path:
    """Where the one is made that takes its place."""
    return path.with_name(f"{path.name}.new")
