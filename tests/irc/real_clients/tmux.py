"""A terminal for programs that fill the screen: a window of tmux, where keys are pressed and the screen is read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

from tests.live import PATIENCE, environment, until


class Window:
    """A program in a window of a tmux server of its own, whose socket is in `directory`; the test is skipped without tmux.

    The program has started when `ready` is on the screen.
    """

    def __init__(self, directory: Path, command: list[str], ready: str, columns: int = 120, rows: int = 50) -> None:
        for program in ("tmux", command[0]):
            if not shutil.which(program):
                pytest.skip(f"there is no {program} here")
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._environment = environment(TERM="xterm-256color", LC_ALL="C.UTF-8", HOME=str(directory))
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), *command)
        try:
            self.shows(ready)
        except BaseException:
            self.close()
            raise

    def types(self, text: str) -> None:
        """Type a text."""
        self._run("send-keys", "-l", "--", text)

    def presses(self, *keys: str) -> None:
        """Press keys by tmux's names for them, such as "Enter" and "C-c"."""
        self._run("send-keys", "--", *keys)

    def says(self, text: str) -> None:
        """Type a line: something to say, or a command of the program."""
        self.types(text)
        self.presses("Enter")

    def text(self) -> str:
        """What is on the screen, with rows that were broken for want of room joined again; "" after the program has ended."""
        return self._run("capture-pane", "-p", "-J", check=False)

    def shows(self, *texts: str) -> None:
        """Wait until all these texts are on the screen."""
        self.wait(lambda screen: all(text in screen for text in texts), " and ".join(map(repr, texts)))

    def wait(self, look: Callable[[str], object], what: str) -> None:
        """Wait until it is so on the screen."""
        screen = ""

        def looked() -> bool:
            nonlocal screen
            screen = self.text()
            return bool(look(screen))

        try:
            until(looked, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; there was:\n{screen}") from None

    def has_ended(self) -> None:
        """Wait until the program has ended, and tmux with it."""
        until(lambda: not self.text(), "the end of the program")

    def close(self) -> None:
        """End the program, and tmux."""
        self._run("kill-server", check=False)

    def _run(self, *words: str, check: bool = True) -> str:
        command = [*self._tmux, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=check, timeout=PATIENCE, env=self._environment)  # noqa: S603 (ours)
        return done.stdout

    def __enter__(self) -> Window:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
