"""Standard output and error of the commands; a command whose output can't be written says so, and does not exit with 0."""

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
#: The exit code of most commands when everything worked but the output.
OUTPUT_FAILED = 1
#: The error text for an option that should name a file and is empty.
NO_FILE = "the name of the file or directory is missing"


class OutputError(Exception):
    """Standard output takes no more. The text is one line, or "" if only the reader has gone away, as `head` does."""

    def __init__(self, error: OSError) -> None:
        super().__init__("" if isinstance(error, BrokenPipeError) else f"can't write to stdout: {error.strerror}")


class Parser(ArgumentParser):
    """An `ArgumentParser` that raises `OutputError` when its help can't be written; argparse ignores that."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            print_text(message)
        elif message:
            print_error(message.rstrip("\n"))


def path_argument(text: str) -> Path:
    """The argparse type of options that name a file or directory; raises `ArgumentTypeError` for an empty text.

    An empty text comes of a shell variable that is not set. `Path("")` would be the current directory.
    """
    if not text:
        raise ArgumentTypeError(NO_FILE)
    return Path(text)


def run_command(program: str, run: Callable[[], int | None], output_failed: int = OUTPUT_FAILED) -> int:
    """Run a command and return its exit code: what `run` returned (None counts as 0), or `output_failed` if only output failed.

    A `SystemExit` in the command, as of `--help`, is treated the same.
    """
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what its encoding lacks is escaped; Python would raise
    code, why = _run_to_exit_code(run, output_failed)
    try:
        flush()
    except OutputError as error:
        why = why or (None if code else str(error))
        code = code or output_failed
    if why:
        print_error(f"{program}: {why}")
    for stream in (sys.stdout, sys.stderr):
        _discard_unwritten(stream)
    return code


def print_text(text: str) -> None:
    """Print a text on stdout and flush it; a newline is added if it has none at its end. Raises `OutputError`."""
    write(text if text.endswith("\n") else f"{text}\n")
    flush()


def write(text: str) -> None:
    """Write a text to stdout without flushing it. Raises `OutputError`."""
    try:
        sys.stdout.write(text)
    except OSError as error:
        raise OutputError(error) from None


def print_file(file: BinaryIO) -> None:
    """Copy the bytes of an open file to stdout. Raises `OutputError`."""
    try:
        shutil.copyfileobj(file, sys.stdout.buffer)
    except OSError as error:
        raise OutputError(error) from None
    flush()


def flush() -> None:
    """Write out what stdout has buffered. Raises `OutputError` if that fails."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(error) from None


def print_error(line: str) -> None:
    """Print a line on stderr; errors are ignored, as there is nowhere left to report them."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def open_standard_streams() -> None:
    """Open /dev/null in the place of stdin, stdout and stderr where they are closed, as cron and others may leave them.

    Otherwise the first file or socket that is opened would get their descriptor. Writing to stdout still fails, as it would
    have.
    """
    for descriptor, flags in ((STDIN, os.O_RDONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        if not _is_open(descriptor):
            os.open(os.devnull, flags)  # this takes the lowest descriptor that is free: the one that was closed
    sys.stdin = sys.stdin or os.fdopen(STDIN, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or _stream(STDOUT)
    sys.stderr = sys.stderr or _stream(STDERR)


def _run_to_exit_code(run: Callable[[], int | None], output_failed: int) -> tuple[int, str | None]:
    """The exit code of a command, and the text of its `OutputError`, or None."""
    try:
        return run() or 0, None
    except OutputError as error:
        return output_failed, str(error)
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


def _discard_unwritten(stream: TextIO) -> None:
    """If a stream can't be flushed, redirect it to /dev/null: else Python would retry at exit, and print its own error."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
