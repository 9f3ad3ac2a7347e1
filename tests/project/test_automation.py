"""The recipes of docs/automation.md: their scripts are run against a real server, as they stand there."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.admin.test_admin import admin
from tests.live import LOOPBACK, PATIENCE, Peer, Server, login, until
from tests.webchat.chat import make_account

DOCUMENT = Path(__file__).parents[2] / "docs" / "automation.md"
#: Blocks of the document that are run, or read by a program: by their sections.
BLOCKS = {
    title: [
        textwrap.dedent(block).strip("\n") + "\n"
        for block in re.findall(r"(?:^(?:    .*)?\n)+", section, re.MULTILINE)
        if block.strip()
    ]
    for title, section in re.findall(r"^##+ (.*)\n((?:(?!##).*\n)*)", DOCUMENT.read_text(), re.MULTILINE)
}
needs_tools = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="there is no curl or jq")
pytestmark = needs_tools


class Place:
    """A server with a lobby #ops, an account bot with a token, and a webhook."""

    def __init__(self, server: Server) -> None:
        self.server = server
        for name in ("bot", "ann"):
            make_account(server, name)
        self.secret = str(self.administer("hook", "add", "machine", "--room", "#ops")["url"]).rpartition("/")[2]
        self.chat = f"http://127.0.0.1:{server.port('browsers')}"
        self.token = str(self.administer("token", "bot")["token"])

    def administer(self, *arguments: str) -> dict[str, Any]:
        """What `lanchat-admin` answers."""
        result = admin(self.server.log.parent / "data", "--json", *arguments)
        assert result.returncode == 0, result.stderr
        facts: dict[str, Any] = json.loads(result.stdout)
        return facts

    def written(self, text: str) -> str:
        """What stands in the document, with this server's address and secret."""
        return text.replace("http://chat.lan:8080", self.chat).replace("SECRET", self.secret)

    @contextmanager
    def running(self, title: str, directory: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """The script of a section, which runs until the end of the block, with all that it has started."""
        script = directory / "script"
        script.write_text(next(block for block in BLOCKS[title] if block.startswith("#!")))
        script.chmod(0o700)
        environment = {"CHAT": self.chat, "HOOK": f"{self.chat}/hooks/{self.secret}", "TOKEN": self.token, **more}
        process = subprocess.Popen(  # noqa: S603 (ours)
            [str(script), *arguments],
            cwd=directory,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):  # (it may have ended by itself)
                os.killpg(process.pid, 9)
            process.communicate(timeout=PATIENCE)

    def is_read(self) -> bool:
        """Whether the account of the program is online."""
        with login(self.server.port(), "looker") as peer:
            peer.say("/list")
            return "bot" in peer.packet()["msg"]

    def until_read(self) -> None:
        """Wait until a stream is open."""
        until(self.is_read, "the stream")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", "#ops")
    with Server(tmp_path_factory.mktemp("server"), *options) as server:
        yield Place(server)


@pytest.fixture
def gil(place: Place) -> Iterator[Peer]:
    """Somebody in the lobby."""
    with login(place.server.port(), "gil") as peer:
        yield peer


def is_at_end(pid: int, file: Path) -> bool:
    """Whether a program that this process has started has a file open, and is at its end."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        for opened in Path(f"/proc/{child}/fd").iterdir():
            if os.path.realpath(opened) == str(file):
                place = re.search(r"pos:\s+(\d+)", Path(f"/proc/{child}/fdinfo/{opened.name}").read_text())
                return place is not None and int(place[1]) == file.stat().st_size
    return False


def next_of(peer: Peer, name: str = "machine") -> str:
    """The next text from a sender."""
    while (packet := peer.packet())["from"]["name"] != name:
        continue
    return str(packet["msg"]).removeprefix("[#ops] ")


def test_the_bot_answers_also_what_was_asked_while_it_was_away(place: Place, gil: Peer, tmp_path: Path) -> None:
    with place.running("A bot", tmp_path):
        place.until_read()
        gil.say("#ops", "!uptime")
        assert "load average" in next_of(gil)
        until((tmp_path / "bot.last").exists, "the place")
    until(lambda: not place.is_read(), "the end of the stream")
    gil.say("#ops", "!disk")
    with place.running("A bot", tmp_path):
        assert "Filesystem" in next_of(gil)


def test_commands_are_for_some_people_only_and_nothing_else_gets_through(place: Place, gil: Peer, tmp_path: Path) -> None:
    deploy = tmp_path / "deploy"
    deploy.write_text('#!/bin/sh\necho "deployed $1"\n')
    deploy.chmod(0o700)
    with place.running("Commands for some people only", tmp_path), Peer(place.server.port()) as ann:
        ann.send(b"ann\n")
        ann.wait_for("is an account's")
        ann.say("/login", "correct horse")
        ann.wait_for("Welcome")
        place.until_read()
        gil.say("#ops", "!deploy from-gil")
        for text in ("!deploy web; rm -rf /", "!deploy $(id)", "!deploy ../x", "!deploy a\n!deploy b", "!deploy web"):
            ann.say("#ops", text)
        assert next_of(gil) == "deployed web"


def test_lines_of_a_log_are_said(place: Place, gil: Peer, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("ERROR old\n")
    with place.running("Lines of a log", tmp_path, LOG=str(log)) as running:
        until(lambda: is_at_end(running.pid, log), "tail to be at the end of the file")
        with log.open("a") as out:
            out.write("fine\nERROR $(id) \\n\n")
        assert next_of(gil) == "ERROR $(id) \\n"


def test_a_report_comes_once_a_night(place: Place, gil: Peer, tmp_path: Path) -> None:
    for _ in range(2):
        with place.running("A report each night", tmp_path) as running:
            assert running.wait(PATIENCE) == 0
    assert next_of(gil).startswith(f"Disks of {socket.gethostname()}:")
    gil.say("gil", "nothing came between")
    assert gil.packet()["msg"] == "nothing came between"


def test_a_file_each_night_is_sent_once(place: Place, gil: Peer, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("hello")
    for _ in range(2):
        with place.running("A file each night", tmp_path, FROM=str(tmp_path / "site"), TMPDIR=str(tmp_path)) as running:
            assert running.wait(PATIENCE) == 0
            assert running.stdout is not None
            url = json.loads(running.stdout.read())["url"]
    title, sentence = next_of(gil).splitlines()
    assert title == f"Backup of {socket.gethostname()}"
    assert re.match(r"site-\d{4}-\d\d-\d\d\.tgz \(\d+ bytes\): http://", sentence)
    gil.say("gil", "nothing came between")
    assert gil.packet()["msg"] == "nothing came between"
    fetched = subprocess.run(["curl", "-fsS", url], capture_output=True, check=True, timeout=PATIENCE).stdout  # noqa: S603, S607 (ours)
    with tarfile.open(fileobj=io.BytesIO(fetched)) as archive:
        assert "./index.html" in archive.getnames()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp.")] == []


def test_only_what_fails_is_said(place: Place, gil: Peer, tmp_path: Path) -> None:
    for command in (["true"], ["sh", "-c", "echo that is why; exit 7"]):
        with place.running("Only what fails", tmp_path, *command) as running:
            assert running.wait(PATIENCE) == 0
    assert next_of(gil) == f"sh failed (7) on {socket.gethostname()}\nthat is why"


def test_the_unit_says_what_failed(place: Place, gil: Peer) -> None:
    unit = place.written(next(block for block in BLOCKS["Only what fails"] if block.startswith("[Service]")))
    command = re.search(r"^ExecStart=(.*)", unit, re.MULTILINE)
    assert command is not None
    line = command[1].replace("%i", "backup.service").replace("%H", "db1")
    subprocess.run(["/bin/sh", "-c", line], check=True, timeout=PATIENCE)  # noqa: S603 (ours)
    assert next_of(gil) == "backup.service failed on db1"


def test_the_step_of_a_build_says_what_became_of_it(place: Place, gil: Peer) -> None:
    step = next(block for block in BLOCKS["Builds of Gitea and Forgejo"] if "run:" in block).partition("run: ")[2]
    for name, value in {
        "github.repository": "ops/site",
        "job.status": "failure",
        "secrets.HOOK": f"{place.chat}/hooks/{place.secret}",
    }.items():
        step = step.replace("${{ " + name + " }}", value)
    subprocess.run(["/bin/sh", "-c", step], check=True, timeout=PATIENCE)  # noqa: S603 (ours)
    assert next_of(gil) == "ops/site: failure"


def test_the_reader_in_python_misses_nothing(place: Place, gil: Peer, tmp_path: Path) -> None:
    with place.running("Reading with Python, and missing nothing", tmp_path) as running:
        assert running.stdout is not None
        place.until_read()
        gil.say("#ops", "one")
        assert running.stdout.readline() == "gil one\n"
        place.administer("token", "bot", "--revoke")  # (which ends the stream)
        assert "401" in running.stdout.readline()
    place.token = str(place.administer("token", "bot")["token"])


def test_the_receiver_takes_what_is_signed_right(place: Place, gil: Peer, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = place.administer("hook", "add", "mirror", "--room", "#ops", "--post", f"http://127.0.0.1:{port}/")
    title = "A receiver for an outgoing webhook"
    with place.running(title, tmp_path, SECRET=made["secret"], PORT=str(port)) as running:
        assert running.stdout is not None
        gil.say("#ops", "to the receiver")
        while "#ops gil to the receiver\n" not in (line := running.stdout.readline()):
            assert line, "the receiver has ended"
        forged = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "{}", f"http://127.0.0.1:{port}/"]
        assert subprocess.run(forged, capture_output=True, text=True, check=True).stdout == "403"  # noqa: S603 (ours)
    place.administer("hook", "remove", "mirror")


@pytest.mark.skipif(shutil.which("amtool") is None, reason="there is no Alertmanager")
def test_the_configuration_for_alerts_is_one(place: Place, tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text(place.written(BLOCKS["Alerts of Prometheus"][0]))
    checked = ["amtool", "check-config", str(tmp_path / "alertmanager.yml")]
    subprocess.run(checked, check=True, timeout=PATIENCE, capture_output=True)  # noqa: S603 (ours)


def test_the_commands_of_the_sections_before_are_right(place: Place, gil: Peer) -> None:
    stream = next(block for block in BLOCKS["Streams"] if block.startswith("curl"))
    command = place.written(stream).replace("Bearer TOKEN", f"Bearer {place.token}").strip()
    with subprocess.Popen(["/bin/sh", "-c", f"exec {command}"], stdout=subprocess.PIPE, text=True) as curl:  # noqa: S603 (ours)
        assert curl.stdout is not None
        assert curl.stdout.readline() == "\n"
        gil.say("#ops", "hello")
        packet = json.loads(curl.stdout.readline())
        curl.kill()
    shown = json.loads(next(block for block in BLOCKS["Streams"] if block.startswith("{")))
    assert set(packet) == set(shown)
    assert set(packet["x"]) == set(shown["x"])
