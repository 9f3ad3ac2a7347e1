"""The measuring of what grows with the number of users works. Nothing here asserts a time."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from benchmarks.core import FIGURES
from benchmarks.scale import PANELS, SHORT_SESSIONS, SHORT_USERS, Scale, steps
from benchmarks.servers import ROOT
from benchmarks.works import Load
from tests.live import PATIENCE


def scale(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.scale", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 (ours)


@pytest.fixture(scope="module")
def short_form(generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that a short form wrote."""
    file = tmp_path_factory.mktemp("short") / "scale.json"
    done = scale("--short", "--json", str(file))
    assert done.returncode == 0, done.stderr
    return file


def test_there_is_every_figure_for_every_number_of_users(short_form: Path) -> None:
    measured = msgspec.json.decode(short_form.read_bytes(), type=Scale)
    assert [load.users for load in measured.loads()] == SHORT_USERS
    for load in measured.loads():
        row = measured.row(load)
        assert [work.title for work, _ in row] == [panel.title for panel in PANELS]
        assert all(figure is not None for _, figure in row)
        assert all(figure for work, figure in row if work.figure != "idle_cpu")  # which may well be nothing
    assert [core.sessions for core in measured.cores] == SHORT_SESSIONS
    for core in measured.cores:
        assert [*core.figures] == [figure.name for figure in FIGURES]
        assert all(figure > 0 for figure in core.figures.values())


def test_those_who_talk_talk_to_each_other(generator: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE)
        words = [str(generator), "-p", str(door.getsockname()[1]), *Load("pairs", users=4, talkers=2).arguments(), "-t", "0.1"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as load:  # noqa: S603 (ours)
            users = dict(_welcomed(door) for _ in range(4))
            assert json.loads(users["u0"].readline())["to"] == "u1"  # if all talked, it would be u2
            load.wait(PATIENCE)
            assert not users["u2"].readline()
            assert not users["u3"].readline()


def _welcomed(door: socket.socket) -> tuple[str, BinaryIO]:
    connection = door.accept()[0]
    with connection:
        connection.settimeout(PATIENCE)
        stream = connection.makefile("rb")
        name = stream.readline().decode().strip()
        connection.sendall(b"Welcome\n")
    return name, stream


def test_the_report_is_written_from_kept_figures(short_form: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plots need matplotlib")
    done = scale("--from", str(short_form), "--report", str(tmp_path))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "SCALE.md").read_text()
    assert "its figures\nmean nothing" in text
    assert all(panel.title in text for panel in PANELS)
    assert all(figure.title in text for figure in FIGURES)
    assert "(scale.png)" in text
    assert str(ROOT) not in text
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")


def test_the_numbers_of_users_go_up_to_what_was_asked_for() -> None:
    assert steps(19_000) == [1000, 3000, 10_000, 19_000]
    assert steps(3000) == [1000, 3000]
    assert steps(20) == [20]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "0"), "0 is no number of users: it is a whole number from 1"),
        (("--to", "999999999"), "raise it, or ask for fewer"),
        (("--sessions", "many"), "many is no number of sessions"),
        (("--from", "nowhere.json"), "Give a file that --json wrote"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    done = scale(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
