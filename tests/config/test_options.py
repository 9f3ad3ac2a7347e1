"""What the options about accounts and the log do, on a real server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, login, twistd, until
from tests.stores import Desk, entry

PASSWORD = "correct horse battery"  # noqa: S105 (of accounts that are made here)


def admin(data: Path, *arguments: str, stdin: str = "") -> str:
    """What `lanchat-admin` says when it went well."""
    command = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    return done.stdout


def add(tmp_path: Path, name: str) -> None:
    admin(tmp_path / "data", "account", "add", name, "--password-stdin", stdin=PASSWORD + "\n")


def opened(port: int, name: str, host: str = "127.0.0.1") -> Peer:
    """A classic client that has given its name."""
    peer = Peer(port, host)
    peer.send(name.encode() + b"\n")
    return peer


def outside() -> str | None:
    """An address of this machine that is not loopback's, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # (nothing is sent)
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return None if address.startswith("127.") else address


def test_accounts_only_lets_in_nobody_else(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with Server(tmp_path, "--port", LOOPBACK, "--accounts-only") as server:
        with opened(server.port(), "bob") as bob:
            assert "Only those with an account" in bob.packet()["msg"]
            assert bob.at_end()
        with opened(server.port(), "ann") as ann:
            ann.say("/login", PASSWORD)
            ann.wait_for("Welcome ann!")


def test_without_a_log_nothing_that_was_said_is_on_the_disk(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--ephemeral") as server, login(server.port(), "ann") as ann:
        ann.say("/register", PASSWORD)
        ann.wait_for("your account now")
        with login(server.port(), "bob") as bob:
            bob.say("ann", "burn after reading")
            assert ann.wait_for("burn after reading")["from"]["name"] == "bob"
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("lanchat.db*"))
    assert b"burn after reading" not in kept
    assert b"ann" in kept, "the account is"


def test_everybody_is_in_the_lobby_and_accounts_are_owed_what_is_said_there(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with Server(tmp_path, "--port", LOOPBACK, "--lobby", "#lobby") as server, login(server.port(), "bob") as bob:
        with login(server.port(), "cat") as cat:
            bob.say("#lobby", "good morning")
            cat.wait_for("[#lobby] good morning")
        with opened(server.port(), "ann") as ann:
            ann.say("/login", PASSWORD)
            ann.wait_for("[#lobby] good morning")


def test_anyone_may_make_a_room_where_the_operator_says_so_and_it_does_not_outlast_a_kill(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--rooms-by", "anyone") as server, login(server.port(), "bob") as bob:
        bob.say("/join", "#new")
        bob.wait_for("You are in #new")
        server.stop(signal.SIGKILL)
    with Server(tmp_path, "--port", LOOPBACK) as server, login(server.port(), "bob") as bob:
        bob.say("/join", "#new")
        bob.wait_for("#new is not available")


def test_a_private_room_is_never_opened_to_everybody(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK) as server, login(server.port(), "ann") as ann:
        ann.say("/register", PASSWORD)
        ann.wait_for("your account now")
        ann.say("/create", "#Hall private")
        ann.wait_for("#Hall is there")
        file = tmp_path / "chat.toml"
        file.write_text('data = "data"\nlobby = "#hall"\n')
        told = "lobby: #Hall is a private room, and can't be the lobby: name another, or none."
        running = checked(file)
        server.stop(signal.SIGKILL)
    before = kept(tmp_path)
    killed = checked(file)
    ended = subprocess.run(  # noqa: S603 (ours)
        twistd(tmp_path, "--lobby", "#hall"), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (os.EX_CONFIG, "", f"lanchat: {told}\n")
    assert before == kept(tmp_path)
    with Server(tmp_path, "--port", LOOPBACK, "--lobby", "#hall2") as server:
        server.port()
    names = {path.name for path in (tmp_path / "data").iterdir()}
    stopped = checked(file)
    assert names == {path.name for path in (tmp_path / "data").iterdir()}, "nothing is left beside what is kept"
    assert all(told in output for output in (running, killed, stopped))


def kept(tmp_path: Path) -> dict[str, bytes]:
    """The files of a database; what SQLite only has while it is used is no part of it."""
    return {path.name: path.read_bytes() for path in (tmp_path / "data").glob("lanchat.db*") if not path.name.endswith("-shm")}


def checked(file: Path) -> str:
    """What `lanchat-admin check-config` says."""
    command = [str(SCRIPTS / "lanchat-admin"), "check-config", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False).stderr  # noqa: S603 (ours)


def test_what_is_too_old_goes_when_the_server_starts(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK) as server, login(server.port(), "ann") as ann:
        ann.say("/register", PASSWORD)
        ann.wait_for("your account now")
        ann.say("ann", "long ago")
        ann.wait_for("long ago")
    if (faketime := shutil.which("faketime")) is None:
        pytest.skip("there is no faketime")
    # Only what it sets: it would stay between us and the server, and keep our signals to itself.
    said = subprocess.run([faketime, "-f", "+2d", "env"], check=True, capture_output=True, text=True).stdout  # noqa: S603 (ours)
    two_days_later = ["env", *(line for line in said.splitlines() if line.startswith(("LD_PRELOAD=", "FAKETIME=")))]
    with Server(tmp_path, "--port", LOOPBACK, "--retain", "1d", under=two_days_later) as server:
        server.logged("old messages removed")
    assert admin(tmp_path / "data", "export") == ""


def test_the_server_stops_in_the_middle_of_a_sweep(tmp_path: Path) -> None:
    with Desk(tmp_path / "data") as desk:
        for n in range(20):
            desk.say(*(entry(f"old {n}", ts=1_000_000) for _ in range(1000)))
    with Server(tmp_path, "--port", LOOPBACK, "--retain", "30d") as server:
        server.logged("reaches this server")
        server.stop()
    with Desk(tmp_path / "data") as desk:
        assert desk.ask("SELECT count(*) > 0 FROM log") == [(1,)]


@pytest.mark.parametrize("allowed", [False, True])
def test_a_password_that_others_could_read_is_taken_only_if_the_operator_says_so(tmp_path: Path, allowed: bool) -> None:
    if (address := outside()) is None:
        pytest.skip("this machine has no other address than its own")
    options = ["--port", f"tcp:0:interface={address}", "--allow", "any", *["--plaintext-passwords"] * allowed]
    with Server(tmp_path, *options) as server, opened(server.port(), "ann", address) as ann:
        ann.say("/register", PASSWORD)
        ann.wait_for("your account now" if allowed else "others on the network can read it")


def test_another_directory_can_be_asked_for_passwords(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    (tmp_path / "chat.tac").write_text(
        "from twisted.application.service import Application\n"
        "from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse\n"
        "from lanchat.tap import Options, makeService\n"
        "config = Options()\n"
        f"config.parseOptions(['--data', 'data', '--port', '{LOOPBACK}'])\n"
        "directory = InMemoryUsernamePasswordDatabaseDontUse(ann=b'from the directory')\n"
        "application = Application('chat')\n"
        "makeService(config, checkers=[directory]).setServiceParent(application)\n"
    )
    log = tmp_path / "log"
    command = [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "-l", str(log), "-y", "chat.tac"]
    with subprocess.Popen(command, cwd=tmp_path) as process:  # noqa: S603 (ours)
        try:
            line = until(lambda: _listening(log), "the server to listen")
            with opened(int(line.rpartition(":")[2]), "ann") as ann:
                ann.say("/login", "from the directory")
                ann.wait_for("Welcome ann!")
        finally:
            process.terminate()


def _listening(log: Path) -> str | None:
    lines = log.read_text().splitlines() if log.exists() else []
    return next((line for line in lines if "listening for json" in line), None)


def test_what_contradicts_itself_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "twisted", "lanchat", "--ephemeral", "--retain", "90d"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert ended.returncode
    assert "so --retain has no effect" in ended.stdout + ended.stderr
    assert "Traceback" not in json.dumps(ended.stderr)
