"""Safekeeping: where files are that nobody else may read or change, and how they are written."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

#: The rights of others to files: to write, and any at all.
WRITE, ANY = 0o022, 0o077

#: Where systemd puts what it hands to services (systemd.exec(5), Credentials).
CREDENTIALS = Path("/run/credentials")


class Refused(Exception):
    """Files that can't be used. The text is one line, and says what to do."""


def default_data() -> Path:
    """Where systemd says, else where the user's programs keep their state (XDG Base Directory Specification)."""
    if directory := os.environ.get("STATE_DIRECTORY"):
        return Path(directory.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lanchat"


def handed_over(path: Path) -> bool:
    """Whether systemd keeps it for one service alone, which the rights of a file there need not show: an ACL may say it."""
    places = {CREDENTIALS, Path(os.environ.get("CREDENTIALS_DIRECTORY") or CREDENTIALS).resolve()}
    return not places.isdisjoint(Path(os.path.realpath(path)).parents)  # (`resolve` raises where links go in circles)


def read_file(path: Path, most: int = -1) -> tuple[os.stat_result, bytes]:
    """What is known of a file, and what is in it, or so many bytes of that; raises `OSError`, also for a pipe or a device."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return found, file.read(most)


def keep(path: Path, content: bytes) -> None:
    """Write a file that only we may read: whole, or not at all. Raises `OSError`."""
    part = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:  # noqa: PTH123 (a descriptor)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def refuse(mistakes: Iterable[str]) -> NoReturn:
    """Tell what is wrong with the options, and end with a status that says: to start again is no use (sysexits.h)."""
    sys.stderr.writelines(f"lanchat: {line}\n" for line in mistakes)
    raise SystemExit(os.EX_CONFIG)


class CannotStart(SystemExit, Exception):
    """Why the server does not start, in one line.

    As a `SystemExit` it ends the process with that line and no traceback, which would help nobody. As an `Exception` it is
    what twistd reports to the terminal when it has gone to the background already; for anything else the terminal would wait.
    """
