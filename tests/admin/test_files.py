"""Commands that deal with the files that users sent: backup, restore, check, export, purge; with a server and without one."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from lanchat.maintenance.kept_files import place
from tests.admin.test_admin import admin, done, refused
from tests.live import LOOPBACK, SCRIPTS, Server
from tests.shelf import Shelf, digest_of
from tests.stores import entry, raw

A, B = b"a long report", b"another"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data of a server that was stopped: alice sent a file, and bob another."""
    with Shelf(tmp_path / "data") as shelf:
        for number, name in ((1, "alice"), (2, "bob")):
            row = (number, name, name, 1, "x", 0, "")
            shelf.desk.write(lambda c, row=row: c.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount)  # type: ignore[misc]
        shelf.send(A)
        shelf.send(B, author=2, name="bob")
    return tmp_path / "data"


def orphan(data: Path, content: bytes) -> Path:
    """A file that no message has."""
    path = place(data / "files", digest_of(content))
    path.parent.mkdir(exist_ok=True, mode=0o700)
    path.write_bytes(content)
    return path


def found(data: Path) -> str:
    """What the check says that finds something."""
    result = admin(data, "check")
    assert (result.returncode, result.stdout) == (3, "")
    return str(result.stderr)


def test_a_backup_tells_what_it_has_and_is_restored(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    told = done(data, "backup", str(copy))
    assert told == f"Backup written to {copy}, and 2 files (20 bytes) to {copy}.files.\n"
    again = refused(data, "backup", str(copy))
    assert "exists already" in again
    place(data / "files", digest_of(A)).unlink()
    assert "message 1: its file a long report is missing" in found(data)
    assert "The previous database is in lanchat.db." in done(data, "restore", str(copy))
    assert "2 files" in done(data, "check")
    place(tmp_path / "copy.files", digest_of(A)).unlink()
    place(data / "files", digest_of(A)).unlink()
    time.sleep(1.1 - time.time() % 1)  # (the name of the old database has the second)
    assert "--incomplete" in refused(data, "restore", str(copy), code=3)
    assert "Without 1 file that the backup lacks." in done(data, "restore", str(copy), "--incomplete")


def test_a_backup_to_a_pipe_says_that_it_has_no_files(data: Path, tmp_path: Path) -> None:
    with (tmp_path / "copy").open("wb") as out:
        command = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), "backup", "-"]
        told = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=True).stderr  # noqa: S603 (ours)
    assert "It lacks 2 files that users sent: name a FILE to have them, too." in told
    assert "2 of the files that were sent are missing" in refused(tmp_path / "other", "restore", str(tmp_path / "copy"), code=3)


def test_a_backup_without_what_the_disk_lost_is_made_and_told(data: Path, tmp_path: Path) -> None:
    place(data / "files", digest_of(A)).unlink()
    told = refused(data, "backup", str(tmp_path / "copy"))
    assert "1 file that users sent could not be copied" in told
    assert (tmp_path / "copy").exists()


@pytest.mark.parametrize("beside", [False, True])
def test_what_can_be_mended_is_and_the_rest_is_told(data: Path, tmp_path: Path, beside: bool) -> None:
    raw(data, "DELETE FROM kept WHERE seq = 1")
    raw(data, "DELETE FROM fresh WHERE seq = 1")
    server = Server(tmp_path, "--port", LOOPBACK) if beside else None
    try:
        left = orphan(data, b"left")
        told = found(data)
        assert "1 row can't be used, of 2 accounts, 0 rooms, 1 message, 2 files, " in told
        assert "lanchat-admin check --mend removes them:\nfiles (1): there is no message 1\n" in told
        mended = admin(data, "check", "--mend").stdout
        count = "[12] files?" if beside else "2 files"  # (it may have just started, and removed what is left by itself)
        assert re.match(f"Mended: {count} that no message has were removed, and 1 row of files without a message.\n", mended)
        assert "No damage found: 2 accounts, 0 rooms, 1 message, 1 file, " in mended
        assert not left.exists()
        assert not place(data / "files", digest_of(A)).exists()
        assert place(data / "files", digest_of(B)).exists()
    finally:
        if server is not None:
            server.stop()


def test_an_export_tells_where_the_file_is(data: Path) -> None:
    said = [json.loads(line) for line in done(data, "export").splitlines()]
    assert said[0]["kind"] == "file"
    assert said[0]["file"]["name"] == "a long report"
    assert (data / said[0]["file"]["path"]).read_bytes() == A


@pytest.mark.parametrize("beside", [False, True])
def test_the_files_of_who_is_erased_are_gone_when_that_is_said(data: Path, tmp_path: Path, beside: bool) -> None:
    server = Server(tmp_path, "--port", LOOPBACK) if beside else None
    try:
        assert "1 message" in done(data, "purge", "alice", "--yes")
        assert not place(data / "files", digest_of(A)).exists()
        assert place(data / "files", digest_of(B)).exists()
    finally:
        if server is not None:
            server.stop()


def test_a_server_removes_what_a_killed_one_left(data: Path, tmp_path: Path) -> None:
    left = orphan(data, b"left")
    coming = data / "files" / "tmp" / "half"
    coming.write_bytes(b"hal")
    with Server(tmp_path, "--port", LOOPBACK) as server:
        server.logged("1 files that no message needed were unlinked")
        assert not left.exists()
        assert not coming.exists()
        assert place(data / "files", digest_of(A)).exists()


def test_an_export_tells_which_webhook_said_something(tmp_path: Path) -> None:
    with Shelf(tmp_path / "data") as shelf:
        shelf.desk.say(entry("deployed", author=-7, name="build", kind="bot"))
    (said,) = [json.loads(line) for line in done(tmp_path / "data", "export").splitlines()]
    assert (said["account"], said["hook"], said["kind"]) == (None, 7, "bot")
