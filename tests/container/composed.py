"""Composed: compose.yaml as it stands, up and down, with the compose command of the engine."""

from __future__ import annotations

import shutil
import socket
import time

from tests.container.engine import Engine, run
from tests.container.running import COMPOSE, Container
from tests.live import PATIENCE, login, until


class Project:
    """What compose.yaml describes, under a name and on a port of its own."""

    def __init__(self, engine: Engine, command: str, image: str, name: str) -> None:
        self.port = _free_port()
        self._engine = engine
        self._command = [command, "--file", str(COMPOSE), "--project-name", name]
        self._label = f"label=com.docker.compose.project={name}"
        self._env = engine.env | {"IMAGE": image, "LANCHAT_PORT": str(self.port)}

    def up(self) -> Container:
        """Start it, and wait until it is healthy; raises `Failed`."""
        run([*self._command, "up", "-d"], self._env)
        container = Container(self._engine, self._engine("ps", "--quiet", "--filter", self._label))
        until(lambda: container.health() == "healthy", "the project to be healthy", PATIENCE * 3)
        return container

    def down(self, *more: str) -> None:
        """Take it away; its volume stays unless "-v" is said. Raises `Failed`."""
        run([*self._command, "down", *more], self._env)


def composed_with(engine: Engine, image: str, name: str) -> str:
    """Up, an account and a message, down, up: both are there. Says so, or that there is no command to try it with."""
    command = shutil.which(f"{engine.name}-compose")
    if command is None:
        return f"not tried: {engine.name}-compose is not installed"
    project = Project(engine, command, image, name)
    begun = time.monotonic()
    try:
        container = project.up()
        took = time.monotonic() - begun
        container.do("sh", "-c", "echo a-long-password | lanchat-admin account add ann --password-stdin")
        with login(project.port, "bob") as bob:
            bob.say("ann", "are you there?")
            bob.wait_for("kept")
        project.down()
        kept = project.up().do("sh", "-c", "lanchat-admin account list; lanchat-admin export")
    finally:
        project.down("-v")
    assert "ann " in kept, kept
    assert "are you there?" in kept, kept
    return f"{engine.name}-compose up: healthy after {took:.0f} s; down, and up again: the account and the message are there"


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("0.0.0.0", 0))  # noqa: S104 (as compose.yaml does)
        return int(bound.getsockname()[1])
