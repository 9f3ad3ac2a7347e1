"""The reactor of a real server: which one it is, and that nothing is lost by sending at once."""

from __future__ import annotations

import select
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from lanchat.net.reactor import Reactor, Server as Accepted, TimedPoll
from tests.live import LOOPBACK, PATIENCE, Server, line, login, twistd, until


def test_the_plain_command_brings_its_own_reactor(server: Server) -> None:
    server.logged("reactor class: lanchat.net.reactor.Reactor")


def test_another_may_be_chosen(tmp_path: Path) -> None:
    command = twistd(tmp_path, "--port", LOOPBACK)
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([command[0], "--reactor=poll", *command[1:]], cwd=tmp_path, stdout=out, stderr=out)  # noqa: S603 (ours)
    try:
        until(lambda: "listening for json clients" in log.read_text(), "the server to listen")
        assert "reactor class: twisted.internet.pollreactor.PollReactor" in log.read_text()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_what_the_system_does_not_take_at_once_comes_later_whole_and_in_order(server: Server) -> None:
    with login(server.port(), "slow") as slow, login(server.port(), "ann") as ann:
        texts = [f"{n}-" + "x" * 9000 for n in range(20)]
        ann.send(b"".join(line("slow", text) for text in texts) + line("/time"))
        assert ann.wait_for("Server time")  # all has been relayed, and nothing read yet
        assert [slow.packet()["msg"] for _ in texts] == texts


def test_at_most_16_kib_of_a_connection_are_read_in_a_turn() -> None:
    read: list[bytes] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x" * 40_000)
        accepted = SimpleNamespace(
            socket=ours, bufferSize=Accepted.bufferSize, protocol=SimpleNamespace(dataReceived=read.append)
        )
        Accepted.doRead(accepted)  # type: ignore[arg-type]  # it has what is asked of it
    assert [len(data) for data in read] == [16_384]


class FakeEpoll:
    """An epoll in which something happens after seconds that the test says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.asked: list[tuple[float, int]] = []
        self.register = self.modify = self.unregister = self.asked.clear

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """Wait."""
        self.asked.append((timeout, most))
        self._clock.advance(timeout)
        return [(7, 1)]


def test_a_turn_is_timed_from_when_something_happened_until_the_next_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, taken = Clock(), list[float]()
    monkeypatch.setattr("lanchat.net.reactor.time", SimpleNamespace(monotonic=clock.seconds))
    fake = FakeEpoll(clock)
    watch = TimedPoll(fake, taken.append)  # type: ignore[arg-type]  # enough of one
    clock.advance(2)
    assert watch.poll(100, 512) == [(7, 1)]
    clock.advance(0.25)
    watch.poll(100, 512)
    assert taken == [2, 0.25], "what it waited is not in it"
    assert fake.asked == [(100, 512)] * 2


def test_turns_are_timed_once_somebody_wants_to_know() -> None:
    reactor, taken = Reactor(), list[float]()
    try:
        reactor.doPoll(0)
        assert isinstance(reactor._poller, select.epoll), "until then there is nothing in between"
        reactor.time_turns(taken.append)
        reactor.doPoll(0)
        reactor.doPoll(0)
        assert len(taken) == 2
    finally:
        for waker in reactor._internalReaders:
            waker.connectionLost(None)
