"""Printing: stdout and stderr of our commands. What can't be written there is told, and never ends with exit code 0."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, TextIO

STDIN, STDOUT, STDERR = 0, 1, 2
#: The exit code of most commands when they did everything but print it.
NOT_PRINTED = 1
#: What is told of an option that should name a file.
NO_FILE = "the name of the file or directory is missing"


class NotPrinted(Exception):
    """Stdout took no more; `str()` says why in a line, and is "" if only its reader has gone, as `head` does."""

    def __init__(self, error: OSError) -> None:
        super().__init__("" if isinstance(error, BrokenPipeError) else f"can't write to stdout: {error.strerror}")


class Parser(ArgumentParser):
    """Raises `NotPrinted` when its help can't be written, where argparse says nothing."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            show(message)
        elif message:
            complain(message.rstrip("\n"))


def path(text: str) -> Path:
    """The type of options that name a file or a directory; raises `ArgumentTypeError`, which argparse tells.

    An empty name, as of a variable that is not set, is none: for `Path` it would be the current directory.
    """
    if not text:
        raise ArgumentTypeError(NO_FILE)
    return Path(text)


def checked(program: str, run: Callable[[], int | None], not_printed: int = NOT_PRINTED) -> int:
    """Run a command; its exit code (None is 0), or `not_printed` if all went well but what it printed can't be written.

    What ends the command with `SystemExit`, as `--help` does, is treated the same.
    """
    open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what its encoding lacks is escaped; Python would raise
    code, why = _run(run, not_printed)
    try:
        flush()
    except NotPrinted as error:
        why = why or (None if code else str(error))
        code = code or not_printed
    if why:
        complain(f"{program}: {why}")
    for stream in (sys.stdout, sys.stderr):
        _leave(stream)
    return code


def show(text: str) -> None:
    """Print a text on stdout, with a newline at its end, and at once; raises `NotPrinted`."""
    write(text if text.endswith("\n") else f"{text}\n")
    flush()


def write(text: str) -> None:
    """Print a text on stdout, with others that follow; raises `NotPrinted`."""
    try:
        sys.stdout.write(text)
    except OSError as error:
        raise NotPrinted(error) from None


def copy(file: BinaryIO) -> None:
    """Print what is in an open file on stdout, byte by byte; raises `NotPrinted`."""
    try:
        shutil.copyfileobj(file, sys.stdout.buffer)
    except OSError as error:
        raise NotPrinted(error) from None
    flush()


def flush() -> None:
    """Print what was written; raises `NotPrinted`."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise NotPrinted(error) from None


def complain(line: str) -> None:
    """Print a line on stderr, if anybody takes it there."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def open_closed() -> None:
    """Cron and the like may start us with stdin, stdout or stderr closed: open /dev/null there.

    Otherwise the first file or socket that is opened would take its place. Writing to stdout fails then, as it would have.
    """
    for descriptor, flags in ((STDIN, os.O_RDONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        if not _is_open(descriptor):
            os.open(os.devnull, flags)  # this takes the lowest descriptor that is free: the one that was closed
    sys.stdin = sys.stdin or os.fdopen(STDIN, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or _stream(STDOUT)
    sys.stderr = sys.stderr or _stream(STDERR)


def _run(run: Callable[[], int | None], not_printed: int) -> tuple[int, str | None]:
    """The exit code of a command, and why it could print no more, if so."""
    try:
        return run() or 0, None
    except NotPrinted as error:
        return not_printed, str(error)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            raise
        return ended.code or 0, None


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _stream(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _leave(stream: TextIO) -> None:
    """What a stream could not write goes nowhere, or Python would try again when it ends, and complain in its own words."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
