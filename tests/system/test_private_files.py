"""Whose files are trusted: one rule, and everything that is read by it."""

from __future__ import annotations

import os
import threading
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.keys import Key

from lanchat.client import tls
from lanchat.client.known_servers import KnownServers
from lanchat.client.state_file import UnsafeFile
from lanchat.client.tokens import TokenFile, read_password
from lanchat.config import config_file, preflight
from lanchat.config.options import Options
from lanchat.manhole import keys
from lanchat.net.certificates import OwnCertificates, read_certificates, read_key
from lanchat.system.private_files import (
    LEFTOVER_SECONDS,
    PART_PREFIX,
    FileError,
    check_data_directory,
    check_data_file,
    check_directory,
    open_safely,
    read_safely,
    temporary_directory,
    write_private,
)
from tests.certs import Authority

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
STRANGER = 12345


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file in safe hands."""
    path = tmp_path / "file"
    path.write_text("content")
    path.chmod(0o600)
    return path


def why(path: Path, **how: bool) -> str:
    """Why a file is refused."""
    with pytest.raises(FileError) as refused:
        read_safely(path, **how)
    return str(refused.value)


# The rule.


def test_a_file_of_ours_is_read(file: Path) -> None:
    assert read_safely(file) == read_safely(file, secret=True) == b"content"
    assert read_safely(file, max_bytes=3) == b"con"
    file.chmod(0o644)
    assert read_safely(file) == b"content"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_can_write_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert why(file) == f"others can write {file}. To prevent that: chmod go-w {file}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_secret_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert why(file, secret=True) == f"others can read or write {file}. To prevent that: chmod go= {file}"


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_directory_in_which_others_can_put_another_file_is_refused(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    assert why(file) == f"others can write {file.parent}. To prevent that: chmod go-w {file.parent}"


def test_in_a_sticky_directory_others_can_not_touch_what_is_ours(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert read_safely(file, secret=True) == b"content"
    check_directory(Path("/tmp"))  # noqa: S108 (that is the point)


@needs_root
def test_a_file_or_directory_of_another_user_is_refused_whatever_its_mode(file: Path) -> None:
    os.chown(file, STRANGER, -1)
    assert why(file).startswith(f"{file} belongs to another user ({STRANGER}), who could change it. ")
    assert why(file).endswith(f": chown root {file}")
    file.parent.chmod(0o1777)
    assert "another user" in why(file)
    os.chown(file, 0, -1)
    os.chown(file.parent, STRANGER, -1)
    assert why(file).startswith(f"{file.parent} belongs to another user")


@needs_root
def test_each_link_on_the_way_is_looked_at(file: Path) -> None:
    places = [file.parent / name for name in ("first", "second", "third")]
    for place in places:
        place.mkdir()
    links = [place / "link" for place in places]
    for link, target in zip(links, ["../second/link", str(links[2]), str(file)], strict=True):
        link.symlink_to(target)
    assert read_safely(links[0]) == b"content"
    places[1].chmod(0o777)
    assert f"others can write {places[0]}/../second" in why(links[0])
    places[1].chmod(0o1777)
    assert read_safely(links[0]) == b"content"
    os.chown(links[1], STRANGER, -1, follow_symlinks=False)
    assert f"{places[0]}/../second/link belongs to another user" in why(links[0])


def test_a_pipe_is_read_only_where_one_may_be(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(OSError, match="not a regular file"):
        read_safely(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"hunter2\n",))
    writer.start()
    assert read_password(pipe) == "hunter2"
    writer.join()
    reading, writing = os.pipe()
    os.write(writing, b"hunter3\n")
    os.close(writing)
    assert read_password(Path(f"/dev/fd/{reading}")) == "hunter3"
    os.close(reading)


@needs_root
def test_what_systemd_hands_over_is_taken_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o440)
    os.chown(file, STRANGER, -1)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    assert read_safely(file, secret=True) == b"content"


def test_what_is_kept_is_made_new_and_for_us_alone(file: Path) -> None:
    old = os.umask(0)
    try:
        with file.open("rb") as before:
            write_private(file, b"other")
            assert before.read() == b"content", "who had it open sees nothing of the new one"
    finally:
        os.umask(old)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"other", 0o600)
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_what_can_not_be_kept_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "directory" / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="irectory"):
        write_private(tmp_path / "directory", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]


# A server's directory, and where files are made.


def shut_out(directory: Path, **how: bool) -> str:
    """Why a directory is no server's; it stays as it is."""
    before = directory.stat()
    with pytest.raises(FileError) as refused:
        check_data_directory(directory, "main", **how)
    after = directory.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o701, 0o740, 0o755, 0o777, 0o1777])
def test_a_directory_of_ours_that_others_can_look_into_is_refused_and_stays_as_it_is(tmp_path: Path, mode: int) -> None:
    check_data_directory(tmp_path, "main")
    tmp_path.chmod(mode)
    to_do = f"others can read or write {tmp_path}. To prevent that: chmod go= {tmp_path}"
    assert shut_out(tmp_path) == to_do, "it is empty"
    (tmp_path / "other").touch()
    assert "chmod" not in shut_out(tmp_path), "it may be /var/lib"
    assert f"such as {tmp_path}/lanchat." in shut_out(tmp_path)
    (tmp_path / "main").touch()
    assert shut_out(tmp_path) == to_do


@needs_root
def test_no_directory_is_told_to_be_closed_because_of_what_somebody_else_put_there(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    (tmp_path / "main").hardlink_to(tmp_path / "other")
    tmp_path.chmod(0o1777)
    assert "chmod" not in shut_out(tmp_path)
    (tmp_path / "main").unlink()
    (tmp_path / "main").touch()
    os.chown(tmp_path / "main", STRANGER, -1)
    assert "chmod" not in shut_out(tmp_path)


@needs_root
def test_a_directory_of_another_user_is_for_the_administrator_alone(tmp_path: Path) -> None:
    directory = tmp_path / "theirs"
    directory.mkdir(0o700)
    os.chown(directory, STRANGER, -1)
    assert shut_out(directory).startswith(f"{directory} belongs to another user ({STRANGER}). Run this as {STRANGER}")
    check_data_directory(directory, "main", as_root=True)
    directory.chmod(0o750)
    assert shut_out(directory, as_root=True).endswith(f"chmod go= {directory}")


@needs_root
def test_a_link_to_a_directory_leads_where_its_owner_wants_or_nowhere(tmp_path: Path) -> None:
    ours, theirs, link = tmp_path / "ours", tmp_path / "theirs", tmp_path / "link"
    for directory in (ours, theirs):
        directory.mkdir(0o700)
    os.chown(theirs, STRANGER, -1)
    link.symlink_to(ours)
    check_data_directory(link, "main")
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    assert f"{link} is a link made by another user" in shut_out(link, as_root=True)
    link.unlink()
    link.symlink_to(theirs)
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    check_data_directory(link, "main", as_root=True)


@needs_root
def test_in_the_directory_of_another_user_no_link_is_followed(tmp_path: Path) -> None:
    secret, directory = tmp_path / "secret", tmp_path / "theirs"
    secret.touch()
    directory.mkdir(0o700)
    check_data_file(directory / "none")
    (directory / "main").symlink_to(secret)
    check_data_file(directory / "main")  # ours, in a directory of ours
    os.chown(directory, STRANGER, -1)
    with pytest.raises(FileError, match="is not a file of"):
        check_data_file(directory / "main")
    (directory / "main").unlink()
    (directory / "main").hardlink_to(secret)
    with pytest.raises(FileError, match="is not a file of"):
        check_data_file(directory / "main")


def old(path: Path) -> Path:
    """A directory that a run made which was killed."""
    path.mkdir(0o700)
    (path / "copy").write_text("secret")
    os.utime(path, (1, 1))
    return path


def test_what_a_killed_run_left_is_removed_unless_another_is_at_work_in_it(tmp_path: Path) -> None:
    left = old(tmp_path / f"{PART_PREFIX}left")
    fresh = tmp_path / f"{PART_PREFIX}fresh"
    fresh.mkdir()
    (tmp_path / f"{PART_PREFIX}link").symlink_to(old(tmp_path / "elsewhere"))
    with temporary_directory(tmp_path) as first:
        assert not left.exists()
        os.utime(first, (1, 1))
        with temporary_directory(tmp_path) as second:
            assert first.is_dir()
            assert first != second
            assert second.stat().st_mode & 0o777 == 0o700
    assert not first.exists()
    assert not second.exists()
    assert fresh.exists(), f"it may be at work, which shows after {LEFTOVER_SECONDS} s"
    assert (tmp_path / "elsewhere" / "copy").exists()


@needs_root
def test_what_somebody_else_left_is_left_alone_and_in_their_directory_nothing_is_made(tmp_path: Path) -> None:
    theirs = old(tmp_path / f"{PART_PREFIX}theirs")
    os.chown(theirs, STRANGER, -1)
    with temporary_directory(tmp_path):
        assert theirs.exists()
    for mode, owner in ((0o777, 0), (0o700, STRANGER)):
        tmp_path.chmod(mode)
        os.chown(tmp_path, owner, -1)
        with pytest.raises(FileError), temporary_directory(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == [theirs]


@needs_root
def test_what_is_opened_to_be_read_is_a_file_that_nobody_else_can_write(file: Path) -> None:
    open_safely(file).close()
    file.chmod(0o660)
    with pytest.raises(FileError, match="others can write"):
        open_safely(file)
    file.chmod(0o600)
    os.chown(file, STRANGER, -1)
    with pytest.raises(FileError, match="belongs to another user"):
        open_safely(file)
    open_safely(file, {STRANGER}).close()
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(OSError, match="not a regular file"):
        open_safely(file)


# Everything that is read by it.


def _client(load: Callable[[], object]) -> object:
    """What the client reads, refused as the server's parts do."""
    try:
        found = load()
    except (UnsafeFile, tls.UnusableFile) as error:
        raise FileError(str(error)) from None
    return None if isinstance(found, tls.ServerVerifier) else found


#: A line that the client has remembered.
KNOWN = f"[lan]:1 SHA256:{43 * chr(65)}\n"
#: Who reads which files, and what is a good one.
READERS: dict[str, Callable[[Path], object]] = {
    "configuration": config_file.load,
    "TLS key": read_key,
    "certificate": read_certificates,
    "operators' keys": keys.read_authorized_keys,
    "password": lambda path: _client(lambda: read_password(path)),
    "tokens": lambda path: _client(TokenFile(path, "ann", ("lan", 1)).any),
    "known servers": lambda path: _client(lambda: KnownServers(path).keys("[lan]:1")),
    "authority of the client": lambda path: _client(lambda: tls.AuthorityVerifier("lan", None, path)),
    "certificate of the client": lambda path: _client(lambda: tls.FingerprintVerifier("lan", path, "")),
}


def _good(kind: str, directory: Path) -> Path:
    authority = Authority(directory)
    if kind in ("TLS key", "certificate"):
        return authority.issue("server")[kind == "certificate"]
    if kind.endswith("of the client"):
        return authority.path if kind.startswith("authority") else authority.both("ann")
    path = directory / "file"
    public = Key(Ed25519PrivateKey.generate()).public().toString("openssh").decode()
    contents = {"operators' keys": public, "password": "password-1", "tokens": "[lan]:1 ann proof t1\n", "known servers": KNOWN}
    path.write_text(contents.get(kind, ""))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("kind", READERS)
def test_a_byte_order_mark_at_the_beginning_is_no_part_of_it(tmp_path: Path, kind: str) -> None:
    path, read = _good(kind, tmp_path), READERS[kind]
    before = read(path)
    path.write_bytes(BOM_UTF8 + path.read_bytes())
    after = read(path)
    if kind != "TLS key":  # (which can't be compared)
        assert after == before


@needs_root
@pytest.mark.parametrize("kind", READERS)
def test_nothing_is_read_that_somebody_else_could_have_written(tmp_path: Path, kind: str) -> None:
    path, read = _good(kind, tmp_path), READERS[kind]
    read(path)
    os.chown(path, STRANGER, -1)
    with pytest.raises(FileError, match="belongs to another user"):
        read(path)
    os.chown(path, 0, -1)
    path.chmod(path.stat().st_mode | 0o020)
    with pytest.raises(FileError, match=r"others can (read or )?write"):
        read(path)
    path.chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(FileError, match="others can write"):
        read(path)
    tmp_path.chmod(0o700)
    os.chown(tmp_path, STRANGER, -1)
    with pytest.raises(FileError, match="belongs to another user"):
        read(path)


@pytest.mark.parametrize(
    "make", [lambda path: OwnCertificates(path).renew(), keys.host_keys], ids=["certificates", "host keys"]
)
def test_no_key_is_made_where_others_can_put_another(tmp_path: Path, make: Callable[[Path], object]) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(FileError, match="others can write"):
        make(tmp_path)
    assert not list(tmp_path.iterdir())


def _options(tmp_path: Path) -> Options:
    """Options of a server that makes its own keys, with another's list of operators and authority."""
    listed = _good("operators' keys", tmp_path)
    options = Options()
    words = ["--tls", "5001", "--tls-client-ca", str(Authority(tmp_path).path), "--data", str(tmp_path / "data")]
    options.parseOptions([*words, "--manhole", "2222", "--manhole-keys", str(listed)])
    return options


def test_a_check_finds_all_of_it(tmp_path: Path) -> None:
    options = _options(tmp_path)
    assert preflight.find_errors(options) == []
    data = tmp_path / "data"
    OwnCertificates(data).renew()
    keys.host_keys(data)
    assert preflight.find_errors(options) == []
    bad = [options["tls-client-ca"], options["manhole-keys"], data / "tls_key.pem", data / "ssh_host_rsa_key"]
    for path in bad:
        path.chmod(0o666)
    assert len(wrong := preflight.find_errors(options)) == 4
    assert all(any(f" {path}. To prevent that: chmod" in line for line in wrong) for path in bad)
    data.chmod(0o722)
    assert (
        len([line for line in preflight.find_errors(options) if " is open to other users, and is not a server's" in line]) == 1
    )
    (data / "lanchat.db").touch()
    assert len([line for line in preflight.find_errors(options) if line.endswith(f"To prevent that: chmod go= {data}")]) == 1


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[Options]:
    """Options of a server that will run as another user, whose data directory it is; everybody can read this Python."""
    monkeypatch.setattr(os, "__file__", "/etc/passwd")
    with TemporaryDirectory(dir="/tmp") as directory:  # pytest's own can't be looked into by others
        Path(directory).chmod(0o755)
        options = Options()
        options.parent = cast("Options", {"uid": STRANGER, "gid": STRANGER})
        options["data"] = Path(directory, "data")
        options["data"].mkdir(0o700)
        os.chown(options["data"], STRANGER, STRANGER)
        yield options


@needs_root
def test_what_is_made_for_the_user_that_a_server_will_run_as_is_that_users(later: Options) -> None:
    preflight.as_user(later, OwnCertificates(later["data"]).renew)
    assert {path.stat().st_uid for path in later["data"].iterdir()} == {STRANGER}
    os.chown(later["data"], 0, 0)
    with pytest.raises(FileError, match="Permission denied"):
        preflight.as_user(later, OwnCertificates(later["data"]).renew)
    assert os.geteuid() == os.getegid() == 0


def _told(later: Options) -> list[str]:
    """What is said of the data directory at the start of a server that will run as another user."""
    later["data"], options = later["data"], preflight.CheckedOptions()
    options.update(later)
    options.parent = later.parent
    return options.file_errors(())


@needs_root
def test_a_directory_that_the_user_of_a_server_can_not_use_is_told_with_what_gives_it_to_that_user(later: Options) -> None:
    data = later["data"]
    make = f"install -d -m 700 -o {STRANGER} -g {STRANGER}"
    assert _told(later) == []
    os.chown(data, 0, 0)
    told = f"{data} belongs to root, and the server will run as {STRANGER}."
    assert _told(later) == [f"{told} To give it to {STRANGER}, run: {make} {data}"]
    (data / "lanchat.db").touch()
    assert _told(later) == [f"{told} To give it to {STRANGER}, run: chown -R {STRANGER}:{STRANGER} {data}"]
    (data / "lanchat.db").rename(data / "letters")
    assert _told(later) == [
        f"{told} Name a directory for it alone with --data, such as {data / 'lanchat'}, after: {make} {data / 'lanchat'}"
    ]
    later["data"] = data / "new"
    (line,) = _told(later)
    assert line.startswith(f"{STRANGER} can't reach {data / 'new'}. Name another directory with --data, such as /var/lib/")
    assert line.endswith(f"lanchat, after: {make} /var/lib/lanchat")
    data.chmod(0o755)
    assert _told(later) == [
        f"{STRANGER} can't write to {data}. Name another directory with --data, or run as root: {make} {data / 'new'}"
    ]
    assert os.system(f"{make} {data / 'new'}") == 0  # noqa: S605 (what was just advised)
    assert _told(later) == []


@needs_root
def test_a_user_who_can_not_run_it_is_no_user_for_a_server(
    later: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "__file__", str(tmp_path / "os.py"))
    with pytest.raises(SystemExit) as ended:
        preflight.as_user(later, OwnCertificates(later["data"]).renew)
    assert ended.value.code == os.EX_CONFIG
    told = f"--uid {STRANGER}: this user can't read {tmp_path}. Install lanchat where every user can, such as in /opt/lanchat."
    assert capsys.readouterr().err == f"lanchat: {told}\n"
    later.parent = cast("Options", {"uid": STRANGER, "gid": None})
    with pytest.raises(SystemExit):
        preflight.as_user(later, OwnCertificates(later["data"]).renew)
    assert f"--uid {STRANGER} is not a user of this system: give --gid, too." in capsys.readouterr().err
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    with pytest.raises(SystemExit):
        preflight.as_user(later, OwnCertificates(later["data"]).renew)
    assert "only root can run a server as another user" in capsys.readouterr().err


@needs_root
def test_root_does_not_judge_what_a_service_made_for_itself(tmp_path: Path) -> None:
    options = _options(tmp_path)
    data = tmp_path / "data"
    OwnCertificates(data).renew()
    for path in (data, *data.iterdir()):
        os.chown(path, STRANGER, -1)
    assert preflight.find_errors(options) == []
    with pytest.raises(FileError, match="belongs to another user"):
        OwnCertificates(data).renew()
