"""Sockets that systemd opened: served like our own, and left to it at the end."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol

from lanchat.net import endpoints
from lanchat.net.reactor import Port, Reactor, Server
from lanchat.net.sockets import KEEPALIVE, SYSTEM_BUFFER
from tests.live import PATIENCE, Peer, twistd, until

#: What systemd sets for a process that it hands one socket, here the one at descriptor 3.
HANDED = 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=json; exec "$@" 3<&0'


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=16) as made:
        yield made


@contextmanager
def activated(tmp_path: Path, listening: socket.socket | TextIO, port: str) -> Iterator[Path]:
    """A server that was handed the socket; its log."""
    log = tmp_path / "log"
    command = ["sh", "-c", HANDED, "sh", *twistd(tmp_path, "--port", port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out, stdin=listening.fileno())  # noqa: S603 (ours)
    try:
        until(lambda: "listening for json" in log.read_text() or process.poll() is not None, "the server to listen")
        yield log
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.parametrize("which", ["name=json", "index=0"])
def test_a_socket_that_was_handed_over_is_served(tmp_path: Path, listening: socket.socket, which: str) -> None:
    where = listening.getsockname()[1]
    with activated(tmp_path, listening, f"systemd:domain=INET6:{which}") as log:
        assert f"listening for json clients on [::1]:{where}\n" in log.read_text()
        with Peer(where, "::1") as ann:
            ann.send(b"ann\n")
            assert ann.wait_for("Welcome")
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SYSTEM_BUFFER
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * SYSTEM_BUFFER
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, between, probes, unread = (listening.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE)
        assert idle + between * probes <= 75
        assert unread <= 60_000


def test_a_number_is_the_port_that_systemd_has_opened_already(tmp_path: Path, listening: socket.socket) -> None:
    where = listening.getsockname()[1]
    with activated(tmp_path, listening, str(where)), Peer(where, "::1") as ann:
        ann.send(b"ann\n")
        assert ann.wait_for("Welcome")


def test_another_number_is_not(tmp_path: Path, listening: socket.socket) -> None:
    with activated(tmp_path, listening, "0") as log:
        assert f":{listening.getsockname()[1]}\n" not in log.read_text()


def test_what_is_handed_over_and_is_no_port_is_left_alone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams:
        with socket.socket(socket.AF_INET6) as free:  # a number that is free for the server, too
            free.bind(("::", 0))
            where = free.getsockname()[1]
            datagrams.bind(("::1", where))
        with activated(tmp_path, datagrams, str(where)) as log:
            assert f":{where} (IPv4 and IPv6)\n" in log.read_text()
    with Path("/dev/null").open() as file, activated(tmp_path, file, "0") as log:
        assert "listening for json clients" in log.read_text()


def test_who_connects_between_two_servers_waits_and_is_served(tmp_path: Path, listening: socket.socket) -> None:
    where = listening.getsockname()[1]
    with activated(tmp_path, listening, "systemd:domain=INET6:name=json"), Peer(where, "::1") as bob:
        bob.send(b"bob\n")
        assert bob.wait_for("Welcome")
    with Peer(where, "::1") as ann:
        ann.send(b"ann\n")
        with activated(tmp_path, listening, "systemd:domain=INET6:name=json"):
            assert ann.wait_for("Welcome")


@pytest.mark.parametrize("which", ["domain=INET6:name=jsno", "domain=INET6:index=1", "domain=INET7:name=json"])
def test_a_socket_that_was_not_handed_over_is_one_line(tmp_path: Path, listening: socket.socket, which: str) -> None:
    with activated(tmp_path, listening, f"systemd:{which}") as log:
        said = log.read_text()
        assert f"systemd:{which}" in said
        assert "a port" in said
        assert "Traceback" not in said


def test_without_systemd_it_is_one_line_too(tmp_path: Path) -> None:
    command = twistd(tmp_path, "--port", "systemd:domain=INET6:name=json")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert ended.returncode == os.EX_CONFIG
    assert "is not a port passed on by systemd. Start lanchat.socket" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_what_is_only_looked_at_needs_no_socket() -> None:
    assert endpoints.parse_port("systemd:domain=INET6:name=json") == ["systemd:domain=INET6:name=json"]


def test_a_door_that_was_shut_can_be_opened_again(listening: socket.socket) -> None:
    reactor = Reactor()
    handed = AdoptedStreamServerEndpoint(reactor, os.dup(listening.fileno()), socket.AF_INET6)
    endpoint = endpoints.InheritedSocket(reactor, handed)
    for _ in range(2):
        opened: list[IListeningPort] = []
        endpoint.listen(Factory.forProtocol(Protocol)).addCallback(opened.append)
        assert opened[0].getHost().port == listening.getsockname()[1]  # type: ignore[attr-defined]  # it is TCP
        opened[0].stopListening()
        reactor.runUntilCurrent()
    os.close(handed.fileno)


def test_it_has_the_shortcuts_of_our_own_reactor(listening: socket.socket) -> None:
    reactor = Reactor()
    listening.setblocking(False)
    port = reactor.adoptStreamPort(listening.fileno(), socket.AF_INET6, Factory.forProtocol(Protocol))
    assert isinstance(port, Port)
    assert port.transport is Server
