"""A network of the test's own: a server's machine and a reader's, and the cable between them.

The reader's browser meets the server at a LAN address, which is what browsers call an insecure origin, and nothing leads
to anywhere else.
"""

from __future__ import annotations

import subprocess
from types import TracebackType

import pytest

from tests.live import PATIENCE, until

#: The address of the server's machine, and of the reader's.
SERVER, READER = "192.168.77.1", "192.168.77.2"
#: A machine: a process that does nothing but keep its network.
MACHINE = ["unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"]


class Network:
    """Two machines that are joined by a cable. Commands are run on one of them by putting `server` or `reader` before them.

    Sockets in the file system (`unix:`) are the same everywhere, so the test itself reaches the server through one.
    """

    def __init__(self) -> None:
        """Skip the test where no such network may be made."""
        self._machines: list[subprocess.Popen[str]] = []
        try:
            self._start(["unshare", "--user", "--map-root-user", *MACHINE])
            self._start([*self.server, *MACHINE])
            reader = str(self._machines[1].pid)
            self._run(*self.server, "ip", "link", "add", "cable", "type", "veth", "peer", "name", "plug", "netns", reader)
            for side, device, address in ((self.server, "cable", SERVER), (self.reader, "plug", READER)):
                for words in ("link set lo up", f"addr add {address}/24 dev {device}", f"link set {device} up"):
                    self._run(*side, "ip", *words.split())
            self._wait()
        except BaseException as error:
            self.close()
            if isinstance(error, (OSError, subprocess.CalledProcessError)):
                pytest.skip("no network of its own may be made here")
            raise

    def _start(self, command: list[str]) -> None:
        machine = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603 (ours)
        self._machines.append(machine)
        if machine.stdout is None or not machine.stdout.readline():
            raise OSError

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603 (ours)
        return done.stdout

    @property
    def server(self) -> list[str]:
        """What runs a command on the server's machine, which has the address `SERVER`."""
        return self._on(0)

    @property
    def reader(self) -> list[str]:
        """What runs a command on the reader's machine, which has the address `READER`."""
        return self._on(1)

    def _on(self, machine: int) -> list[str]:
        pid = str(self._machines[machine].pid)
        return ["nsenter", "--target", pid, "--user", "--preserve-credentials", "--net"]

    def cut(self) -> None:
        """Pull the cable out at the server's machine. Both see that: a browser says that it is offline."""
        self._run(*self.server, "ip", "link", "set", "cable", "down")

    def mend(self) -> None:
        """Put the cable in again."""
        self._run(*self.server, "ip", "link", "set", "cable", "up")
        self._wait()

    def _wait(self) -> None:
        """Wait until the reader's machine has noticed that the cable is in."""
        until(lambda: "state UP" in self._run(*self.reader, "ip", "link", "show", "plug"), "the cable")

    def lose(self) -> None:
        """Lose everything on its way, in both directions, without anybody being told: a switch that died."""
        for side, device, address in ((self.server, "cable", READER), (self.reader, "plug", SERVER)):
            nowhere = f"neigh replace {address} lladdr 02:00:00:00:00:01 nud permanent dev {device}"
            self._run(*side, "ip", *nowhere.split())

    def find(self) -> None:
        """Lose nothing any more."""
        for side, device, address in ((self.server, "cable", READER), (self.reader, "plug", SERVER)):
            self._run(*side, "ip", *f"neigh del {address} dev {device}".split())

    def close(self) -> None:
        """Take the machines away."""
        for machine in reversed(self._machines):
            machine.kill()
            machine.wait(PATIENCE)
            if machine.stdout is not None:
                machine.stdout.close()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
