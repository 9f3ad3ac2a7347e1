"""The control socket: who may ask, what they may send, and that it never keeps a server from running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lanchat.admin import control_client
from lanchat.admin.exit_status import UNUSABLE
from lanchat.admin.main import main
from lanchat.service.control import FILE, MAX_CONNECTIONS, MAX_REQUEST, TIMEOUT_SECONDS, ControlFactory, ControlProtocol
from lanchat.service.requests import Done, Failed, ReportProgress, Request
from tests.live import PATIENCE, Server

NOBODY = 65534
ADD = b'{"do":"add","name":"ann","password":"correct horse"}\n'


def dial(server: Server) -> socket.socket:
    """A connection to the control socket of a server."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(door(server)))
    return connection


def door(server: Server) -> Path:
    """The control socket of a server, once it is there: later than the ports."""
    server.logged("lanchat-admin reaches this server at")
    return server.log.parent / "data" / FILE


def answers(connection: socket.socket) -> list[dict[str, Any]]:
    """All lines that come, up to the end."""
    with connection, connection.makefile("rb") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"hello?\n", "USAGE"),
        (b'{"do":"explode","name":"x"}\n', "USAGE"),
        (b'{"do":"role","name":"ann","role":"emperor"}\n', "USAGE"),
        (b'{"do":"role","name":"nobody-here","role":"user"}\n', "NO_SUCH_TARGET"),
        (b'{"do":"add","name":"Server","password":"x"}\n', "BAD_NAME"),
        (b'{"do":"add","name":"ann","password":""}\n', "USAGE"),
        (b"x" * (MAX_REQUEST + 1), "TOO_BIG"),
        (ADD[:-1] + b" " * MAX_REQUEST + b"\n", "TOO_BIG"),
    ],
)
def test_what_is_no_request_is_answered_and_closed(shared_server: Server, sent: bytes, code: str) -> None:
    connection = dial(shared_server)
    connection.sendall(sent)
    (answer,) = answers(connection)
    assert (answer["is"], answer["code"]) == ("failed", code)
    assert "\n" not in answer["text"]


def test_one_request_is_served_on_a_connection(shared_server: Server) -> None:
    connection = dial(shared_server)
    connection.sendall(b'{"do":"note","name":"one"}\n{"do":"note","name":"two"}\n')
    assert [answer["text"] for answer in answers(connection)] == ["one"]
    assert f"administrator (uid {os.geteuid()}): one" in shared_server.logged("one")
    assert "): two" not in shared_server.text()


def test_few_are_served_at_a_time(shared_server: Server) -> None:
    waiting = [dial(shared_server) for _ in range(MAX_CONNECTIONS)]
    (answer,) = answers(dial(shared_server))
    assert answer["code"] == "FULL"
    for connection in waiting:
        connection.sendall(b'{"do":"note","name":"still served"}\n')
        assert answers(connection)[0]["is"] == "done"


#: Connects as another user, and prints what comes.
AS_NOBODY = f"""
import contextlib, os, socket, sys
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
with contextlib.suppress(OSError):  # it may be closed already
    connection.sendall({ADD!r})
print(connection.makefile().readline())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_even_where_the_rights_of_the_files_let_him_in(server: Server) -> None:
    path = door(server)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.chmod(0o666)
    for directory in list(path.parents)[:-1]:
        directory.chmod(directory.stat().st_mode | 0o055)
    run = [sys.executable, "-c", AS_NOBODY, str(path)]
    told = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout  # noqa: S603 (ours)
    assert json.loads(told)["code"] == "FORBIDDEN"
    server.logged(f"uid {NOBODY} asked for what only the administrator may do")
    assert "ann is an account" not in server.text()


def test_the_socket_of_a_server_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        door(server)
        server.stop(signal.SIGKILL)
    assert (tmp_path / "data" / FILE).is_socket()
    with Server(tmp_path) as server:
        connection = dial(server)
        connection.sendall(ADD)
        assert answers(connection)[0]["is"] == "done"
    assert not (tmp_path / "data" / FILE).exists()


def test_a_socket_that_somebody_removed_does_not_keep_the_server_from_its_end(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        door(server).unlink()
        assert server.stop() < PATIENCE / 2
    assert not (tmp_path / "data" / "lanchat.db-wal").exists()  # the log was closed as it should be


@pytest.mark.parametrize("what", ["a file in its place", "a long path"])
def test_where_there_can_be_no_socket_the_server_runs_and_says_so(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(control_client, "START_SECONDS", 0.1)
    place = tmp_path
    if what == "a long path":
        place /= "long" * 30
        place.mkdir()
    else:
        (place / "data").mkdir(0o700)
        (place / "data" / FILE).write_text("mine")
    with Server(place) as server:
        server.logged("lanchat-admin can't reach this server while it runs")
        assert main(["--data", str(place / "data"), "account", "role", "ann", "user"]) == UNUSABLE
        told = capsys.readouterr().err
        assert told.startswith(f"lanchat-admin: A server is running in {place / 'data'} but can't be reached")
    assert what == "a long path" or (place / "data" / FILE).read_text() == "mine"


class Asked:
    """A request on a transport of the test's own, with a clock of its own, and what is done about it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tell: ReportProgress = lambda done, text: None
        self.outcome: Deferred[Done | Failed] = Deferred()
        self.factory = ControlFactory(self.do, self.clock)
        self.near, self.far = socket.socketpair(socket.AF_UNIX)
        self.transport = StringTransport()
        self.transport.socket = self.near  # type: ignore[attr-defined]  # as a server's transport has it
        self.control = ControlProtocol()
        self.control.factory = self.factory
        self.control.makeConnection(self.transport)

    async def do(self, request: Request, who: str, tell: ReportProgress) -> Done | Failed:
        """Go on until the test says how it ended."""
        self.tell = tell
        return await self.outcome

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was sent so far."""
        return [json.loads(line) for line in self.transport.value().splitlines()]


@pytest.fixture
def asked() -> Iterator[Asked]:
    """A connection on which nothing was asked for yet."""
    one = Asked()
    yield one
    one.near.close()
    one.far.close()


def test_who_asks_for_nothing_is_cut_off_but_what_takes_long_is_waited_for(asked: Asked) -> None:
    asked.control.dataReceived(ADD)
    asked.clock.advance(TIMEOUT_SECONDS * 100)
    assert not asked.transport.disconnected
    asked.outcome.callback(Done("done", {}))
    assert asked.transport.disconnecting
    asked.clock.advance(TIMEOUT_SECONDS)  # the answer is not read
    assert asked.transport.disconnected
    silent = Asked()
    silent.control.dataReceived(ADD[:5])
    silent.clock.advance(TIMEOUT_SECONDS)
    assert silent.transport.disconnected


def test_how_far_it_is_is_told_once_a_percent(asked: Asked) -> None:
    asked.control.dataReceived(ADD)
    for step in range(10_000):
        asked.tell(step / 10_000, "erasing")
    assert len(asked.lines) == 100
    assert asked.lines[-1]["done"] == pytest.approx(0.99)


def test_what_was_begun_is_done_though_nobody_waits_for_it_any_more(asked: Asked) -> None:
    asked.control.dataReceived(ADD)
    asked.control.connectionLost()
    asked.tell(0.5, "erasing")
    asked.outcome.callback(Done("done", {}))
    assert asked.lines == []
    assert not asked.factory.connected
    assert not asked.clock.getDelayedCalls()
