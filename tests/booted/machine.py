"""A machine: a Debian booted in namespaces of its own, whose systemd is a real one. It has no network but its loopback."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from subprocess import PIPE
from types import TracebackType

from tests.live import PATIENCE, until

#: For setns(2).
CLONE_NEWNET = 0x40000000
#: Is there where this machine runs systemd itself (sd_booted(3)).
BOOTED = Path("/run/systemd/system")
#: Seconds until it has booted: two, or many on a busy machine.
BOOT = 90.0
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
#: Where systemd-nspawn keeps what it has to say to a machine; it leaves the directory.
LEFT = Path("/run/systemd/nspawn/propagate")
#: What the host needs for it, beside root's rights.
NEEDED = ("debootstrap", "systemd-nspawn", "nsenter", "setpriv", "git")


class Machine:
    """Booted from a root of which nothing is changed: what is written is in memory, and gone at the end."""

    def __init__(self, root: Path, **shown: Path) -> None:
        """`shown` are directories of this machine that it may read, at /NAME."""
        self.name = f"lanchat-booted-{os.getpid()}"
        # It ends when this process does, in whatever way.
        command = ["setpriv", "--pdeathsig=TERM", "systemd-nspawn", "--quiet", "--register=no", "--boot"]
        command += [] if BOOTED.is_dir() else ["--keep-unit"]  # there is no systemd outside to ask for a unit of its own
        command += [f"--machine={self.name}", f"--directory={root}", "--volatile=overlay", "--private-network"]
        command += ["--resolv-conf=off", "--console=pipe", *[f"--bind-ro={path}:/{name}" for name, path in shown.items()]]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=PIPE, stderr=subprocess.STDOUT)  # noqa: S603 (ours)
        try:
            self._leader = until(self._first_process, "the machine's first process")
            until(
                lambda: self.run("systemctl", "is-system-running", "--wait").stdout.strip() == "running", "the machine to boot"
            )
        except BaseException:
            self.stop()
            raise

    def path(self, absolute: str) -> Path:
        """A file of the machine's."""
        return Path(f"/proc/{self._leader}/root{absolute}")

    def write(self, absolute: str, text: str, mode: int = 0o644) -> None:
        """Write a file there."""
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode)
        path.write_text(text)

    def run(self, *command: str, given: str = "", seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end."""
        return subprocess.run(self._inside(*command), input=given, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603 (ours)

    def says(self, *command: str, given: str = "", seconds: float = PATIENCE) -> str:
        """What a command there says; it must not fail."""
        done = self.run(*command, given=given, seconds=seconds)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def begin(self, *command: str) -> subprocess.Popen[str]:
        """Start a command there, and don't wait for its end."""
        return subprocess.Popen(self._inside(*command), stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, text=True)  # noqa: S603 (ours)

    def enter_network(self) -> None:
        """From now on the sockets that this thread opens are the machine's."""
        with Path(f"/proc/{self._leader}/ns/net").open() as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def stop(self) -> None:
        """Shut it down."""
        self._process.terminate()
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        if (left := LEFT / self.name).is_dir():
            left.rmdir()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _inside(self, *command: str) -> list[str]:
        return ["nsenter", f"--target={self._leader}", "--all", "env", "-i", PATH, *command]

    def _first_process(self) -> int | None:
        assert self._process.poll() is None, f"systemd-nspawn ended: {self._process.communicate()[0].decode()}"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        names = {int(child): Path(f"/proc/{child}/comm").read_text().strip() for child in children}
        return next((child for child, name in names.items() if name == "systemd"), None)
