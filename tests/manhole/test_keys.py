"""Tests of the manhole's keys: whose they may be, and how the server keeps its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.conch.ssh.keys import Key

from lanchat.config.options import Options
from lanchat.manhole.keys import AuthorizedKey, AuthorizedKeys, fingerprint, host_keys, read_authorized_keys
from lanchat.system.private_files import FileError
from tests.live import LOOPBACK, PATIENCE, SCRIPTS

OURS = Key(ed25519.Ed25519PrivateKey.generate())
RSA = Key(rsa.generate_private_key(65537, 2048))


def line(key: Key, comment: str = "ann@laptop") -> str:
    """A key as it is written in a .pub file."""
    text: bytes = key.public().toString("openssh", comment=comment.encode())
    return text.decode().strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one good key, in safe hands."""
    tmp_path.chmod(0o700)
    path = tmp_path / "keys"
    path.write_text(line(OURS) + "\n")
    path.chmod(0o600)
    return path


def why(path: Path) -> str:
    """Why the file is refused."""
    with pytest.raises(FileError) as refused:
        read_authorized_keys(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


# The list.


def test_comments_and_empty_lines_are_passed_over(file: Path) -> None:
    file.write_text(f"# ann\r\n\r\n  {line(OURS)}  \r\n\t# bert\n{line(RSA, 'two words')}")
    assert [fingerprint(entry.key) for entry in read_authorized_keys(file)] == [fingerprint(OURS), fingerprint(RSA)]


def test_the_name_that_somebody_comes_with_does_not_matter() -> None:
    listed = AuthorizedKeys([AuthorizedKey(OURS.public())])
    assert listed.getAuthorizedKeys(b"root") == listed.getAuthorizedKeys(b"ann") == (OURS.public(),)


@pytest.mark.parametrize(
    ("options", "entry", "comes", "does_not"),
    [
        ("restrict", {"terminal": False}, ["10.0.0.1"], []),
        ("restrict,pty", {"terminal": True}, [], []),
        ("no-pty,no-port-forwarding,No-X11-forwarding", {"terminal": False}, [], []),
        ("verify-required", {"touch_required": True, "user_verification_required": True}, [], []),
        ("no-touch-required", {"touch_required": False, "user_verification_required": False}, [], []),
        ('from="10.0.0.0/8"', {"terminal": True}, ["10.9.9.9"], ["11.0.0.1", "::1"]),
        ('from="10.0.*,!10.0.0.?"', {}, ["10.0.0.12"], ["10.0.0.1", "192.168.0.1"]),
        ('from="!10.0.0.1"', {}, [], ["10.0.0.1", "10.0.0.2"]),
        ('from="*,!2001:db8:0::1,!fe80::1"', {}, ["10.0.0.1"], ["2001:db8::1", "fe80::1%eth0"]),
        ('from="fe80::/10,FD00::1",restrict', {"terminal": False}, ["fe80::1%eth0", "fd00::1"], ["fd00::2"]),
    ],
)
def test_a_line_restricts_its_key(
    file: Path, options: str, entry: dict[str, bool], comes: list[str], does_not: list[str]
) -> None:
    file.write_text(f"{options} {line(OURS)}\n")
    (found,) = read_authorized_keys(file)
    assert fingerprint(found.key) == fingerprint(OURS)
    assert {name: getattr(found, name) for name in entry} == entry
    assert [address for address in [*comes, *does_not] if found.allows(address)] == comes


@pytest.mark.parametrize("content", ["", "# nobody\n", "\n\n"])
def test_a_list_without_a_key_is_refused(file: Path, content: str) -> None:
    file.write_text(content)
    assert "contains no key" in why(file)


def test_what_is_no_key_is_refused_with_its_line(file: Path) -> None:
    good = line(OURS)
    kind, blob, _ = good.split()
    for bad, said in [
        (f'command="ls" {good}', "are not options"),
        (f"expiry-time {good}", "the option expiry-time is not supported; there are from, "),
        (f'from="gate.example" {good}', "not 'gate.example'"),
        (f'from="10.0.0.1",from="*" {good}', "from= appears twice"),
        (f"restrict {good}", "that key is listed twice"),
        (f'from="*,!010.0.0.1" {good}', "not '!010.0.0.1'"),
        ('command="' + '\\"' * 5000, "a line is options"),
        (f'from="10.0.0.0/40" {good}', "not '10.0.0.0/40'"),
        (f'from="10.0.0.1 {good}', "a line is options, if there are any, and a key"),
        (f"restrict, from {good}", "a line is options"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a line is options"),
        (kind, "the key can't be used"),
        (f"{kind} {blob[:30]}", "the key can't be used"),
        (f"{kind} \x1b[2J", "the key can't be used"),
        (f"ssh-rsa {blob}", "not of the type ssh-rsa"),
        (line(Key(rsa.generate_private_key(65537, 1024))), "at least 2048 bits"),  # noqa: S505 (that is the point)
    ]:
        file.write_text(f"{good}\n{bad}\n")
        assert "line 2: " in why(file), bad
        assert said in why(file), bad


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028"])
def test_a_line_that_may_be_taken_for_two_is_refused(file: Path, end: str) -> None:
    for first in ("# ann", line(OURS)):
        file.write_text(f"{line(RSA)}\n{first}{end}{line(OURS)}\n", newline="")
        assert "line 2: it contains a character" in why(file)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_ecdsa_keys_may_be_listed(file: Path, curve: ec.EllipticCurve) -> None:
    key = Key(ec.generate_private_key(curve))
    file.write_text(line(key))
    assert [entry.key for entry in read_authorized_keys(file)] == [key.public()]


# Safe hands.


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_list_that_others_can_write_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert why(file) == f"others can write {file}. To prevent that: chmod go-w {file}"
    file.chmod(0o644)
    assert read_authorized_keys(file)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_list_in_a_directory_that_others_can_write_is_refused(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    assert why(file) == f"others can write {file.parent}. To prevent that: chmod go-w {file.parent}"


def test_a_link_is_judged_where_it_is_and_where_it_leads(file: Path) -> None:
    outside = file.parent / "outside"
    outside.mkdir()
    link = outside / "link"
    link.symlink_to(file)
    assert read_authorized_keys(link)
    outside.chmod(0o777)
    assert f"others can write {outside}" in why(link)
    outside.chmod(0o700)
    file.parent.chmod(0o722)
    assert f"others can write {file.parent}" in why(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_list_of_another_user_is_refused(file: Path) -> None:
    os.chown(file, 12345, -1)
    assert "belongs to another user" in why(file)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in why(tmp_path / "none")
    assert "there is no such file" in why(tmp_path)


# The server's own.


def test_host_keys_are_made_once_of_all_types(tmp_path: Path) -> None:
    home = tmp_path / "new" / "data"
    keys = host_keys(home)
    assert [(key.type(), key.size()) for key in keys] == [("Ed25519", 256), ("EC", 256), ("RSA", 3072)]
    assert [file.name for file in sorted(home.iterdir())] == [f"ssh_host_{kind}_key" for kind in ("ecdsa", "ed25519", "rsa")]
    assert {file.stat().st_mode & 0o777 for file in home.iterdir()} == {0o600}
    assert home.stat().st_mode & 0o777 == 0o700
    assert host_keys(home) == keys


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_host_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(0o700)
    host_keys(tmp_path)
    (tmp_path / "ssh_host_rsa_key").chmod(mode)
    with pytest.raises(FileError, match=r"others can read or write .*ssh_host_rsa_key"):
        host_keys(tmp_path)


@pytest.mark.parametrize("content", ["", "nonsense", line(OURS)], ids=["empty", "nonsense", "public"])
def test_a_host_key_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "ssh_host_ed25519_key"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(FileError, match="ssh_host_ed25519_key"):
        host_keys(tmp_path)


def test_where_there_can_be_no_directory_there_are_no_keys(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="can't store host keys"):
        host_keys(tmp_path / "file" / "data")


# At the start of the server.


def start(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Start a server that is not expected to stay."""
    command = [
        str(SCRIPTS / "twistd"),
        "-n",
        "--pidfile=",
        "lanchat",
        "--port",
        LOOPBACK,
        "--data",
        str(directory / "data"),
        *options,
    ]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--manhole", LOOPBACK], "--manhole needs --manhole-keys FILE"),
        (["--manhole-keys", "keys"], "--manhole-keys needs --manhole PORT"),
        (["--manhole", "66666", "--manhole-keys", "keys"], "66666 is not a port"),
        (["--manhole", "nonsense", "--manhole-keys", "keys"], "'nonsense' is neither a port nor an endpoint"),
        (["--manhole", LOOPBACK, "--manhole-keys", "none"], "/none: there is no such file."),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_in_the_last_lines(file: Path, options: list[str], said: str) -> None:
    done = start(file.parent, *options)
    assert done.returncode == os.EX_CONFIG
    told = done.stdout + done.stderr  # usage errors go to the first, and the rest to the second
    assert said in "\n".join(told.splitlines()[-2:])
    assert "Traceback" not in told


def test_a_number_is_a_port_on_loopback_only() -> None:
    options = Options()
    options.parseOptions(["--manhole", "2222", "--manhole", "tcp:2223:interface=192.0.2.1", "--manhole-keys", "keys"])
    first, second = options["manhole"]
    assert first.startswith("tcp:2222:interface=127.0.0.1:")
    assert second.startswith("tcp:2223:interface=192.0.2.1")
