"""What a benchmark of files sends and fetches with curl, and what it reads of the server meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.servers import PATIENCE, Failed, cores, pinned
from benchmarks.strangers import packet
from benchmarks.timed_twistd import TURNS

#: The address of a server.
BASE = "http://127.0.0.1"
_TOLD = "%{http_code} %{time_total} %{size_upload} %{size_download}"
_CURL = ["curl", "-s", "-S", "-o", "/dev/null", "--max-time", "60", "-w", _TOLD]


def curl(*words: str, nice: bool = False) -> subprocess.Popen[str]:
    """A curl that runs on the generator's core; behind all else there, if it is `nice`."""
    command = pinned(cores()[1], [*(["nice", "-n", "15"] if nice else []), *_CURL, *words])
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 (ours)


def seconds(running: subprocess.Popen[str], size: int) -> float:
    """How long a curl took. Raises `Failed` if it did not move `size` bytes."""
    told, complaint = running.communicate()
    code, took, *moved = told.split() if told else ("0", "0")
    if code not in {"200", "201", "204"} or str(size) not in moved:
        raise Failed(f"curl was answered {code}: {complaint.strip()}")
    return float(took)


class Sender:
    """Somebody with an account at a lanchat, who may send files to another one."""

    def __init__(self, port: int) -> None:
        """`port` is the one for programs."""
        self._asked = 0
        for name in ("sink", "sender"):
            self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
            self._socket.sendall(name.encode() + b"\n")
            self._read = self._socket.makefile("rb")
            self._ask("/hello", "lanchat", v=1, caps=["id", "ack", "file"])
            self._ask("/register", "correct horse battery")

    def _ask(self, to: str, msg: str = "", **x: Any) -> dict[str, Any]:
        self._asked += 1
        cid = f"asked{self._asked}"
        self._socket.sendall(packet(to, msg, cid=cid, **x) + b"\n")
        for line in self._read:
            told: dict[str, Any] = json.loads(line).get("x", {}) if line.startswith(b"{") else {}
            if told.get("cid") == cid:
                return told
        raise Failed("lanchat has closed the connection of who sends files")

    def ticket(self, size: int) -> str:
        """Where a file may be sent. Raises `Failed`."""
        told = self._ask("/file", target="sink", name="file.bin", size=size)
        if "upload" not in told:
            raise Failed(f"lanchat takes no file: {told.get('code')}")
        return str(told["upload"]["url"])


def longest_turn(pid: int, directory: Path) -> tuple[float, float]:
    """The milliseconds of the longest turn since the last call, and of the one that took the processor for longest."""
    file = directory / TURNS
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR2)
    wait_for(file.exists, "lanchat to tell its longest turn")
    longest, busiest = map(float, file.read_text().split())
    return longest, busiest


def wait_for(look: Callable[[], bool], what: str) -> None:
    """Wait until something is so. Raises `Failed` if that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise Failed(f"waited too long for {what}")
        time.sleep(0.01)


def forget_peak(pid: int) -> int:
    """Let the peak of a process's memory begin anew; the KiB that it has (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return memory(pid, "VmRSS")


def memory(pid: int, name: str = "VmHWM") -> int:
    """The KiB of memory that a process has (`VmRSS`), or had at its peak (`VmHWM`)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0])
