"""`python -m benchmarks.streams`: what a stream takes, and how soon all of them have a message; written to STREAMS.md."""

from __future__ import annotations

import argparse
import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks import command
from benchmarks.crowd import cpu
from benchmarks.measure import Outcome
from benchmarks.results import machine
from benchmarks.servers import HERE, Failed, cores, raise_file_limit

PROGRAM = "python -m benchmarks.streams"
SCRIPTS = Path(sysconfig.get_path("scripts"))
LOOPBACK = "tcp:0:interface=127.0.0.1"
#: Seconds that anything may take.
PATIENCE = 60.0
#: What is promised, in KiB for each of 1,000 streams.
MOST_KIB = 8
#: Messages that are said, one after the other; and how long each text is.
SAID, TEXT = 200, "x" * 100

T = TypeVar("T")

REPORT = """# Streams

Written by `{command}`, which does all of this again.

{machine}

{streams} streams of one room (`GET /stream?room=%23ops`, lines of JSON) are opened, one after the other. Then {said} messages
of 100 letters are said there, each when all streams have the one before; it is stored first. The server has one core,
the readers the other.

| | |
|---|---:|
| memory of a stream, open (KiB, target: at most {most}) | {open_kib:.1f} |
| memory of a stream, after the messages (KiB) | {after_kib:.1f} |
| opening all of them, each with its token checked (s) | {open_s:.1f} |
| CPU of a delivery (µs) | {delivery_us:.1f} |
| until the last of them has a message, median (ms) | {median_ms:.1f} |
| the same, the slowest of a hundred (ms) | {p99_ms:.1f} |
| CPU of one idle second with all of them (ms) | {idle_ms:.1f} |
"""


class Figures(msgspec.Struct):
    """What was measured."""

    command: str
    machine: dict[str, str]
    streams: int
    open_kib: float
    after_kib: float
    open_s: float
    delivery_us: float
    median_ms: float
    p99_ms: float
    idle_ms: float
    said: int = SAID
    most: int = MOST_KIB

    def failures(self) -> list[Outcome]:
        """Nothing: what does not work ends the command."""
        return []


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    reads = argparse.ArgumentParser(prog=PROGRAM, description="What a stream takes, and how soon it has a message.")
    reads.add_argument("--streams", type=command.whole("streams"), default=1000, help="how many (default: 1000)")
    reads.add_argument("--short", action="store_true", help="only show that everything works: 20 streams")
    reads.add_argument("--json", metavar="FILE", type=Path, help="keep all figures in this file")
    reads.add_argument("--from", metavar="FILE", dest="source", type=Path, help="take the figures from such a file")
    reads.add_argument("--report", metavar="DIRECTORY", type=Path, nargs="?", const=HERE, help="write STREAMS.md")
    asked = reads.parse_args(arguments)
    if asked.short:
        asked.streams = 20
    return asked


def until(look: Callable[[], T | None], what: str) -> T:
    """Look until there is something. Raises `Failed` if that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Failed(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.02)
    return found


@contextmanager
def served(directory: Path) -> Iterator[tuple[int, int, int]]:
    """A server: its process, and its ports for lines and for streams."""
    log, core = directory / "log", cores()[0]
    options = ["--port", LOOPBACK, "--http", LOOPBACK, "--lobby", "#ops", "--data", str(directory / "data")]
    for limit in ("streams", "logins", "requests", "packets", "bytes"):
        options += ["--limit", f"{limit}=off"]
    with log.open("wb") as out:
        server = subprocess.Popen([SCRIPTS / "twistd", "-n", "--pidfile=", "lanchat", *options], stdout=out, stderr=out)  # noqa: S603 (ours)
    try:
        if core is not None:
            os.sched_setaffinity(server.pid, {core})

        def ports() -> dict[str, int]:
            return {
                kind: int(port) for kind, port in re.findall(r"listening for (json|browsers) \S*.*?:(\d+)", log.read_text())
            }

        until(lambda: len(ports()) == 2 and "lanchat-admin reaches" in log.read_text(), "the server to listen")
        yield server.pid, ports()["json"], ports()["browsers"]
    finally:
        server.terminate()
        server.wait()


def administer(directory: Path, *arguments: str, typed: str = "") -> str:
    """What `lanchat-admin` says."""
    asked = [str(SCRIPTS / "lanchat-admin"), "--data", str(directory / "data"), "--json", *arguments]
    done = subprocess.run(asked, input=typed, capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    if done.returncode:
        raise Failed(done.stderr)
    said: str = done.stdout
    return said


def memory(pid: int) -> float:
    """The KiB of a process."""
    return float(re.search(r"VmRSS:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[1])  # type: ignore[index]  # it is there


class Readers:
    """So many streams, which are read."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._asked = f"GET /stream?room=%23ops HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        self._ready = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []

    def open(self, count: int) -> None:
        """Open so many, one after the other, as few logins may be under way."""
        for _ in range(count):
            peer, head = socket.create_connection(("127.0.0.1", self._port), PATIENCE), b""
            peer.sendall(self._asked)
            self._sockets.append(peer)
            while not head.endswith(b"\r\n\r\n\n"):
                got = peer.recv(4096)
                if not got or (b" 200 " not in head + got):
                    raise Failed(f"a stream was refused: {head + got!r}")
                head += got
            self._ready.register(peer, selectors.EVENT_READ)

    def all_read(self) -> None:
        """Read until each has a message."""
        missing = len(self._sockets)
        while missing:
            ready = self._ready.select(PATIENCE)
            if not ready:
                raise Failed("a message did not come")
            for key, _ in ready:
                missing -= key.fileobj.recv(65536).count(TEXT.encode())  # type: ignore[union-attr]  # they are sockets

    def close(self) -> None:
        """Close all."""
        self._ready.close()
        for peer in self._sockets:
            peer.close()


def run(asked: argparse.Namespace) -> Figures:
    """Measure. Raises `Failed`."""
    raise_file_limit()
    before, core = machine(), cores()[1]
    if core is not None:
        os.sched_setaffinity(0, {core})
    with tempfile.TemporaryDirectory() as place, served(Path(place)) as (pid, port, http):
        directory = Path(place)
        administer(directory, "account", "add", "bot", "--password-stdin", typed="correct horse\n")
        token = json.loads(administer(directory, "token", "bot"))["token"]
        warm, readers = Readers(http, token), Readers(http, token)
        try:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as ann:
                ann.sendall(b"ann\n")
                ann.recv(4096)
                return _measure(asked.streams, before, pid, ann, (warm, readers))
        finally:
            warm.close()
            readers.close()


def _measure(count: int, before: dict[str, str], pid: int, ann: socket.socket, both: tuple[Readers, Readers]) -> Figures:
    said = json.dumps({"from": {"name": "", "ip": ""}, "to": "#ops", "msg": TEXT}).encode() + b"\n"
    warm, readers = both
    warm.open(20)  # (so that what is made once is there)
    ann.sendall(said)
    warm.all_read()
    empty, began = memory(pid), time.monotonic()
    readers.open(count)
    open_s, opened = time.monotonic() - began, memory(pid)
    taken, delays = cpu(pid), []
    for _ in range(SAID):
        began = time.monotonic()
        ann.sendall(said)
        readers.all_read()
        delays.append((time.monotonic() - began) * 1000)
    taken, after = cpu(pid) - taken, memory(pid)
    idle = cpu(pid)
    time.sleep(5)
    idle = (cpu(pid) - idle) / 5
    return Figures(
        command.typed(PROGRAM),
        before,
        count,
        open_kib=(opened - empty) / count,
        after_kib=(after - empty) / count,
        open_s=open_s,
        delivery_us=taken / SAID / (count + 20) * 1e6,
        median_ms=statistics.median(delays),
        p99_ms=statistics.quantiles(delays, n=100)[-1],
        idle_ms=idle * 1000,
    )


def shown(figures: Figures) -> str:
    """The report."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in figures.machine.items())
    return REPORT.format(**{**msgspec.structs.asdict(figures), "machine": f"| | |\n|---|---|\n{rows}"})


def write(figures: Figures, directory: Path) -> None:
    """Write the report."""
    (directory / "STREAMS.md").write_text(shown(figures))


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    return command.carry_out(options(arguments), Figures, run, shown, write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
