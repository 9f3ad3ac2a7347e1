"""Real parts for tests: a `twistd` of one's own on free ports, and sockets to talk to it. Every wait has a bound."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

#: Seconds that anything may take before its test fails: many, for a machine whose cores are all kept busy by others.
PATIENCE = 100.0
SCRIPTS = Path(sysconfig.get_path("scripts"))
LOOPBACK = "tcp:0:interface=127.0.0.1"
#: The options that take a port to listen on.
PORTS = {"--port", "--telnet", "--tls", "--irc", "--ircs", "--manhole", "--web", "--http", "--https"}

T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """Look again and again until there is something; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return found


def twistd(directory: Path, *options: str) -> list[str]:
    """The command of a server that keeps what must last in `directory`."""
    return [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "lanchat", "--data", str(directory / "data"), *options]


class Server:
    """A real `twistd lanchat`, with a JSON and a telnet port on loopback unless `args` say otherwise."""

    def __init__(self, directory: Path, *args: str, under: list[str] | None = None, env: dict[str, str] | None = None) -> None:
        """Start it in `directory`, `under` another command if there is one, and wait until it listens."""
        self.log = directory / "twistd.log"
        options = args or ("--port", LOOPBACK, "--telnet", LOOPBACK)
        command = [*(under or []), *twistd(directory, *options)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=env, cwd=directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603 (ours)
        try:
            wanted = sum(option in PORTS for option in options)
            until(lambda: len(self.listening()) >= wanted or self.process.poll() is not None, "the server to listen")
            assert self.process.poll() is None, self.text()
        except BaseException:
            self.stop()
            raise

    def text(self) -> str:
        """The log so far."""
        return self.log.read_text()

    def listening(self) -> list[tuple[str, int]]:
        """What it listens for, and on which ports, in order."""
        found = re.findall(r"listening for (browsers over TLS|\w+).* on \S+?(?::(\d+))?(?: |$)", self.text(), re.MULTILINE)
        return [(kind, int(port or 0)) for kind, port in found]

    def port(self, kind: str = "json") -> int:
        """The port for "json", "telnet", "manhole", "browsers" or "browsers over TLS"."""
        return dict(self.listening())[kind]

    def logged(self, text: str) -> str:
        """Wait for a line of the log that has this text."""
        return until(lambda: next((line for line in self.text().splitlines() if text in line), None), f"{text!r} in the log")

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal and wait for the end; how many seconds that took."""
        start = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(PATIENCE)
        return time.monotonic() - start

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class Peer:
    """A client's socket: bytes out, lines or packets in."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)
        self._reader = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def say(self, to: str, msg: str = "", **x: Any) -> None:
        """Send a packet on a line."""
        self.send(line(to, msg, **x))

    def line(self) -> str:
        """The next line, without its end; "" at the end of the connection."""
        return self._reader.readline().decode().rstrip("\r\n")

    def packet(self) -> dict[str, Any]:
        """The next packet."""
        text = self.line()
        assert text, "the connection was closed"
        packet: dict[str, Any] = json.loads(text)
        return packet

    def wait_for(self, text: str) -> dict[str, Any]:
        """The next packet whose `msg` has this text; those before it are passed over."""
        while text not in (packet := self.packet())["msg"]:
            continue
        return packet

    def unread(self) -> int:
        """How many bytes of what was sent here the server has not read yet, as Linux knows it."""
        here, there = (f":{name[1]:04X}" for name in (self.socket.getsockname(), self.socket.getpeername()))
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        queues = {(row[1][-5:], row[2][-5:]): [int(size, 16) for size in row[4].split(":")] for row in rows}
        return queues[here, there][0] + queues[there, here][1]

    def at_end(self) -> bool:
        """Whether the server closes the connection, after whatever it still sends."""
        while self.line():
            continue
        return True

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self.socket.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def line(to: str, msg: str = "", **x: Any) -> bytes:
    """A packet as a client sends it, on a line; `x` is left out where nothing is in it."""
    packet: dict[str, Any] = {"from": {"name": "", "ip": ""}, "to": to, "msg": msg}
    return json.dumps(packet | ({"x": x} if x else {})).encode() + b"\n"


def login(port: int, name: str) -> Peer:
    """A classic client that has been welcomed."""
    peer = Peer(port)
    peer.send(name.encode() + b"\n")
    peer.wait_for("Welcome")
    return peer


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would change how a terminal looks."""
    return {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")} | more
