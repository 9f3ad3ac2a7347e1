"""The measuring of what IRC clients cost works. Nothing here asserts a time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks import irc
from benchmarks.irc import BEFORE, FORMER, WITHOUT, WORKS, Irc
from benchmarks.measure import Outcome, Pace, put
from benchmarks.results import Results
from benchmarks.servers import ROOT, Server, checkout, over_irc
from benchmarks.works import Load


@pytest.fixture
def history() -> None:
    there = ["git", "-C", str(ROOT), "cat-file", "-e", BEFORE]
    if shutil.which("git") is None or subprocess.run(there, capture_output=True, check=False).returncode:  # noqa: S603 (ours)
        pytest.skip(f"the commit {BEFORE} is not here: a shallow clone, or no clone")


@pytest.mark.usefixtures("generator")
def test_the_short_form_has_every_work_at_the_door(tmp_path: Path) -> None:
    file = tmp_path / "irc.json"
    assert irc.main(["--short", "--only", "door", "--json", str(file), "--report", str(tmp_path)]) == 0
    results = msgspec.json.decode(file.read_bytes(), type=Irc)
    assert not results.without.works
    for work in results.door.works:
        assert {server.name for server in results.door.servers} == {*results.door.ranking(work)}
    text = (tmp_path / "IRC.md").read_text()
    assert "its figures\nmean nothing" in text
    assert all(f"### {work.number}. {work.title}" in text for work in WORKS)
    assert "## A server without the door" not in text
    assert str(ROOT) not in text


@pytest.mark.usefixtures("generator", "history")
def test_a_server_without_the_door_is_compared_with_what_it_was(tmp_path: Path) -> None:
    file = tmp_path / "irc.json"
    assert irc.main(["--short", "--only", "without", "--json", str(file), "--report", str(tmp_path)]) == 0
    results = msgspec.json.decode(file.read_bytes(), type=Irc)
    assert not results.door.works
    for work in results.without.works:
        assert {"lanchat", FORMER} == {*results.without.ranking(work)}
    assert [work.number for work in results.without.works] == [work.number for work in WITHOUT]
    assert BEFORE in (tmp_path / "IRC.md").read_text()


def test_a_commit_that_is_not_there_is_left_out_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert irc.main(["--short", "--only", "without", "--before", "nothing"]) == 0
    assert "there is no commit nothing here" in capsys.readouterr().err


def test_only_rows_that_were_asked_for_are_measured() -> None:
    asked = irc.options(["--short", "--only", "without", "--works", "3", "--before", "nothing"])
    assert not irc.run(asked).parts()


#: A server that welcomes two, and shows each the end of the names, but nobody who else joined.
SECRETIVE = """
import socket, sys
door = socket.create_server(("127.0.0.1", int(sys.argv[1])))
door.accept()  # (somebody looks whether it listens)
clients = [door.accept()[0] for _ in range(2)]
for answer in (b":irc.lan 376 u :End", b":u!~u@127.0.0.1 JOIN #c\\r\\n:irc.lan 366 u #c :End"):
    for client in clients:
        client.recv(4096), client.sendall(answer + b"\\r\\n")
door.accept()
"""


def test_joins_that_are_not_shown_are_a_failure(generator: Path) -> None:
    server = Server("secretive", "irc", [sys.executable, "-c", SECRETIVE, "@PORT@"], "1.0")
    outcome = put(generator, server, Load("join", users=2), Pace(1, 0.1), 0)
    assert outcome.failure == "2 JOINs were shown, fewer than there were, and 2 lists of names"


def test_only_irc_servers_are_asked_to_let_people_join_as_irc_clients_do() -> None:
    server = checkout("lanchat", ROOT)
    for load in (Load("join", users=2), Load("rejoin", users=2)):
        assert server.lacks(load)
        assert not over_irc(server).lacks(load)


def test_what_is_reached_is_said_beside_what_was_to_be_reached() -> None:
    work = WORKS[0]
    servers = [Server(name, "irc", ["none"], "1.0") for name in ("lanchat", "ngircd")]
    for ours, told in ((70.0, "≥ 0.70 | met"), (69.0, "≥ 0.70 | not met")):
        outcomes = [Outcome(0, name, work.load, {work.figure: each}) for name, each in (("lanchat", ours), ("ngircd", 100.0))]
        door = Results("", {}, Pace(1, 1.0), [work], servers, [], outcomes)
        assert told in irc.everything(Irc(door, msgspec.structs.replace(door, works=[])))
