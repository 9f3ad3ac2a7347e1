"""Where `lanchat-admin` writes what it was asked for: new files, whole or not at all, on every file system, and stdout."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lanchat.admin import control_client, files
from lanchat.admin.export import output
from lanchat.admin.main import main
from lanchat.maintenance import backup
from lanchat.store import open_db
from lanchat.system.private_files import FileError, new_file, rename_without_replacing
from tests.drivers.core import full_disk
from tests.live import PATIENCE, SCRIPTS
from tests.stores import Desk, entry, raw


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """What a server has kept: two messages."""
    with Desk(tmp_path / "data") as desk:
        desk.say(entry("hello"), entry("and again"))
    return tmp_path / "data"


def admin(data: Path, words: str, directory: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end in a directory."""
    command = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), *words.split()]
    return subprocess.run(command, cwd=directory, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)


def names(directory: Path) -> list[str]:
    """What is in a directory."""
    return sorted(path.name for path in directory.iterdir())


def test_a_dash_is_stdout_and_the_sentence_goes_to_stderr(data: Path, tmp_path: Path) -> None:
    done = admin(data, "backup -", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"Backup written to stdout.\n")
    (tmp_path / "copy").write_bytes(done.stdout)
    (tmp_path / "copy").chmod(0o600)
    backup.restore(tmp_path / "other", tmp_path / "copy", "then")
    with Desk(tmp_path / "other") as desk:
        assert desk.store.last_seq == 2
    done = admin(data, "--json backup -", tmp_path)
    assert json.loads(done.stderr) == {"file": None, "bytes": len(done.stdout), "files_left_out": 0}
    done = admin(data, "export -", tmp_path)
    assert [json.loads(line)["msg"] for line in done.stdout.splitlines()] == ["hello", "and again"]
    assert done.stderr == b"2 messages exported.\n"
    assert names(tmp_path) == ["copy", "data", "other"]
    assert admin(data, "backup ./-", tmp_path).returncode == 0
    assert (tmp_path / "-").exists()


def test_a_backup_is_not_written_to_a_terminal(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["--data", str(data), "backup", "-"]) == 1
    assert capsys.readouterr().err == "lanchat-admin: A backup can't be written to a terminal. Name a file, or use a pipe.\n"


def test_a_file_system_without_links_takes_backups_and_exports(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    place = tmp_path / "stick"
    place.mkdir()
    for command in ("backup", "export"):
        assert main(["--data", str(data), command, str(place / command)]) == 0
    assert names(place) == ["backup", "export"]
    backup.restore(tmp_path / "other", place / "backup", "then")
    for file in place.iterdir():
        before = file.read_bytes()
        with pytest.raises(FileExistsError), new_file(file) as out:
            out.write(b"another")
        assert file.read_bytes() == before
    assert names(place) == ["backup", "export"]


def test_a_new_file_takes_the_place_of_nothing(tmp_path: Path) -> None:
    part, there = tmp_path / "part", tmp_path / "there"
    part.write_text("new")
    there.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_without_replacing(part, there)
    assert names(tmp_path) == ["part", "there"]


def test_an_export_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    with output(file) as write:
        write("a line\n")
        assert not file.exists()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("a line\n", 0o600)
    file.unlink()
    with pytest.raises(KeyboardInterrupt), output(file):
        raise KeyboardInterrupt
    with full_disk(), pytest.raises(FileError, match="lines can't be written: File too large"), output(file) as write:
        write("a line\n")
    assert names(tmp_path) == []


def test_a_restore_tells_which_disk_is_full_and_which_file_is_wrong(data: Path, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy", tmp_path / "other"
    backup.copy_out(data, copy)
    with Desk(other):
        pass
    with full_disk(), pytest.raises(FileError, match=f"^{other / 'lanchat.db'} can't be used: .*File too large"):
        backup.restore(other, copy, "then")
    with pytest.raises(FileError, match=f"^{tmp_path / 'nowhere' / 'x'} can't be used: .*No such file"):
        backup.restore(other, tmp_path / "nowhere" / "x", "then")
    content = copy.read_bytes()
    copy.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    with pytest.raises(FileError, match=f"^{copy} "):
        backup.restore(other, copy, "then")
    shutil.copyfile(copy, data / "lanchat.db")
    for run in (False, True):
        lock = open_db.Lock(data) if run else None
        with pytest.raises(FileError, match=f"^{data / 'lanchat.db'} "):
            backup.copy_out(data, tmp_path / "second")
        if lock is not None:
            lock.release()
    assert names(other) == ["lanchat.db", "lock"]


def test_what_a_check_finds_beside_a_server_is_not_a_backup_s_fault(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw(data, "INSERT INTO accounts VALUES (1, 'ann', 'ann', 1, 'x', 0, '')")
    ((page,),) = raw(data, "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_accounts_1'")
    with (data / "lanchat.db").open("r+b") as file:
        file.seek((page - 1) * 4096 + 3)
        file.write(bytes(2))  # an index with no rows
    lock = open_db.Lock(data)
    assert main(["--data", str(data), "check"]) == 3
    lock.release()
    assert capsys.readouterr().err.endswith(f". {open_db.REMEDY}\n")


@pytest.mark.parametrize(("room", "count"), [("#σίσυφος", 2), ("σίσυφος", 2), ("#σίσυφοσ", 0)])
def test_of_two_rooms_with_one_key_the_one_of_exactly_that_name_is_exported(
    data: Path, capsys: pytest.CaptureFixture[str], room: str, count: int
) -> None:
    for row in ((1, "#σίσυφος"), (2, "#σίσυφοσ")):
        raw(data, "INSERT INTO rooms VALUES (?1, ?2, ?2, '', 0, NULL, 0, '', 0, '{}')", *row)
    assert main(["--data", str(data), "export", "--room", room]) == 0
    assert len(capsys.readouterr().out.splitlines()) == count


@pytest.mark.parametrize(
    "damage", ["name = CAST(x'ff61' AS TEXT)", "target = CAST(x'ff' AS TEXT)", "conv = 'r1x'", "conv = x'7231'"]
)
def test_a_damaged_row_does_not_end_an_export(data: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    for table in ("kept", "fresh"):
        raw(data, f"UPDATE {table} SET {damage} WHERE msg = 'hello'")  # noqa: S608 (ours)
    raw(data, "INSERT INTO rooms VALUES (1, '#ops', '#ops', '', 0, NULL, 0, '', 0, '{}')")
    for words in (["--user", "alice"], ["--room", "#ops"]):
        code = main(["--data", str(data), "export", *words])
        out, err = capsys.readouterr()
        assert "and again" in out
        assert code == ("damaged on the disk: 1" in err)


@pytest.mark.parametrize(
    "words", [["--data", "", "check"], ["backup", ""], ["restore", ""], ["export", ""], ["check-config", "--config", ""]]
)
def test_an_empty_name_is_not_the_current_directory(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "the name of the file or directory is missing" in capsys.readouterr().err


def test_an_account_without_a_name_is_told_as_that(data: Path, tmp_path: Path) -> None:
    for words in (["purge", "", "--yes"], ["export", "--user", ""], ["account", "role", "", "user"]):
        command = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
        assert (done.returncode, done.stderr.startswith(b"lanchat-admin: ")) == (1, True)
        assert b"there is no account (no name)" in done.stderr.lower()


def test_a_name_that_is_no_utf8_is_noted_as_it_may_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[bytes] = []
    monkeypatch.setattr(control_client, "call", lambda _, request, __: noted.append(msgspec.json.encode(request)))
    files.note(tmp_path, "a backup to b\udcff")
    assert noted == [b'{"do":"note","name":"a backup to b\\\\udcff"}']
