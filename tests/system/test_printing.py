"""What our commands say where they can't print: real commands, and a full disk, a closed stdout, a reader who has gone."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import partial
from pathlib import Path

import pytest

from lanchat import __version__
from lanchat.model.names import parse
from lanchat.model.session import Role
from lanchat.tables import accounts
from tests.live import PATIENCE, SCRIPTS, Server, environment
from tests.stores import Desk

FULL, CLOSED = "No space left on device", "Bad file descriptor"
#: Of `lanchat-admin`, with what is kept; of `lanchat-stress`.
ADMIN = ["account list", "check", "export", "--json account list", "--json export", "--help", "--version"]
STRESS = ["--help", "--version", "stress --help"]


def run(command: str, where: str, unbuffered: str = "", encoding: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of our commands in a shell; `where` is the shell's word for where its output goes."""
    env = environment(PYTHONUNBUFFERED=unbuffered, PYTHONIOENCODING=encoding)
    shell = ["/bin/sh", "-c", f"exec {SCRIPTS}/{command} {where}"]
    return subprocess.run(shell, capture_output=True, text=True, timeout=PATIENCE, check=False, env=env)  # noqa: S603 (ours)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server has kept of an account and a message."""
    directory = tmp_path_factory.mktemp("kept")
    with Server(directory) as server:
        said = b"/register hunter22\nhello\n"
        command = [str(SCRIPTS / "lanchat"), f"127.0.0.1:{server.port()}", "--name", "ann", "--to", "ann", "--commands"]
        subprocess.run(command, input=said, capture_output=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    return directory / "data"


@pytest.mark.parametrize(("where", "why"), [("> /dev/full", FULL), (">&-", CLOSED)])
@pytest.mark.parametrize("words", ADMIN)
def test_what_an_administrator_can_not_be_shown_is_an_error_in_one_line(kept: Path, words: str, where: str, why: str) -> None:
    for unbuffered in ("", "1"):
        done = run(f"lanchat-admin --data {kept} {words}", where, unbuffered)
        assert (done.returncode, done.stderr) == (1, f"lanchat-admin: can't write to stdout: {why}\n")


@pytest.mark.parametrize("words", STRESS)
def test_the_load_tool_says_so_too(words: str) -> None:
    for unbuffered in ("", "1"):
        done = run(f"lanchat-stress {words}", "> /dev/full", unbuffered)
        assert (done.returncode, done.stderr) == (4, f"lanchat-stress: can't write to stdout: {FULL}\n")


@pytest.mark.parametrize("words", ["--version", "--help"])
def test_the_server_says_so_too(words: str) -> None:
    for unbuffered in ("", "1"):
        done = run(f"twistd lanchat {words}", "> /dev/full", unbuffered)
        assert (done.returncode, done.stderr) == (1, f"twistd lanchat: can't write to stdout: {FULL}\n")


def test_a_server_says_which_version_it_is_and_with_which_others_it_runs() -> None:
    done = run("twistd lanchat --version", "")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"lanchat {__version__} \(Twisted [\d.]+, Python [\d.]+\)\n", done.stdout)


def test_a_load_ends_when_its_table_can_not_be_printed(kept: Path) -> None:
    with Server(kept.parent) as server:
        load = f"stress --server 127.0.0.1:{server.port()} --bots 2 --for 1 --processes 1"
        for more in ("", " --json"):
            done = run(f"lanchat-stress {load}{more}", "> /dev/full")
            assert (done.returncode, done.stderr) == (4, f"lanchat-stress: can't write to stdout: {FULL}\n")


@pytest.mark.parametrize("words", ["account list", "export", "--help"])
def test_a_reader_who_has_gone_needs_no_words(kept: Path, words: str) -> None:
    assert run(f"lanchat-admin --data {kept} {words}", "| true").stderr == ""


@pytest.mark.parametrize("where", ["2> /dev/full", "2>&-"])
def test_a_stderr_that_takes_nothing_changes_no_exit_code(kept: Path, where: str) -> None:
    for words, code in (("account list", 0), ("--json export", 0), ("account nonsense", 2), ("restore /nowhere", 1)):
        assert run(f"lanchat-admin --data {kept} {words}", where).returncode == code


def test_what_was_done_is_told_as_ever(kept: Path) -> None:
    done = run(f"lanchat-admin --data {kept} --json export", "")
    assert json.loads(done.stdout)["msg"] == "hello"
    assert json.loads(done.stderr) == {"messages": 1, "file": None}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("lanchat-admin --data {} account passwd ann --password-stdin", "lanchat-admin: No password was typed"),
        ("lanchat-admin --data {} purge ann", "lanchat-admin: Nothing was erased: there is no terminal"),
        ("lanchat 127.0.0.1:1 --name ann --timeout 1", "lanchat: can't connect to"),
        ("lanchat-stress stress --server 127.0.0.1:1 --bots 1 --for 1 --processes 1", "lanchat-stress: can't connect to"),
    ],
)
def test_a_closed_stdin_is_an_empty_one(kept: Path, command: str, told: str) -> None:
    done = run(command.format(kept), "<&-")
    assert done.returncode != 0
    assert done.stderr.startswith(told)
    assert "Traceback" not in done.stderr


def test_what_an_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.write(partial(accounts.add, name=parse("田中"), password="", role=Role.USER, now=0, most=9))
    for encoding, shown in (("utf-8", "田中"), ("latin-1", r"\u7530\u4e2d"), ("ascii:strict", r"\u7530\u4e2d")):
        done = run(f"lanchat-admin --data {tmp_path} account list", "", encoding=encoding)
        assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, shown, "")
        done = run(f"lanchat-admin --data {tmp_path} account remove 田", "", encoding=encoding)
        assert done.stderr.startswith("lanchat-admin: There is no account ")
        done = run("lanchat-stress stress --server 田", "", encoding=encoding)
        assert "Traceback" not in done.stderr


def test_a_server_that_does_not_start_ends_with_the_same_code_where_nobody_can_be_told() -> None:
    assert run("twistd -n lanchat --nonsense", "2>&-").returncode == os.EX_CONFIG
