"""Engine: podman or Docker, whose commands are the same in all that is needed here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

#: Seconds that a command may take; making the base image takes longest.
LONGEST = 900.0
#: What podman is told where no systemd makes control groups. Its own default limits may be more than we may give.
SETTINGS = """\
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
"""


class Failed(Exception):
    """A command ended with something other than 0; what it said."""


def run(command: list[str], env: dict[str, str] | None = None, stdin: int | None = subprocess.DEVNULL) -> str:
    """What a command said, without the last line's end; raises `Failed`."""
    try:
        done = subprocess.run(command, env=env, stdin=stdin, capture_output=True, timeout=LONGEST, check=False)  # noqa: S603 (ours)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from None
    said = (done.stdout + (done.stderr if done.returncode else b"")).decode("utf-8", "replace").rstrip("\n")
    if done.returncode:
        raise Failed(f"{' '.join(command[:2])} ended with {done.returncode}:\n{said[-2000:]}")
    return said


class Engine:
    """The commands of one of them."""

    def __init__(self, name: str, directory: Path) -> None:
        """`name` is "podman" or "docker"; its settings, if it needs some of ours, are kept in `directory`."""
        self.name = name
        self.env = dict(os.environ)
        if name == "podman" and not Path("/run/systemd/system").exists():
            settings = directory / "containers.conf"
            settings.write_text(SETTINGS)
            self.env["CONTAINERS_CONF"] = str(settings)

    def __call__(self, *words: str, stdin: int | None = subprocess.DEVNULL) -> str:
        """Run a command of the engine; what it said. Raises `Failed`."""
        return run([self.name, *words], self.env, stdin)

    def has(self, image: str) -> bool:
        """Whether there is such an image here."""
        return bool(self("images", "--quiet", image))

    def build(self, context: Path, base: str, image: str) -> None:
        """Build deploy/Dockerfile in a copy of the tree."""
        # Health checks are Docker's, and no part of the OCI's format. Without layers, the first stage is not left behind.
        form = ["--format=docker", "--layers=false"] if self.name == "podman" else []
        dockerfile = str(context / "deploy" / "Dockerfile")
        self("build", *form, "--build-arg", f"BASE={base}", "--file", dockerfile, "--tag", image, str(context))


def here() -> str:
    """The engine that can be used: Docker where one answers, else podman."""
    if shutil.which("docker"):
        try:
            run(["docker", "info"])
        except Failed:
            return "podman"
        return "docker"
    return "podman"
