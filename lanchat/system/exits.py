"""Ends a server that can't start, with a line that says why and an exit status that says whether to try again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import NoReturn


def exit_with_errors(errors: Iterable[str]) -> NoReturn:
    """Print the errors of the configuration and exit with EX_CONFIG (sysexits.h): starting again is of no use."""
    _print_lines(f"lanchat: {line}" for line in errors)
    raise SystemExit(os.EX_CONFIG)


class CannotStart(SystemExit, Exception):
    """The server can't start; the text says why in one line.

    As a `SystemExit` it ends the process with that line and no traceback. As an `Exception` twistd reports it to the terminal
    after it has gone to the background; for anything else the terminal would wait.
    """

    def __init__(self, text: str, *, mistake: bool = False) -> None:
        """A `mistake` of the configuration is printed at once, and ends the process with EX_CONFIG instead of 1."""
        super().__init__(text)
        if mistake:
            self.code = os.EX_CONFIG
            _print_lines([text])


def _print_lines(lines: Iterable[str]) -> None:
    if sys.stderr:  # None if it was closed when Python started
        sys.stderr.writelines(f"{line}\n" for line in lines)
