"""The reactor of a real server: which one it is, and that nothing is lost by sending at once."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.live import LOOPBACK, PATIENCE, Server, line, login, twistd, until


def test_the_plain_command_brings_its_own_reactor(server: Server) -> None:
    server.logged("reactor class: lanchat.reactor.Reactor")


def test_another_may_be_chosen(tmp_path: Path) -> None:
    command = twistd(tmp_path, "--port", LOOPBACK)
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([command[0], "--reactor=poll", *command[1:]], cwd=tmp_path, stdout=out, stderr=out)  # noqa: S603 (ours)
    try:
        until(lambda: "listening for json clients" in log.read_text(), "the server to listen")
        assert "reactor class: twisted.internet.pollreactor.PollReactor" in log.read_text()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_what_the_system_does_not_take_at_once_comes_later_whole_and_in_order(server: Server) -> None:
    with login(server.port(), "slow") as slow, login(server.port(), "ann") as ann:
        texts = [f"{n}-" + "x" * 9000 for n in range(20)]
        ann.send(b"".join(line("slow", text) for text in texts) + line("/time"))
        assert ann.wait_for("Server time")  # all has been relayed, and nothing read yet
        assert [slow.packet()["msg"] for _ in texts] == texts
