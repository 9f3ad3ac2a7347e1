"""Programs that run beside a test, and write down what they do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.live import PATIENCE, until


@contextmanager
def program(command: Sequence[str | Path], directory: Path, **variables: str) -> Iterator[Path]:
    """Run a program in a directory, with these variables besides those there are; the file with all that it prints."""
    log = directory / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 (ours)
            command, cwd=directory, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield log
    finally:
        process.kill()
        process.wait(PATIENCE)


def run(command: Sequence[str | Path], directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(  # noqa: S603 (ours)
        command,
        cwd=directory,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def logged(log: Path, text: str, times: int = 1) -> None:
    """Wait until a program has printed something so often."""
    try:
        until(lambda: log.read_text().count(text) >= times, f"{text!r} in what it prints")
    except AssertionError as error:
        raise AssertionError(f"{error}; there was:\n{log.read_text()}") from None
