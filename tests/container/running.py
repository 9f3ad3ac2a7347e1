"""Running: a container with the settings of compose.yaml, the health check quicker, and ports on loopback."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import yaml

from tests.container.engine import Engine, Failed
from tests.live import until

COMPOSE = Path(__file__).parent.parent.parent / "compose.yaml"
PORT, TLS = 5000, 5443


def service() -> dict[str, Any]:
    """What compose.yaml says of the server."""
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]["lanchat"]
    return read


def options() -> list[str]:
    """The same, as options of `run`, but for what needs a network or a volume."""
    said = service()
    found = [f"--memory={said['mem_limit']}", f"--pids-limit={said['pids_limit']}"]
    found += [f"--ulimit={name}={most}" for name, most in said["ulimits"].items()]
    found += [f"--cap-drop={each}" for each in said["cap_drop"]] + [f"--security-opt={each}" for each in said["security_opt"]]
    found += [f"--tmpfs={each}" for each in said["tmpfs"]]
    return found + ["--read-only"] * said["read_only"]


def start(engine: Engine, image: str, name: str, volume: str, *more: str) -> Container:
    """A server, with a port for TLS besides the other, once it listens; raises `Failed`."""
    container = Container(engine, name)
    ports = [f"--publish=127.0.0.1::{port}" for port in (PORT, TLS)]
    health = ["--health-interval=1s"] if engine.name == "docker" else []
    command = ["--port", str(PORT), "--tls", str(TLS)]
    try:
        engine("run", "--detach", f"--name={name}", f"--volume={volume}:/data", *ports, *health, *more, image, *command)
        until(lambda: container.log().count("listening for") >= 2 or not container.runs(), "the server to listen")
        if not container.runs():
            raise Failed(f"the server ended at once:\n{container.log()[-1000:]}")
    except BaseException:
        container.remove()
        raise
    return container


class Container:
    """A server that runs, or did."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    def log(self) -> str:
        """All that it wrote."""
        return self._engine("logs", self.name)

    def runs(self) -> bool:
        """Whether it is still there."""
        return self._inspected("{{.State.Running}}") == "true"

    def port(self, inside: int = PORT) -> int:
        """Where a port of the container is on this machine."""
        return int(self._engine("port", self.name, f"{inside}/tcp").rsplit(":", 1)[1])

    def do(self, *command: str) -> str:
        """Run a command inside; what it said. Raises `Failed`."""
        return self._engine("exec", self.name, *command)

    def health(self) -> str:
        """What its health check found; asked for by hand where podman has no systemd to do it."""
        if self._engine.name == "podman":
            with contextlib.suppress(Failed):
                self._engine("healthcheck", "run", self.name)
        return self._inspected("{{.State.Health.Status}}")

    def changed(self) -> list[str]:
        """Which files differ from the image's, outside of what is mounted."""
        listed = self._engine("diff", self.name).splitlines()
        return [line for line in listed if line and line not in ("C /etc", "C /run")]  # the engine's own

    def stop(self, seconds: int) -> int:
        """Send SIGTERM, and SIGKILL after so many seconds; the exit status."""
        self._engine("stop", "--time", str(seconds), self.name)
        return int(self._inspected("{{.State.ExitCode}}"))

    def remove(self) -> None:
        """Take it away, whatever it does; the volume stays."""
        with contextlib.suppress(Failed):
            self._engine("rm", "--force", self.name)

    def _inspected(self, template: str) -> str:
        return self._engine("inspect", "--format", template, self.name)
