"""What a real `twistd lanchat` writes, and where: said to it as administrators do."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lanchat.logs.repeats import MAX_LINES, WINDOW_SECONDS
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, login, until


def command(*said: str, daemon: bool = False) -> list[str]:
    """A server with a JSON port; what is `said` to twistd comes before "lanchat", or holds it."""
    words = [*said] if "lanchat" in said else [*said, "lanchat"]
    return [str(SCRIPTS / "twistd"), *([] if daemon else ["-n", "--pidfile="]), *words, "--data", "data", "--port", LOOPBACK]


@contextmanager
def running(directory: Path, *said: str, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Such a server in the foreground, until the end of the test."""
    with subprocess.Popen(command(*said), cwd=directory, stdin=subprocess.DEVNULL, **how) as process:  # noqa: S603 (ours)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[None]:
    """Those that were started here are ended."""
    yield
    if (pidfile := tmp_path / "twistd.pid").exists():
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        until(lambda: not pidfile.exists(), "the daemon to end")


def port_in(log: Path) -> int:
    """The port, once the log tells it."""

    def look() -> list[str]:
        return re.findall(r"listening for json clients on 127\.0\.0\.1:(\d+)", log.read_text() if log.exists() else "")

    return int(until(look, "the server to listen")[-1])


def objects(text: str) -> list[dict[str, Any]]:
    """What is on the lines of a log in JSON: one object on each."""
    found: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "namespace", "message", "fields"} <= each.keys() for each in found)
    return found


def test_json_lines_from_the_first_to_the_last(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--log-json") as server:
        port = port_in(server.log)
        with login(port, "ann") as ann, Peer(port) as rude:
            rude.send(b"evil\x1b[2J\n\xe2\x80\xae{0.__class__}\n")
            rude.packet()
            ann.say("/quit")
            assert ann.at_end()
        server.logged("ann left: quit")
    told = objects(server.text())
    assert told[0]["message"].startswith("twistd ")
    assert told[-1]["message"] == "Server Shut Down."
    assert any(each["namespace"] == "lanchat.journal" and "ann joined" in each["message"] for each in told)
    assert [each["fields"]["code"] for each in told if "code" in each["fields"]] == ["BAD_NAME"]
    assert server.text().endswith("\n")


def test_a_file_is_rotated_when_the_administrator_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "--logfile", "log") as process:
        port_in(tmp_path / "log")
        process.send_signal(signal.SIGUSR1)
        until((tmp_path / "log.1").exists, "the old file")
        assert "listening for json" in (tmp_path / "log.1").read_text()
    assert "Server Shut Down." in (tmp_path / "log").read_text()
    assert "listening" not in (tmp_path / "log").read_text()


@pytest.mark.usefixtures("daemons")
def test_a_daemon_writes_to_twistd_log_and_to_a_new_one_when_that_was_moved_away(tmp_path: Path) -> None:
    subprocess.run(command("lanchat", "--log-json", daemon=True), cwd=tmp_path, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    log, old = tmp_path / "twistd.log", tmp_path / "twistd.log-20261121"
    port = port_in(log)
    log.rename(old)
    pid = int((tmp_path / "twistd.pid").read_text())
    os.kill(pid, signal.SIGUSR1)
    until(log.exists, "the new file")
    login(port, "ann").close()
    os.kill(pid, signal.SIGTERM)
    until(lambda: "Server Shut Down." in log.read_text(), "the daemon to end")
    told = objects(old.read_text()) + objects(log.read_text())
    assert sum("ann joined" in each["message"] for each in told) == 1
    assert log.stat().st_mode & 0o077 == 0


def test_a_file_that_can_not_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(command("--logfile", "none/log"), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603, PLW1510 (ours; it fails)
    assert ended.returncode == os.EX_CONFIG
    told = "the log can't be written to none/log: No such file or directory. Name another file with --logfile."
    assert ended.stderr == f"lanchat: {told}\n"


def test_a_directory_to_run_in_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(command("--rundir", "none"), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603, PLW1510 (ours; it fails)
    told = "lanchat: there is no directory none. Create it, or name another with twistd --rundir.\n"
    assert (ended.returncode, ended.stderr) == (os.EX_CONFIG, told)


def test_a_full_disk_does_not_stop_the_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(tmp_path, "--logfile", "/dev/full", "lanchat", "--port", f"tcp:{port}:interface=127.0.0.1"):
        until(lambda: _answers(port), "the server to listen")
        login(port, "ann").close()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def test_a_reader_who_leaves_does_not_stop_the_server(tmp_path: Path) -> None:
    with running(tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if b"listening for json" in line)
        process.stdout.close()
        port = int(line.rpartition(b":")[2])
        for name in ("ann", "bob"):
            with login(port, name) as peer:
                peer.say("/quit")
                assert peer.at_end()
        assert process.poll() is None


def test_a_reader_who_stops_does_not_stop_the_server(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 8192)  # so that few lines fill it
    with running(tmp_path, stdout=writing):
        os.close(writing)
        port = int(read_until(reading, rb"listening for json clients on 127\.0\.0\.1:(\d+)\n")[1])
        for n in range(150):
            login(port, f"user{n}").close()
        read_until(reading, rb"user0 joined")
        login(port, "last").close()
        read_until(reading, rb"\[lanchat\.logs\.server#error\] \d+ lines of the log could not be written: nobody reads it\n")
    os.close(reading)


def read_until(descriptor: int, pattern: bytes) -> re.Match[bytes]:
    """Read a pipe until there is this."""
    text = b""
    while not (found := re.search(pattern, text)):
        assert select.select([descriptor], [], [], PATIENCE)[0], f"waited {PATIENCE} s for {pattern!r}, and read {text!r}"
        text += os.read(descriptor, 4096)
    return found


def test_the_journal_is_told_the_priority_and_not_the_time(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    about = os.fstat(writing)
    journal = {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}
    with os.fdopen(reading) as lines, running(tmp_path, "lanchat", "--allow", "any", stdout=writing, env=os.environ | journal):
        os.close(writing)
        told = [next(lines) for _ in range(3)]
    assert "<4>[lanchat.tap#warn] --allow any: connections from everywhere are let in\n" in told
    assert any(line.startswith("<6>[twisted.") and "#info] twistd " in line for line in told)


def test_a_logger_of_the_administrators_own_gets_everything(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\n"
        "from twisted.logger import FileLogObserver, formatEvent\n"
        "def logger():\n"
        "    return FileLogObserver(Path('mine.log').open('w'), lambda event: 'mine: ' + formatEvent(event) + '\\n')\n"
    )
    mine = os.environ | {"PYTHONPATH": str(tmp_path)}
    with running(tmp_path, "--logger", "mine.logger", "--logfile", "log", env=mine):
        port_in(tmp_path / "mine.log")
    assert not (tmp_path / "log").exists()
    asked = command("--logger", "mine.logger", "lanchat", "--log-json")
    ended = subprocess.run(asked, cwd=tmp_path, env=mine, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert ended.returncode == os.EX_CONFIG
    assert ended.stderr.strip().splitlines()[-1].startswith("lanchat: --log-json and --log-level count under")


def test_the_level_can_be_said_at_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = f"tcp:{port}:interface=127.0.0.1"
    with running(tmp_path, "--logfile", "log", "lanchat", "--log-level", "warn", "--allow", "any", "--port", here):
        until(lambda: _answers(port), "the server to listen")
    assert [line.partition(" ")[2] for line in (tmp_path / "log").read_text().splitlines()] == [
        "[lanchat.tap#warn] --allow any: connections from everywhere are let in"
    ]


def test_a_storm_of_openings_gives_few_lines(tmp_path: Path) -> None:
    began = time.monotonic()
    with Server(tmp_path, "--port", LOOPBACK) as server:
        port = server.port()
        for _ in range(600):
            with Peer(port) as refused:
                refused.send(b"/no-name\n")
                refused.packet()
        for n in range(600):
            login(port, f"user{n}").close()
    lines = server.text().splitlines()
    windows = (time.monotonic() - began) / WINDOW_SECONDS + 1
    assert sum("BAD_NAME" in line for line in lines) <= 2 * windows, "one, and how many more there were"
    assert sum("joined" in line for line in lines) <= (MAX_LINES + 1) * windows
    more = [int(found) for found in re.findall(r"(\d+) more like this: refused 127.0.0.1", server.text())]
    assert sum(more) + sum("#info] refused 127.0.0.1" in line for line in lines) == 600
