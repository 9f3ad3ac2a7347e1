"""README's first commands and docs/first-steps.md do what they say: a newcomer's afternoon, in a home of the test's own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pexpect
import pytest

from benchmarks.servers import free_port
from tests.live import PATIENCE, SCRIPTS, until
from tests.project.test_documents import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "first-steps.md").read_text()
PASSWORD = "chalk-and-cheese"  # noqa: S105 (nobody's)
QUESTION = re.compile(r"(?:Password for \w+|Once more): ?$")


class Afternoon:
    """Does what the blocks say. Ports and the address are this test's."""

    def __init__(self, home: Path, ports: dict[str, str]) -> None:
        self.home = home
        self.replaced = {"192.168.1.7": "127.0.0.1", **ports}
        self.env = {**os.environ, "HOME": str(home), "PATH": f"{SCRIPTS}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        self.env.pop("XDG_STATE_HOME", None)
        self.log = home / "server.log"
        self.server: subprocess.Popen[bytes] | None = None
        self.client: Any = None

    def do(self, kind: str, text: str) -> None:
        """Do one block."""
        for written, here in self.replaced.items():
            text = text.replace(written, here)
        getattr(self, f"do_{kind}")(text)

    def do_bash(self, text: str) -> None:
        """What can't be run here."""
        subprocess.run(["bash", "-n", "-c", text], check=True)  # noqa: S603, S607 (ours)

    def do_sh(self, text: str) -> None:
        """Run it at a terminal, and give the passwords that it asks for."""
        shell = self.spawn(text)
        while shell.expect([QUESTION, pexpect.EOF]) == 0:
            shell.sendline(PASSWORD)
        assert shell.wait() == 0, f"{text}\n{shell.before}"

    def do_server(self, text: str) -> None:
        """Start it, and wait until it can be asked."""
        with self.log.open("wb") as log:
            self.server = subprocess.Popen(["bash", "-c", f"exec {text}"], env=self.env, cwd=self.home, stdout=log, stderr=log)  # noqa: S603, S607 (ours)
        until(lambda: "lanchat-admin reaches" in self.log.read_text() or self.server.poll(), "the server")  # type: ignore[union-attr]

    def do_client(self, text: str) -> None:
        """Meet the server for the first time, and log in."""
        key = re.search(r"TLS key (SHA256:\S+),", self.log.read_text())
        assert key is not None
        self.client = self.spawn(text)
        self.client.expect_exact(f"New server: its key is {key[1]} and is remembered; any other key will be refused.")
        self.client.expect("Password for teacher: ?")
        self.client.sendline(PASSWORD)
        self.client.expect(r"Stay logged in on this machine.*\[y/N\]")
        self.client.sendline("n")
        self.client.expect("#class>")

    def do_browser(self, text: str) -> None:
        """Open the address, and trust the authority of the server and no other."""
        address, trusted = text.strip(), None
        if address.startswith("https:"):
            with urlopen(f"http://127.0.0.1:{self.replaced['8080']}/ca.pem", timeout=PATIENCE) as answer:
                trusted = ssl.create_default_context(cadata=answer.read().decode())
        with urlopen(address, timeout=PATIENCE, context=trusted) as answer:  # noqa: S310 (ours)
            assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")

    def do_chat(self, text: str) -> None:
        """Type each line; none is refused."""
        for line in text.splitlines():
            self.client.sendline(line)
        self.client.sendline("/time")
        self.client.expect(r"\* Server time")
        assert " ! " not in self.client.before

    def do_telnet(self, text: str) -> None:
        """Come as a guest, with the real telnet where there is one."""
        if shutil.which("telnet"):
            guest = self.spawn(text)
            guest.expect("Your name: ")
            guest.sendline("zoe")
            guest.expect("Welcome zoe!")
            guest.sendline("/quit")
            guest.expect(pexpect.EOF)

    def do_toml(self, text: str) -> None:
        """Check it."""
        file = self.home / "lanchat.toml"
        file.write_text(text)
        self.do_sh(f"lanchat-admin check-config {file}")

    def close(self) -> None:
        """Ctrl-C."""
        if self.client is not None:
            self.client.close(force=True)
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(PATIENCE)

    def spawn(self, text: str) -> Any:
        """Run it at a terminal."""
        return pexpect.spawn(
            "bash", ["-ec", text], env=self.env, cwd=str(self.home), encoding="utf-8", timeout=PATIENCE, dimensions=(50, 200)
        )


@pytest.fixture
def afternoon(tmp_path: Path) -> Iterator[Afternoon]:
    found = Afternoon(tmp_path, {port: str(free_port()) for port in ("5000", "8080", "8443", "5443", "5023")})
    try:
        yield found
    finally:
        found.close()


def test_a_newcomer_gets_from_the_first_line_to_the_last(afternoon: Afternoon) -> None:
    blocks = BLOCK.findall(PAGE)
    *before, last = [number for number, (kind, text) in enumerate(blocks) if kind == "sh" and text.startswith("rm ")]
    assert not before
    for kind, text in blocks[:last]:
        afternoon.do(kind, text)
    handed_out = dict(line.split() for line in (afternoon.home / "passwords.txt").read_text().splitlines())
    assert list(handed_out) == (afternoon.home / "names.txt").read_text().split()
    assert min(map(len, handed_out.values())) == 10
    (afternoon.home / "ben.pw").write_text(handed_out["ben"])
    (afternoon.home / "ben.pw").chmod(0o600)
    afternoon.do("sh", "echo thanks | lanchat --tls 192.168.1.7:5443 --name ben --password-file ben.pw --to '#class'")
    afternoon.client.expect("ben.*thanks")
    afternoon.close()
    for kind, text in blocks[last:]:
        afternoon.do(kind, text)
    assert not (afternoon.home / ".local/state/lanchat").exists()


def test_the_first_commands_of_the_readme_start_the_chat_page_and_lead_to_the_lobby(afternoon: Afternoon) -> None:
    first, second, *_ = (command.replace(".venv/bin/", "") for command in re.findall(r"^    (.*)$", README, re.MULTILINE))
    afternoon.do("server", first.rpartition(" && ")[2])
    (address,) = re.findall(r"<(http:.*)>", README)
    afternoon.do("browser", address)
    afternoon.client = afternoon.spawn(f"{second} localhost:{afternoon.replaced['5000']}")
    afternoon.client.expect("#lobby>")
    afternoon.do("chat", "good morning")
