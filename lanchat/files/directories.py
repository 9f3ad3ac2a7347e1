"""Directories of files: made for this user only, and with their names on the disk."""

from __future__ import annotations

import os
from pathlib import Path


def make_directory(directory: Path) -> None:
    """Make a directory, and the one that it is in, if they are not there. Raises `OSError`."""
    for made in (directory.parent, directory):
        try:
            made.mkdir(mode=0o700)
        except FileExistsError:
            continue
        sync_names(made.parent)


def sync_names(directory: Path) -> None:
    """Have the names in a directory on the disk, as a file whose name is lost is lost, too. Raises `OSError`."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
