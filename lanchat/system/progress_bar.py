"""Progress: how far it is, on a terminal; nothing elsewhere."""

from __future__ import annotations

import shutil
from typing import TextIO

WIDTH = 24


class Bar:
    """One line on a terminal that is written over and over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None

    def show(self, done: float, text: str) -> None:
        """Show how much is done, from 0 to 1, and what is going on."""
        if self._stream is not None:
            full = round(min(1.0, max(0.0, done)) * WIDTH)
            line = f"[{'#' * full}{'.' * (WIDTH - full)}] {text}"
            print(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Make room for something else."""
        if self._stream is not None:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
