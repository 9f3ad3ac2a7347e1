"""People who send and fetch files of a real server, with curl as their program."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.live import PATIENCE, Peer, Server, line, until

LOBBY = "#lobby"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


class Got(NamedTuple):
    """What curl got."""

    status: int
    headers: dict[str, str]
    body: bytes
    exit_code: int
    sent: int

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def curl(*args: str | Path, data: bytes | None = None) -> Got:
    """Run curl, with `data` as its standard input, and look at the last answer that it got."""
    command = ["curl", "-s", "--max-time", str(PATIENCE), "-D", "/dev/stderr", "-w", "%{stderr}\n=%{http_code} %{size_upload}"]
    done = subprocess.run([*command, *map(str, args)], input=data, capture_output=True, check=False)  # noqa: S603 (ours)
    heads, _, told = done.stderr.decode("latin-1").rpartition("\n=")
    status, sent = map(int, told.split())
    last = heads.strip().split("\r\n\r\n")[-1] if heads.strip() else ""
    headers = {name.lower(): value for name, value in re.findall(r"^([^:\r\n]+): *(.*?)\r?$", last, re.MULTILINE)}
    return Got(status, headers, done.stdout, done.returncode, sent)


class Person:
    """Somebody in the lobby of a server whose program says hello and knows of files."""

    def __init__(self, server: Server, name: str, kind: str = "json") -> None:
        self._asked = 0
        self.peer = Peer(server.port(kind))
        self.peer.send(name.encode() + b"\n" + line("/hello", "lanchat", v=1, caps=["id", "ack", "room", "file"]))
        self.peer.wait_for("Welcome")

    def ask(self, to: str, msg: str = "", **x: Any) -> dict[str, Any]:
        """Send a command, and return its answer."""
        self._asked += 1
        cid = f"asked{self._asked}"
        self.peer.say(to, msg, **{"cid": cid} | x)
        while (packet := self.peer.packet()).get("x", {}).get("cid") != x.get("cid", cid):
            continue
        return packet

    def may_send(self, size: int, name: str = "file.bin", **x: Any) -> str:
        """Where a file of this size may be sent for the lobby."""
        answer = self.ask("/file", target=LOBBY, name=name, size=size, **x)
        assert "upload" in answer["x"], answer
        url: str = answer["x"]["upload"]["url"]
        return url

    def file(self) -> dict[str, Any]:
        """What is told of the next message with a file, with its text as `msg`."""
        while "file" not in (packet := self.peer.packet()).get("x", {}):
            continue
        told: dict[str, Any] = {**packet["x"]["file"], "msg": packet["msg"]}
        return told

    def send(self, data: bytes, name: str = "file.bin", **x: Any) -> dict[str, Any]:
        """Send a file to the lobby; what is answered."""
        got = curl("-T", "-", "-H", "Expect:", "-H", "Transfer-Encoding:", "-H", f"Content-Length: {len(data)}",
                   self.may_send(len(data), name, **x), data=data)  # fmt: skip
        assert got.status == 201, got
        told: dict[str, Any] = json.loads(got.body)
        return told


def kept(server: Server) -> set[str]:
    """The names of all files that the server keeps, or has begun to."""
    files = server.log.parent / "data" / "files"
    return {path.name for path in files.rglob("*") if path.is_file()} if files.exists() else set()


def nothing_stays(server: Server, before: set[str]) -> None:
    """Wait until the server keeps what it kept before, and nothing else."""
    until(lambda: kept(server) == before, f"only {before} to stay of {kept(server)}")


def open_files(server: Server) -> list[str]:
    """The paths of the files that the server has open below its directory of files."""
    found = []
    for path in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            target = str(path.readlink())
        except OSError:
            continue
        if "/data/files/" in target:
            found.append(target)
    return found
