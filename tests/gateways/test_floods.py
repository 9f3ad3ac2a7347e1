"""Floods against a real server: each crosses a bound, and looks at the neighbours."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import statistics
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from lanchat.tap import RESERVED_FILES
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, line, login, until
from tests.ssh import keygen

#: Seconds between the questions of one who is honest, and how many answers of all are enough to judge by.
PAUSE, ENOUGH = 0.05, 200


class Honest:
    """Somebody who asks the time again and again, and notes how long each answer takes, while others storm."""

    def __init__(self, port: int, name: str) -> None:
        self.peer = login(port, name)
        self.seconds: list[float] = []
        #: How much later this machine let us go on, each time, than we had asked for: it may be kept busy by others.
        self.late: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asked = time.monotonic()
        while not self._stop.wait(PAUSE):
            start = time.monotonic()
            self.late.append(start - asked - PAUSE)
            self.peer.say("/time")
            self.peer.wait_for("Server time")
            asked = time.monotonic()
            self.seconds.append(asked - start)

    def stop(self) -> None:
        """No more."""
        self._stop.set()
        self._thread.join(PATIENCE)
        self.peer.close()


def served(honest: list[Honest], seconds: float) -> bool:
    """Whether they had their answers as soon as this (p99), or soon for a machine that is as late as it shows."""
    for one in honest:
        one.stop()
    late = statistics.quantiles([each for one in honest for each in one.late], n=100)[-1]
    return statistics.quantiles([each for one in honest for each in one.seconds], n=100)[-1] < seconds + 4 * late


def memory(server: Server) -> int:
    """KiB of the server's memory."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1])


@pytest.fixture
def files() -> None:
    """As many files as we may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


STORMS = {
    "newlines": b"\n" * 65536,
    "long lines": b"x" * 70000 + b"\n",
    "deep JSON": b"[" * 60000 + b"\n",
    "commands": line("/list") * 500,
    "blank names": b" \n" * 30000,
    "single bytes": b"{",
}


@pytest.mark.parametrize("kind", STORMS)
def test_who_storms_does_not_slow_the_others(server: Server, kind: str) -> None:
    honest = [Honest(server.port(), f"honest{n}") for n in range(20)]
    deadline = time.monotonic() + 2

    def over() -> bool:
        assert time.monotonic() < deadline + PATIENCE, "the honest are hardly served"
        return time.monotonic() >= deadline and sum(len(one.seconds) for one in honest) >= ENOUGH

    while not over():
        with Peer(server.port()) as storm:
            storm.socket.settimeout(0.2)
            storm.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                storm.send(b"" if kind == "blank names" else b"storm\n")
                while not over():
                    storm.send(STORMS[kind])
            except (TimeoutError, ConnectionError):
                continue  # it is made to wait, or was closed: it comes again
    assert served(honest, 0.25)
    assert "Traceback" not in server.text()


def test_five_hundred_that_never_read_are_left_out_and_cost_what_their_limit_says(files: None, tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--limit", "packets=off", "--limit", "bytes=off") as server:
        deaf = []
        for n in range(500):
            each = socket.socket()
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.connect(("127.0.0.1", server.port()))
            each.sendall(b"deaf%d\n" % n)
            deaf.append(each)
        with login(server.port(), "counter") as counter:
            until(lambda: "(500)" in listed(counter), "everybody")
        before = memory(server)
        honest = [Honest(server.port(), f"honest{n}") for n in range(5)]
        with login(server.port(), "loud") as loud:
            for _ in range(100):
                loud.say("Everyone", "x" * 16_000)
                loud.wait_for("Message sent")
                time.sleep(0.02)  # 400 MB a second: those who read can read that
            assert "did not read what was sent to it" not in server.text(), "nobody is closed by what a stranger says"
            assert listed(loud).count("deaf") > 400
        assert served(honest, 0.2)
        # What waits for each up to half of the limit, what its transport has taken, and one text.
        assert memory(server) - before < 500 * (128 + 64 + 64 + 16)
        for each in deaf:
            each.close()


def test_with_few_files_those_inside_are_served_and_those_outside_are_told(tmp_path: Path) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("there is no prlimit here")
    with Server(tmp_path, "--port", LOOPBACK, under=[prlimit, f"--nofile={RESERVED_FILES + 32}"]) as server:
        peers = [Peer(server.port()) for _ in range(192)]
        told = []
        for n, peer in enumerate(peers):
            told.append(_first_words(peer, b"user%d\n" % n))
        inside = [peer for peer, text in zip(peers, told, strict=True) if "Welcome" in text]
        assert len(inside) == 32
        assert sum("server is full" in text for text in told) > 5
        for peer in inside:
            peer.say("/time")
            assert "Server time" in peer.wait_for("Server time")["msg"]
        assert server.text().count("refused") < 10, "a flood of refusals is summed up"
        for peer in peers:
            peer.close()
        until(lambda: _admitted(server), "a place")
        assert "Traceback" not in server.text()


@pytest.mark.skipif(not shutil.which("prlimit"), reason="there is no prlimit here")
def test_the_server_takes_as_many_files_as_it_may_have(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, under=["prlimit", "--nofile=200:300"]) as server:
        assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (300, 300)


def test_a_crowd_at_all_doors_of_a_full_house_leaves_files_for_the_server_itself(tmp_path: Path) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("there is no prlimit here")
    doors = "--port", LOOPBACK, "--telnet", LOOPBACK, "--tls", LOOPBACK, "--web", LOOPBACK, "--manhole", LOOPBACK
    keygen(tmp_path / "operator")
    keys = "--manhole-keys", str(tmp_path / "operator.pub")
    with Server(tmp_path, *doors, *keys, under=[prlimit, "--nofile=128:128"]) as server, ExitStack() as crowd:
        server.logged("listening for tls")
        ports = dict(server.listening())
        for n in range(128 - RESERVED_FILES):
            crowd.enter_context(login(ports["json"], f"user{n}"))
        for kind in ("manhole", "json", "telnet", "tls", "web"):
            for _ in range(16):
                crowd.enter_context(Peer(ports[kind]))
        with Peer(ports["web"]) as asking:
            asking.send(b"GET /healthz HTTP/1.1\r\n\r\n")
            assert asking.line() == "HTTP/1.1 200 OK"


def listed(peer: Peer) -> str:
    """Who else is there."""
    peer.say("/list")
    text: str = peer.wait_for("user")["msg"]
    return text


def _first_words(peer: Peer, name: bytes) -> str:
    try:
        peer.send(name)
        return peer.line()
    except ConnectionError:
        return ""


def _admitted(server: Server) -> bool:
    with Peer(server.port()) as peer:
        return "Welcome" in _first_words(peer, b"late\n")


def test_a_step_of_the_wall_clock_disconnects_nobody(tmp_path: Path) -> None:
    library = next(iter(Path("/usr/lib").rglob("libfaketime.so.1")), None)
    if library is None:
        pytest.skip("there is no libfaketime here")
    step = tmp_path / "step"
    step.write_text("+0\n")
    fake = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(step)}
    fake |= {"FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with Server(tmp_path, "--port", LOOPBACK, env=os.environ | fake) as server, Peer(server.port()) as unnamed:
        ann = login(server.port(), "ann")
        before = _hour(ann)
        step.write_text("+3600\n")
        assert (_hour(ann) - before) % 24 in (1, 2), "the step was seen"
        unnamed.send(b"bob\n")
        assert "Welcome bob!" in unnamed.packet()["msg"], "the deadline for the name did not pass"
        step.write_text("-3600\n")
        ann.say("bob", "still here?")
        assert unnamed.packet()["msg"] == "still here?"
        ann.close()


def _hour(peer: Peer) -> int:
    peer.say("/time")
    return int(peer.wait_for("Server time")["msg"].split()[3].split(":")[0])


def test_from_elsewhere_nobody_gets_in(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--allow", "192.168.7.0/24") as server:
        with Peer(server.port()) as peer:
            assert peer.line() == ""
        server.logged("is not in a network that may connect")


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace here")
def test_it_never_calls_out(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    under = ["strace", "-D", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg,socket", "-o", str(trace)]
    with Server(tmp_path, "--port", LOOPBACK, under=under) as server:
        command = ["strace", "-f", "-qq", "-e", "trace=connect", "-o", f"{trace}.client"]
        command += [
            str(SCRIPTS / "lanchat"),
            f"127.0.0.1:{server.port()}",
            "--name",
            "ann",
            "--to",
            "ann",
        ]
        subprocess.run(command, input=b"hello\n", timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    text = trace.read_text()
    assert "AF_INET" in text, "the trace saw the server's own socket"
    assert not [row for row in text.splitlines() if "connect(" in row and "AF_UNIX" not in row]
    assert not [row for row in text.splitlines() if "SOCK_DGRAM" in row and "AF_INET" in row]
    called = [row for row in Path(f"{trace}.client").read_text().splitlines() if "AF_INET" in row]
    assert called
    assert all("127.0.0.1" in row for row in called)
