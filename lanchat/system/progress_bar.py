"""A progress bar for commands that take long."""

from __future__ import annotations

import shutil
from typing import TextIO

WIDTH = 24


class ProgressBar:
    """A progress bar in one line of a terminal, redrawn in place; if the stream is no terminal, it prints nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None

    def show(self, done: float, text: str) -> None:
        """Draw the bar for the fraction `done`, from 0 to 1, with a text behind it."""
        if self._stream is not None:
            full = round(min(1.0, max(0.0, done)) * WIDTH)
            line = f"[{'#' * full}{'.' * (WIDTH - full)}] {text}"
            print(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Erase the line, so that something else can be printed."""
        if self._stream is not None:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
