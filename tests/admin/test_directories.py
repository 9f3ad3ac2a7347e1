"""Whose a directory is: what `lanchat-admin` and a server do where it is somebody else's, or open to them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from lanchat.admin.main import main
from lanchat.config import preflight
from lanchat.maintenance import backup, file_backup
from lanchat.system.private_files import FileError
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, twistd
from tests.shelf import Shelf
from tests.stores import Desk, entry

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, and be somebody else")
STRANGER = 12345
COMMANDS = (
    "account add ann --password-stdin", "account passwd ann --password-stdin", "account role ann user", "account list",
    "account remove ann", "purge ann --yes", "backup {}/new", "restore {}/copy", "new-epoch", "salvage", "check", "reload",
    "export {}/new",
)  # fmt: skip


def admin(data: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run `lanchat-admin` to its end, in a process of its own: it may need a reactor."""
    words = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), *command.split()]
    return subprocess.run(words, input="password\n", capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)


def refused(data: Path, command: str) -> str:
    """Its one line about what it can't use; in this process, which is soon done, as nothing may have begun by then."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = main(["--data", str(data), *command.split()])
    assert (status, out.getvalue(), err.getvalue().count("\n")) == (3, "", 1)
    return err.getvalue()


def start(directory: Path, *twistds: str) -> subprocess.CompletedProcess[str]:
    """Run a server that does not start; `twistds` are options of twistd's own."""
    command = twistd(directory, "--port", LOOPBACK)
    command[command.index("lanchat") : command.index("lanchat")] = twistds
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert done.returncode
    return done


def refused_start(directory: Path) -> str:
    """The one line of a server that finds a mistake in what it was told."""
    done = start(directory)
    assert (done.returncode, done.stderr.count("\n")) == (os.EX_CONFIG, 1)
    return done.stderr


def look(directory: Path) -> list[tuple[str, int, int, int]]:
    """Names, rights, owners and sizes of a directory and of all that is in it."""
    found = [(path, path.lstat()) for path in [directory, *sorted(directory.rglob("*"))]]
    return [(str(path), about.st_mode, about.st_uid, about.st_size) for path, about in found]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A backup."""
    with Desk(tmp_path / "kept") as desk:
        desk.say(entry("hello"))
    backup.copy_out(tmp_path / "kept", tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_with_other_things_in_it_is_never_closed_or_used(tmp_path: Path, copy: Path, command: str) -> None:
    place = tmp_path / "lib"
    (place / "others").mkdir(parents=True)
    place.chmod(0o755)
    before = look(place)
    assert f"{place} is open to other users, and is not a server's data directory" in refused(place, command.format(tmp_path))
    link = tmp_path / "link"
    link.symlink_to(place)
    assert "is open to other users" in refused(link, command.format(tmp_path))
    assert look(place) == before
    assert copy.exists()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["account add ann --password-stdin", "check", "restore {}/copy"])
def test_a_server_s_directory_that_was_opened_is_refused_and_told_how_to_be_closed(
    tmp_path: Path, copy: Path, command: str
) -> None:
    kept = tmp_path / "kept"
    kept.chmod(0o750)
    before = look(kept)
    assert refused(kept, command.format(tmp_path)).endswith(f"To prevent that: chmod go= {kept}\n")
    assert look(kept) == before
    kept.chmod(0o700)
    admin(kept, command.format(tmp_path)).check_returncode()


def test_no_server_starts_in_a_directory_that_others_can_look_into(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    assert refused_start(tmp_path) == f"lanchat: others can read or write {data}. To prevent that: chmod go= {data}\n"
    (data / "others").touch()
    assert "is open to other users, and is not a server" in refused_start(tmp_path)
    assert data.stat().st_mode & 0o777 == 0o755
    config = tmp_path / "lanchat.toml"
    config.write_text('data = "data"')
    result = admin(data, f"check-config {config}")
    assert result.returncode == 1
    assert f"{data} is open to other users" in result.stderr


@needs_root
def test_no_server_of_root_s_starts_in_a_directory_of_another_user(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    os.chown(data, STRANGER, -1)
    done = start(tmp_path)
    assert f"lanchat: {data} belongs to another user ({STRANGER}). Run this as {STRANGER}" in done.stdout + done.stderr
    assert not list(data.iterdir())


@needs_root
def test_root_follows_no_link_of_another_user(tmp_path: Path, copy: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "data").symlink_to(tmp_path / "kept")
    os.chown(home, STRANGER, -1)
    os.chown(home / "data", STRANGER, -1, follow_symlinks=False)
    before = look(tmp_path / "kept")
    for command in ("account add ann --password-stdin", f"restore {copy}", "salvage"):
        assert f"{home / 'data'} is a link made by another user" in refused(home / "data", command)
    assert look(tmp_path / "kept") == before


@needs_root
@pytest.mark.parametrize("name", ["lanchat.db", "lock"])
def test_root_writes_to_no_file_that_another_user_put_in_the_place_of_the_database(
    tmp_path: Path, copy: Path, name: str
) -> None:
    data, root_s = tmp_path / "data", tmp_path / "kept" / name
    backup.restore(data, copy, "then")
    (data / name).unlink()
    os.link(root_s, data / name)
    for path in (data, data / "lanchat.db"):
        if path != data / name:
            os.chown(path, STRANGER, -1)
    before = look(tmp_path / "kept")
    for command in ("account add ann --password-stdin", f"restore {copy}", "salvage", "check"):
        assert f"{data / name} is not a file of {STRANGER}'s. Move it away." in refused(data, command)
    assert look(tmp_path / "kept") == before


def test_a_directory_of_files_that_can_not_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data" / "files").mkdir(0o700, parents=True)
    (tmp_path / "data").chmod(0o700)
    (tmp_path / "data" / "files" / "tmp").write_text("")
    done = start(tmp_path)
    assert "Traceback" not in done.stdout + done.stderr
    assert "data/files can't be used: [Errno 20] Not a directory" in done.stdout + done.stderr


@needs_root
def test_files_that_root_restores_are_the_server_s(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    with Shelf(tmp_path / "first") as shelf:
        shelf.send(b"a report", b"small")
    backup.copy_out(tmp_path / "first", tmp_path / "with files")
    for place in (data, other):
        place.mkdir(0o700)
        os.chown(place, STRANGER, -1)
        backup.restore(place, tmp_path / "with files", "then")
        assert {(path.name, path.stat().st_uid) for path in place.rglob("*")} == {
            (path.name, STRANGER) for path in place.rglob("*")
        }
    old = backup.restore(data, tmp_path / "with files", "later").old
    assert {path.stat().st_uid for path in file_backup.beside(old).rglob("*")} == {STRANGER}


@needs_root
def test_root_restores_files_through_no_link_of_another_user(tmp_path: Path) -> None:
    with Shelf(tmp_path / "first") as shelf:
        shelf.send(b"a report")
    backup.copy_out(tmp_path / "first", tmp_path / "with files")
    (root_s := tmp_path / "root's").mkdir()
    data = tmp_path / "data"
    data.mkdir(0o700)
    (data / "files").symlink_to(root_s)
    os.chown(data, STRANGER, -1)
    with pytest.raises(FileError, match="files is not a directory"):
        backup.restore(data, tmp_path / "with files", "then")
    assert not list(root_s.iterdir())


#: Another user, who may not be able to read where this is installed.
_AS_STRANGER = f"""
import os, sys
from lanchat.admin.main import main
os.setgroups([]), os.setgid({STRANGER}), os.setuid({STRANGER})
sys.exit(main(sys.argv[1:]))
"""


@needs_root
def test_a_directory_of_root_s_that_all_can_write_is_nobody_s_to_use(tmp_path: Path) -> None:
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == 0 and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    place = tmp_path / "public"
    place.mkdir()
    place.chmod(0o1777)
    run = [sys.executable, "-c", _AS_STRANGER, "--data", str(place), "account", "add", "ann", "--password-stdin"]
    done = subprocess.run(run, input="password-1\n", capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{place} belongs to another user (root). Run this as root" in done.stderr
    assert not list(place.iterdir())


@needs_root
def test_the_number_of_the_process_is_not_written_where_another_user_s_link_leads(tmp_path: Path) -> None:
    pidfile, aim = tmp_path / "twistd.pid", tmp_path / "aim"
    assert preflight.pid_file_errors({"pidfile": str(pidfile)}) == preflight.pid_file_errors({"pidfile": ""}) == []
    pidfile.symlink_to(aim)
    os.chown(pidfile, STRANGER, -1, follow_symlinks=False)
    done = start(tmp_path, f"--pidfile={pidfile}")
    assert done.stderr.startswith(f"lanchat: {pidfile} is a link made by another user")
    assert not aim.exists()


@needs_root
@pytest.mark.parametrize("there", ["a file", "a pipe", "a link", "a file of ours that all can write"])
def test_the_log_goes_to_no_file_of_another_user(tmp_path: Path, there: str) -> None:
    log, aim = tmp_path / "log", tmp_path / "aim"
    if there == "a pipe":
        os.mkfifo(log, 0o600)
        reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    elif there == "a link":
        log.symlink_to(aim)
    else:
        log.touch()
        log.chmod(0o666)
    if "ours" not in there:
        os.chown(log, STRANGER, -1, follow_symlinks=False)
    done = start(tmp_path, f"--logfile={log}")
    told = {"a link": "is a link made by another user", "a file of ours that all can write": "others can write"}
    assert done.stderr.startswith("lanchat: ")
    assert told.get(there, "belongs to another user") in done.stderr
    assert not aim.exists()
    if there == "a pipe":
        assert not os.read(reading, 10)
        os.close(reading)
