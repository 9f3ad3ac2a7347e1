"""A terminal for tests: a command in a pseudo-terminal, and what an emulator of terminals shows of it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import pexpect
import pyte
from pexpect.exceptions import EOF, TIMEOUT

from tests.live import PATIENCE, environment, until


class Terminal:
    """A window of so many columns and rows; without `echo` it shows by itself what is typed.

    It is read when something is waited for.
    """

    def __init__(self, command: list[str], columns: int = 80, rows: int = 24, echo: bool = True, **variables: str) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.Stream(self.screen)
        #: All that came.
        self.raw = ""
        env = environment(**({"TERM": "xterm"} | variables))
        self.process: Any = pexpect.spawn(
            command[0], command[1:], env=env, encoding="utf-8", timeout=PATIENCE, dimensions=(rows, columns), echo=echo
        )

    def types(self, keys: str) -> None:
        """Press keys."""
        self.process.send(keys)

    def rows(self) -> list[str]:
        """What is on the screen, without the blanks at the ends of rows."""
        return [row.rstrip() for row in self.screen.display]

    def text(self) -> str:
        """The rows that are not empty, as one text."""
        return "\n".join(row for row in self.rows() if row)

    def shows(self, text: str) -> None:
        """Wait until a text is on the screen."""
        self.wait(lambda: text in self.text(), text)

    def wait(self, look: Callable[[], bool], what: str) -> None:
        """Wait until it is so."""

        def looked() -> bool:
            self.read()
            return look()

        try:
            until(looked, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; there was:\n{self.text()}") from None

    def read(self) -> None:
        """Take in what came."""
        try:
            text = self.process.read_nonblocking(65536, timeout=0.02)
        except (TIMEOUT, EOF):
            return
        self.raw += text
        self._stream.feed(text)

    def resize(self, columns: int, rows: int = 24) -> None:
        """Make the window another size. Longer rows are cut, as `xterm` does it."""
        self.read()
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.close(force=True)
