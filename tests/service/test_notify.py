"""What systemd is told: over real datagram sockets, in the words of sd_notify(3)."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.testing import MemoryReactorClock

from lanchat.service.notify import STATUS_SECONDS, Notifier
from tests.live import LOOPBACK, PATIENCE, Server, login


class Systemd:
    """The end of the socket that systemd reads."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    def hears(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(4096).decode().split("\n")

    def hears_at_last(self, line: str) -> None:
        """Wait for a message that has this line."""
        while line not in self.hears():
            continue

    def hears_nothing(self) -> bool:
        """Whether no message waits."""
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(str(tmp_path / "notify"))
    yield listening
    listening.socket.close()


def notifier(reactor: MemoryReactorClock, **environ: str) -> Notifier:
    made = Notifier(reactor, lambda: 3, environ)
    made.startService()
    return made


def turn(reactor: MemoryReactorClock) -> None:
    """The reactor begins to run."""
    for call, args, kwargs in reactor.whenRunningHooks:
        call(*args, **kwargs)


def test_it_is_ready_when_the_reactor_turns_and_not_before(systemd: Systemd) -> None:
    reactor = MemoryReactorClock()
    notifier(reactor, NOTIFY_SOCKET=systemd.address)
    assert systemd.hears_nothing()
    turn(reactor)
    assert systemd.hears() == ["READY=1"]
    assert systemd.hears() == ["STATUS=Serving; users: 3"]


def test_an_abstract_socket_will_do() -> None:
    systemd, reactor = Systemd(f"@lanchat-{os.getpid()}"), MemoryReactorClock()
    notifier(reactor, NOTIFY_SOCKET=systemd.address)
    turn(reactor)
    assert systemd.hears() == ["READY=1"]
    systemd.socket.close()


def test_the_watchdog_hears_of_it_twice_in_its_time(systemd: Systemd) -> None:
    reactor = MemoryReactorClock()
    notifier(reactor, NOTIFY_SOCKET=systemd.address, WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid()))
    turn(reactor)
    assert systemd.hears() == ["READY=1"]
    beat = ["WATCHDOG=1", "STATUS=Serving; users: 3"]
    assert systemd.hears() == beat
    reactor.advance(14.9)
    assert systemd.hears_nothing()
    reactor.advance(0.1)
    assert systemd.hears() == beat


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}])
def test_a_watchdog_that_is_not_ours_hears_nothing(systemd: Systemd, watchdog: dict[str, str]) -> None:
    reactor = MemoryReactorClock()
    notifier(reactor, NOTIFY_SOCKET=systemd.address, **watchdog)
    turn(reactor)
    reactor.advance(STATUS_SECONDS)
    heard = [systemd.hears() for _ in range(3)]
    assert heard == [["READY=1"], ["STATUS=Serving; users: 3"], ["STATUS=Serving; users: 3"]]


def test_the_watchdog_hears_of_it_when_no_file_can_be_opened(systemd: Systemd) -> None:
    reactor = MemoryReactorClock()
    notifier(reactor, NOTIFY_SOCKET=systemd.address, WATCHDOG_USEC="30000000")
    turn(reactor)
    assert [systemd.hears()[0] for _ in range(2)] == ["READY=1", "WATCHDOG=1"]
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, usual[1]))
    try:
        reactor.advance(15)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    assert systemd.hears()[0] == "WATCHDOG=1"


def test_a_reload_is_told_with_its_time_and_ends_with_ready(systemd: Systemd) -> None:
    reactor = MemoryReactorClock()
    told = notifier(reactor, NOTIFY_SOCKET=systemd.address)
    told.reloading()
    reloading, when = systemd.hears()
    assert reloading == "RELOADING=1"
    assert 0 <= time.monotonic() - int(re.fullmatch(r"MONOTONIC_USEC=(\d+)", when)[1]) / 1e6 < PATIENCE  # type: ignore[index]  # it does match
    told.reloaded()
    assert systemd.hears() == ["READY=1", "STATUS=Serving; users: 3"]


def test_an_announced_end_is_in_the_status_until_it_is_called_off(systemd: Systemd) -> None:
    reactor = MemoryReactorClock()
    told = notifier(reactor, NOTIFY_SOCKET=systemd.address)
    told.draining(60)
    assert systemd.hears() == ["STATUS=Shuts down in 60 s, refuses new connections; users: 3"]
    told.draining(None)
    assert systemd.hears() == ["STATUS=Serving; users: 3"]


def test_the_end_is_told_and_then_no_more_beats_come(systemd: Systemd) -> None:
    reactor = MemoryReactorClock()
    told = notifier(reactor, NOTIFY_SOCKET=systemd.address)
    turn(reactor)
    told.stopService()
    assert [systemd.hears()[0] for _ in range(3)] == ["READY=1", "STATUS=Serving; users: 3", "STOPPING=1"]
    reactor.advance(1000)
    assert systemd.hears_nothing()


def test_who_is_stopped_before_the_reactor_turns_is_never_ready(systemd: Systemd) -> None:
    reactor = MemoryReactorClock()
    notifier(reactor, NOTIFY_SOCKET=systemd.address).stopService()
    turn(reactor)
    assert systemd.hears()[0] == "STOPPING=1"
    assert systemd.hears_nothing()


def test_without_systemd_nothing_happens(logged: list[str]) -> None:
    reactor = MemoryReactorClock()
    told = notifier(reactor, WATCHDOG_USEC="1000000")
    turn(reactor)
    told.reloading()
    told.stopService()
    assert (reactor.getDelayedCalls(), logged) == ([], [])


def test_a_systemd_that_does_not_listen_is_a_line_in_the_log(tmp_path: Path, logged: list[str]) -> None:
    reactor = MemoryReactorClock()
    notifier(reactor, NOTIFY_SOCKET=str(tmp_path / "nobody"))
    turn(reactor)
    assert logged[0] == "systemd could not be told READY=1: No such file or directory"


def test_what_systemd_said_is_for_this_process_only(systemd: Systemd) -> None:
    environ = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Notifier(MemoryReactorClock(), lambda: 0, environ)
    assert environ == {"HOME": "/"}


def test_a_real_server_is_ready_when_it_listens_and_counts_its_users(tmp_path: Path, systemd: Systemd) -> None:
    # The shell becomes the server, so that the watchdog is for its process.
    shell = ["sh", "-c", 'export WATCHDOG_PID=$$ WATCHDOG_USEC=200000; exec "$@"', "sh"]
    environ = {**os.environ, "NOTIFY_SOCKET": systemd.address}
    with Server(tmp_path, "--port", LOOPBACK, under=shell, env=environ) as server:
        assert systemd.hears() == ["READY=1"]
        assert "listening for json clients" in server.text()
        assert systemd.hears() == ["WATCHDOG=1", "STATUS=Serving; users: 0"]
        with login(server.port(), "ann"):
            systemd.hears_at_last("STATUS=Serving; users: 1")
            server.process.send_signal(signal.SIGHUP)
            systemd.hears_at_last("RELOADING=1")
            systemd.hears_at_last("READY=1")
        server.stop()
        systemd.hears_at_last("STOPPING=1")
