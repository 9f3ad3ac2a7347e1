"""The unit lanchat.service in a machine, and those who talk to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.booted.machine import Machine
from tests.live import until

UNITS = "/etc/systemd/system"
OPTIONS = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"]
#: Where an operator's key pair is.
KEY = "/root/.ssh/id_ed25519"
#: How long `systemctl` may take; it waits for READY=1.
SECONDS = 60.0


class Unit:
    """What an administrator does with it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def install(self) -> str:
        """As the unit's own text says, but that the wheels come from this machine; what was installed."""
        pip = "/opt/lanchat/bin/pip"
        self.machine.says("python3", "-m", "venv", "/opt/lanchat", seconds=SECONDS)
        self.machine.says(pip, "install", "-q", "--no-index", "--find-links=/wheels", "lanchat", seconds=2 * SECONDS)
        self.machine.says("/opt/lanchat/bin/twistd", "--help")
        self.machine.says("cp", "/deploy/lanchat.service", "/deploy/lanchat.socket", UNITS)
        self.ctl("daemon-reload")
        return self.machine.says(pip, "--version").split(" from")[0]

    def configure(self, text: str) -> None:
        """Write /etc/lanchat.toml."""
        self.machine.write("/etc/lanchat.toml", text)

    def change(self, *settings: str) -> None:
        """Do as `systemctl edit` would; without settings, undo it."""
        self.machine.write(f"{UNITS}/lanchat.service.d/override.conf", "\n".join(["[Service]", *settings, ""]))
        self.ctl("daemon-reload")

    def ctl(self, *words: str) -> None:
        """`systemctl`, which must not fail."""
        self.machine.says("systemctl", *words, seconds=SECONDS)

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.machine.says("systemctl", "show", "--property", name, "--value", "lanchat").strip()

    def until(self, name: str, value: str) -> None:
        """Wait until a property has this value."""
        until(lambda: self.show(name) == value, f"{name}={value}, after {self.show(name)}")

    def journal(self) -> str:
        """What the unit said, and systemd about it."""
        return self.machine.says("journalctl", "--unit=lanchat", "--no-pager", "--output=cat")

    def ssh(self, statement: str) -> list[str]:
        """The command of an operator at the manhole."""
        return ["ssh", *[f"-o{option}" for option in OPTIONS], "-i", KEY, "-p", "2222", "127.0.0.1", statement]

    def asked(self, statement: str) -> subprocess.CompletedProcess[str]:
        """What the manhole answers."""
        return self.machine.run(*self.ssh(statement))

    def main_process(self) -> Path:
        """What /proc says of its process."""
        return self.machine.path(f"/proc/{self.show('MainPID')}")
