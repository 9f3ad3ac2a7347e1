"""Files that come from elsewhere: rows are taken of them, and neither programs nor what somebody put beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import connect
from stat import S_ISFIFO
from typing import Any

import pytest

from lanchat.maintenance import backup
from lanchat.maintenance.salvage import salvage
from lanchat.store import open_db, schema
from lanchat.system.private_files import FileError
from tests.live import PATIENCE, SCRIPTS
from tests.stores import Desk, entry, raw

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
STRANGER = 12345

#: What somebody may have put into a database, and how it is told.
FOREIGN = {
    "CREATE TRIGGER evil AFTER INSERT ON meta BEGIN UPDATE accounts SET role = 3; END": "the trigger evil",
    "CREATE VIEW extra AS SELECT 1": "the view extra",
    "CREATE TABLE extra(a)": "the table extra",
    "CREATE VIRTUAL TABLE extra USING fts5(a)": "the table extra",
    "CREATE INDEX extra ON accounts(abs(created))": "the index extra",
    "CREATE TABLE words_more(a)": "the table words_more",
    'CREATE VIEW "a\nb" AS SELECT 1': r"the view a\nb",
    "DROP VIEW log; CREATE VIEW log AS SELECT * FROM kept": "the view log",
    "DROP TRIGGER fresh_once; CREATE TRIGGER fresh_once BEFORE INSERT ON fresh BEGIN SELECT 1; END": "the trigger fresh_once",
    "DROP TRIGGER fresh_once": "the trigger fresh_once is missing",
    "DROP INDEX kept_cid": "the index kept_cid is missing",
    "ALTER TABLE accounts ADD COLUMN more TEXT DEFAULT 'x'": "the table accounts",
}
ENDLESS = (
    "DROP VIEW log; CREATE VIEW log AS WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n) "
    "SELECT seq, 0 ts, '' conv, 0 author, '' name, '' ip, '' target, '' msg, '' re, '' cid, 0 sum FROM n WHERE seq < 0"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with an account and messages in both tables of the log."""
    with Desk(tmp_path / "data") as desk:
        desk.write(lambda connection: connection.execute("INSERT INTO accounts VALUES (1, 'ann', 'ann', 1, 'x', 0, '')"))
        desk.say(*(entry(f"number {number}", f"c{number}") for number in range(10)))
    return tmp_path / "data"


@pytest.fixture
def copy(data: Path) -> Path:
    """A backup of it."""
    backup.copy_out(data, data.parent / "copy")
    return data.parent / "copy"


def put(file: Path, sql: str) -> Path:
    """Change a database as somebody would who can write to it."""
    with closing(connect(file)) as connection:
        connection.executescript(sql)
    return file


def refused(call: object, *values: object) -> str:
    """Why a call is refused: one line."""
    assert callable(call)
    with pytest.raises(FileError) as caught:
        call(*values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("sql", FOREIGN, ids=list(FOREIGN.values()))
def test_what_is_not_made_by_lanchat_is_neither_restored_nor_served(data: Path, copy: Path, sql: str) -> None:
    told = FOREIGN[sql]
    assert f"{copy} does not have the tables of a lanchat database: {told}" in refused(
        backup.restore, data, put(copy, sql), "then"
    )
    assert sorted(path.name for path in data.iterdir()) == ["lanchat.db", "lock"]
    put(data / "lanchat.db", sql)
    for call in (Desk, backup.new_epoch, lambda place: backup.copy_out(place, place.parent / "second")):
        assert f"lanchat.db does not have the tables of a lanchat database: {told}" in refused(call, data)
    assert not (data.parent / "second").exists()


@pytest.mark.parametrize("command", ["check", "export", "backup"])
def test_beside_a_server_nothing_is_read_of_a_file_that_is_not_its(data: Path, copy: Path, command: str) -> None:
    shutil.copy(put(copy, ENDLESS), data / "lanchat.db")
    lock = open_db.Lock(data)
    words = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), command, *[str(data.parent / "new")] * (command == "backup")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    lock.release()
    assert (done.returncode, done.stdout) == (3, "")
    assert "the view log is not lanchat's" in done.stderr


@pytest.mark.parametrize("command", ["restore", "check", "export", "salvage"])
def test_a_view_without_end_holds_nobody_up(data: Path, copy: Path, command: str) -> None:
    put(copy, ENDLESS)
    if command != "restore":
        shutil.copy(copy, data / "lanchat.db")
    words = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), command, *[str(copy)] * (command == "restore")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    if command == "salvage":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert (done.returncode, done.stdout) == (3, "")
        assert "the view log is not lanchat's" in done.stderr


def test_salvage_takes_the_rows_and_leaves_the_rest(data: Path) -> None:
    put(data / "lanchat.db", next(iter(FOREIGN)))
    assert "save the readable parts" in refused(Desk, data)
    assert salvage(data, "then").all
    with Desk(data) as desk:
        assert desk.ask("SELECT role FROM accounts") == [(1,)]
        assert len(desk.ask("SELECT msg FROM log")) == 10
    assert raw(data, "SELECT count(*) FROM sqlite_master WHERE name = 'evil'") == [(0,)]


@pytest.mark.parametrize(
    "instead",
    [
        "CREATE VIEW {} AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0",
        "CREATE TABLE {}(a, b)",
        "CREATE VIRTUAL TABLE {} USING fts5(a)",
        "SELECT '{}'",
    ],
    ids=["a view without end", "another table", "a virtual table", "nothing"],
)
def test_salvage_looks_into_nothing_but_the_tables_it_knows(data: Path, instead: str) -> None:
    for table in ("rooms", "fresh"):
        put(data / "lanchat.db", f"PRAGMA foreign_keys = 0; DROP TABLE {table}; {instead.format(table)}")
    code = "from pathlib import Path; from lanchat.maintenance.salvage import salvage; "
    code += f"print(salvage(Path({str(data)!r}), 'then'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert done.returncode == 0, done.stderr
    with Desk(data) as desk:
        assert desk.ask("SELECT name FROM accounts") == [("ann",)]
    assert "lost=None" in done.stdout


def test_what_sqlite_adds_for_itself_is_no_matter(data: Path, copy: Path) -> None:
    put(copy, "ANALYZE")
    backup.restore(data, copy, "then")
    with Desk(data) as desk:
        assert len(desk.ask("SELECT msg FROM log")) == 10


def test_each_version_is_compared_with_what_it_was(data: Path, copy: Path) -> None:
    steps = (*schema.STEPS, "CREATE TABLE more(a); CREATE VIEW less AS SELECT a FROM more")
    lock = open_db.Lock(data)
    open_db.close_complete(open_db.open_to_write(data, lock, steps))
    open_db.close_complete(open_db.open_to_write(data, lock, steps))
    lock.release()
    put(copy, "CREATE TABLE more(a)")
    shutil.copy(copy, data / "lanchat.db")
    lock = open_db.Lock(data)
    with pytest.raises(FileError, match="the table more is not lanchat's"):
        open_db.open_to_write(data, lock, steps)
    lock.release()


def test_no_connection_trusts_what_a_file_brings_with_it(data: Path) -> None:
    with closing(open_db.connect(data / "lanchat.db")) as writing, closing(open_db.open_to_read(data)) as reading:
        for connection in (writing, reading):
            assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)


# What lies at a name, and beside it.


@needs_root
@pytest.mark.parametrize("there", ["a file", "a pipe", "a link"])
def test_a_backup_is_made_of_nothing_that_is_there(data: Path, there: str) -> None:
    public = data.parent / "public"
    public.mkdir()
    public.chmod(0o1777)
    part, aim = public / "copy.part", data.parent / "aim"
    if there == "a file":
        part.touch(0o666)
    elif there == "a pipe":
        os.mkfifo(part, 0o666)
    else:
        part.symlink_to(aim)
    os.chown(part, STRANGER, -1, follow_symlinks=False)
    words = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), "backup", str(public / "copy")]
    umask = os.umask(0)
    try:
        subprocess.run(words, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    finally:
        os.umask(umask)
    found = (public / "copy").stat()
    assert (found.st_uid, found.st_mode & 0o777, found.st_nlink) == (os.geteuid(), 0o600, 1)
    left = part.lstat()
    assert (left.st_uid, S_ISFIFO(left.st_mode), aim.exists()) == (STRANGER, there == "a pipe", False)
    assert sorted(path.name for path in public.iterdir()) == ["copy", "copy.part"]


@needs_root
@pytest.mark.parametrize(("mode", "owner"), [(0o777, 0), (0o770, 0), (0o700, STRANGER)])
def test_no_backup_is_made_where_others_could_put_another_file_in_its_place(data: Path, mode: int, owner: int) -> None:
    public = data.parent / "public"
    public.mkdir()
    public.chmod(mode)
    os.chown(public, owner, -1)
    assert str(public) in refused(backup.copy_out, data, public / "copy")
    assert not list(public.iterdir())


@needs_root
def test_a_file_that_somebody_else_can_write_is_not_restored(data: Path, copy: Path) -> None:
    copy.chmod(0o622)
    assert refused(backup.restore, data, copy, "then") == f"others can write {copy}. To prevent that: chmod go-w {copy}"
    copy.chmod(0o600)
    os.chown(copy, STRANGER, -1)
    assert "belongs to another user" in refused(backup.restore, data, copy, "then")
    os.chown(data, STRANGER, -1)
    backup.restore(data, copy, "then")  # whose the data are, theirs is the backup


@needs_root
def test_what_somebody_else_put_beside_a_backup_is_no_part_of_it(data: Path, copy: Path) -> None:
    beside = copy.with_name("copy-wal")
    with closing(connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE accounts SET role = 3")
        connection.commit()
        content = beside.read_bytes()
    put(copy, "UPDATE accounts SET role = 1")
    beside.write_bytes(content)
    backup.restore(data, copy, "then")
    assert raw(data, "SELECT role FROM accounts") == [(3,)], "of ours it is"
    os.chown(beside, STRANGER, -1)
    backup.restore(data, copy, "later")
    assert raw(data, "SELECT role FROM accounts") == [(1,)]
    assert beside.read_bytes() == content


def test_what_is_restored_is_not_changed_and_a_pipe_is_not_waited_for(data: Path, copy: Path, tmp_path: Path) -> None:
    content, times = copy.read_bytes(), copy.stat().st_mtime_ns
    backup.restore(data, copy, "then")
    assert (copy.read_bytes(), copy.stat().st_mtime_ns) == (content, times)
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refused(backup.restore, data, tmp_path / "pipe", "later")


def test_the_file_of_a_server_that_runs_is_not_restored(data: Path, tmp_path: Path) -> None:
    with Desk(data):
        assert "is in use by a server" in refused(backup.restore, tmp_path / "other", data / "lanchat.db", "then")
    backup.restore(tmp_path / "other", data / "lanchat.db", "then")
    shutil.copy(data / "lanchat.db", data / "lanchat.db.v1")
    backup.restore(data, data / "lanchat.db.v1", "then")
    with Desk(data) as desk:
        assert len(desk.ask("SELECT msg FROM log")) == 10


@needs_root
def test_root_restores_nothing_that_another_user_s_server_is_writing(data: Path, copy: Path) -> None:
    other = shutil.copytree(data, data.parent / "other")
    for place in (data, other):
        for path in (place, *place.iterdir()):
            os.chown(path, STRANGER, -1)
    lock = open_db.Lock(other, for_owner=True)
    assert f"{other / 'lanchat.db'} is in use by a server" in refused(backup.restore, data, other / "lanchat.db", "then")
    lock.release()
    backup.restore(data, other / "lanchat.db", "then")


@needs_root
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_root_finishes_no_replacement_by_a_file_that_another_user_linked_to(data: Path, copy: Path, link: Any) -> None:
    os.chown(data, STRANGER, -1)
    link(data / "lanchat.db.then.next", copy)
    before = copy.read_bytes()
    for _ in range(2):
        assert f"lanchat.db is not a file of {STRANGER}'s" in refused(partial(open_db.Lock, for_owner=True), data)
    assert copy.read_bytes() == before
    (data / "lanchat.db").unlink()
    open_db.Lock(data, for_owner=True).release()
