"""A backup and a restore that are killed at any step: what was there is whole, or the new one is, each with its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lanchat.maintenance import backup, file_check
from lanchat.store import open_db
from tests.live import PATIENCE
from tests.shelf import Shelf
from tests.stores import raw

#: Do one of the two, but end as if killed, before or after a function has done its work; for some, the second time.
_CUT_OFF = """
import importlib, os, sys
from pathlib import Path
from lanchat.maintenance import backup
what, step, when, data, file = sys.argv[1:]
module, _, name = step.rpartition(".")
owner = importlib.import_module("lanchat." + module)
function = getattr(owner, name)
times = 2 if when == "second" else 1
def deadly(*given, **named):
    global times
    times -= 1
    if when == "after" or times:
        done = function(*given, **named)
    if times:
        return done
    os._exit(9)
setattr(owner, name, deadly)
if what == "backup":
    backup.copy_out(Path(data), Path(file))
else:
    backup.restore(Path(data), Path(file), "then")
"""


def cut_off(what: str, step: str, when: str, data: Path, file: Path) -> None:
    """Begin a backup or a restore that ends at this step."""
    command = [sys.executable, "-c", _CUT_OFF, what, step, when, str(data), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert done.returncode == 9, done.stderr


def names(data: Path) -> list[str]:
    """The names of the files that a data directory knows, after the next start; all of them are there."""
    with Shelf(data) as shelf:
        shelf.clean(orphans=True)
    with open_db.closing(data / "lanchat.db", "ro") as connection:
        found = file_check.check(connection, data / "files", lambda done: None)
    assert (found.lost, found.strays) == ([], [])
    return [name for (name,) in raw(data, "SELECT name FROM files ORDER BY seq")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "when", "left"),
    [
        ("maintenance.file_backup.copy_out", "after", "old"),
        ("maintenance.file_backup._copy_bytes", "after", "old"),
        ("maintenance.file_backup.restore", "after", "old"),
        ("store.replace_db.replace", "before", "old"),
        ("store.replace_db.finish", "second", "new"),  # (the first one is that of the lock, when nothing has begun)
    ],
)
def test_a_restore_that_is_killed_leaves_the_old_or_the_new_with_its_files(
    tmp_path: Path, step: str, when: str, left: str
) -> None:
    data = tmp_path / "data"
    with Shelf(tmp_path / "other") as shelf:
        shelf.send(b"new", b"small")
    backup.copy_out(tmp_path / "other", tmp_path / "copy")
    with Shelf(data) as shelf:
        shelf.send(b"old", b"tiny")
    cut_off("restore", step, when, data, tmp_path / "copy")
    assert names(data) == [left]
    backup.restore(data, tmp_path / "copy", "later")
    assert names(data) == ["new"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("maintenance.file_backup._copy", "after"),
        ("maintenance.file_backup.copy_out", "after"),
        ("maintenance.backup.rename_without_replacing", "before"),
        ("maintenance.backup.rename_without_replacing", "after"),
    ],
)
def test_a_backup_that_is_killed_is_complete_or_none(tmp_path: Path, step: str, when: str) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with Shelf(data) as shelf:
        shelf.send(b"a report", b"small")
    cut_off("backup", step, when, data, copy)
    assert copy.exists() == (when == "after" and step.endswith("replacing"))
    if copy.exists():
        backup.restore(tmp_path / "restored", copy, "then")
        assert names(tmp_path / "restored") == ["a report"]
    backup.copy_out(data, tmp_path / "another")
    with Shelf(data) as shelf:  # (no lock is left behind)
        assert shelf.clean(orphans=True) == 0
