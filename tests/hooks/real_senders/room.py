"""A server with a webhook of its lobby, and somebody there who reads what is said; and the commands of the manual."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server

ROOM = "#ops"
#: The manual, whose commands are run.
MANUAL = Path(__file__).parents[3] / "docs" / "automation.md"


class HookedRoom:
    """A room with a webhook."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = Server(directory, "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", ROOM)
        try:
            self.host = f"127.0.0.1:{self.server.port('browsers')}"
            self.secret = self._make("alerts")
            self.reader = self._enter()
        except BaseException:
            self.server.stop()
            raise

    def restart(self) -> None:
        """Start the server again, at the same port for programs, after it has ended."""
        self.reader.close()
        port = f"tcp:{self.host.rpartition(':')[2]}:interface=127.0.0.1"
        self.server = Server(self.directory, "--port", LOOPBACK, "--http", port, "--lobby", ROOM)
        self.reader = self._enter()

    def _enter(self) -> Peer:
        """Somebody in the room, who is shown its last messages."""
        reader = Peer(self.server.port())
        reader.send(b"reader\n")
        reader.say("/hello", "test", v=1, caps=["id", "room", "ack"])
        reader.wait_for("Welcome")
        return reader

    @property
    def address(self) -> str:
        """Where programs post."""
        return f"http://{self.host}/hooks/{self.secret}"

    def admin(self, *words: str) -> str:
        """What `lanchat-admin` prints for a command that it does."""
        command = [str(SCRIPTS / "lanchat-admin"), "--data", str(self.directory / "data"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
        return done.stdout

    def _make(self, name: str) -> str:
        """Make a webhook; its secret."""
        found = re.search("/hooks/([A-Za-z0-9]+)", self.admin("hook", "add", name, "--room", ROOM))
        assert found
        return found[1]

    def next(self) -> dict[str, Any]:
        """The next packet with what the webhook says."""
        while (packet := self.reader.packet())["from"]["name"] != "alerts" or packet["to"] != ROOM:
            continue
        assert packet["x"]["bot"] is True
        return packet

    def said(self) -> str:
        """The next text that the webhook says."""
        text: str = self.next()["msg"]
        return text

    def nothing_more(self) -> bool:
        """Whether the webhook has said nothing more until now."""
        self.reader.say(ROOM, "end of the test", cid="end")
        while (packet := self.reader.packet())["x"].get("cid") != "end":
            assert packet["from"]["name"] != "alerts", packet
        return True

    def close(self) -> None:
        """End the server."""
        self.reader.close()
        self.server.stop()


def examples(heading: str, room: HookedRoom) -> list[str]:
    """The blocks of commands under a heading of the manual, with this server and this webhook in the place of the examples'."""
    section = re.split(r"\n#+ ", MANUAL.read_text().partition(f"# {heading}\n")[2])[0]
    return [
        real(re.sub("(?m)^    ", "", block), room) for block in re.findall(r"(?m)(?:^    .*\n)+(?:\n?(?:^    .*\n)+)*", section)
    ]


def real(text: str, room: HookedRoom) -> str:
    """A text of the manual with this server and this webhook."""
    names = {
        "chat.lan:8080": room.host,
        "ADDRESS": room.address,
        "FIRST": room.secret[:16],
        "SECOND": room.secret[16:],
        "SECRET": room.secret,
    }
    for example, value in names.items():
        text = text.replace(example, value)
    return text
