"""The real OpenSSH client, and a server with a manhole to enter."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pexpect

from tests.live import LOOPBACK, PATIENCE, Server, environment


def keygen(path: Path, *options: str) -> Path:
    """A key pair made by ssh-keygen; the file of the private key."""
    command = ["ssh-keygen", "-q", "-N", "", "-f", str(path), *(options or ("-t", "ed25519"))]
    subprocess.run(command, check=True, timeout=PATIENCE)  # noqa: S603 (ours)
    return path


class Manhole:
    """A server with a manhole, and the means to enter it."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.options = options
        self.key = keygen(directory / "operator")
        self.rsa = keygen(directory / "rsa", "-t", "rsa", "-b", "2048")
        self.keys = directory / "authorized"
        self.keys.write_text(
            f"# operators\n\n{self.key.with_suffix('.pub').read_text()}{self.rsa.with_suffix('.pub').read_text()}"
        )
        self.keys.chmod(0o600)
        self.server = self.start()

    def start(self) -> Server:
        """Another run of the server, with the same keys."""
        options = ["--port", LOOPBACK, *self.options, "--manhole", LOOPBACK, "--manhole-keys", str(self.keys)]
        return Server(self.directory, *options)

    def command(self, *args: str, key: Path | None = None) -> list[str]:
        """The words of a command that enters; the server is known by its host keys and by nothing else."""
        port = str(self.server.port("manhole"))
        known = self.directory / "known_hosts"
        lines = [f"[127.0.0.1]:{port} {self.public(kind)}" for kind in ("ed25519", "ecdsa", "rsa")]
        known.write_text("".join(lines))
        options = ["StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}", "IdentitiesOnly=yes", "ConnectTimeout=10"]
        options += ["NumberOfPasswordPrompts=1", "LogLevel=INFO"]
        chosen = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", "none", "-p", port, "-i", str(key or self.key), *chosen, *args]

    def public(self, kind: str) -> str:
        """The public half of a host key."""
        file = self.directory / "data" / f"ssh_host_{kind}_key"
        command = ["ssh-keygen", "-y", "-f", str(file)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout  # noqa: S603 (ours)

    def ssh(self, *args: str, key: Path | None = None, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run the client to its end, never asking anybody anything."""
        command = self.command("-o", "BatchMode=yes", *args, key=key)
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)

    def run(self, statement: str) -> str:
        """What one command prints."""
        done = self.ssh("127.0.0.1", statement)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def terminal(self, *args: str, columns: int = 100) -> Any:
        """A prompt on a terminal."""
        words = self.command("-t", *args, "127.0.0.1")
        child = pexpect.spawn(
            words[0], words[1:], timeout=PATIENCE, env=environment(TERM="xterm"), dimensions=(24, columns), encoding="utf-8"
        )
        child.expect_exact(">>> ")
        return child


def fingerprint(key: Path) -> list[str]:
    """What ssh-keygen -l says of a key: bits, fingerprint, comment, type."""
    command = ["ssh-keygen", "-l", "-f", str(key)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.split()  # noqa: S603 (ours)


def leave(child: Any) -> int:
    """Wait for the client to end; its exit status."""
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)
