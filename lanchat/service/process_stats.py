"""Machine: what the process, and what is kept, take of it. To look at it all takes a few calls of the system.

Prometheus' library could say most of it, but to count the open files it would list them, which takes the longer the more users
there are. The system knows the number (Linux from 6.2 on).
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import time
from pathlib import Path

import lanchat
import twisted
from lanchat.store import open_db

_FILES = Path("/proc/self/fd")
_PAGE = resource.getpagesize()
#: When the process began, as nearly as it matters.
STARTED = time.time() - time.process_time()


def versions() -> str:
    """What runs here, for the log and for people."""
    return f"lanchat {lanchat.__version__} (Twisted {twisted.__version__}, Python {platform.python_version()})"


def resident() -> int:
    """Bytes of memory that the process has; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def cpu() -> float:
    """Seconds of a processor that it took so far."""
    return time.process_time()


def open_files() -> int:
    """Descriptors that it has open; 0 where the system does not say."""
    try:
        return _FILES.stat().st_size or len(os.listdir(_FILES))  # noqa: PTH208 (names alone)
    except OSError:
        return 0


def most_files() -> float:
    """Descriptors that it may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return float("inf") if soft == resource.RLIM_INFINITY else soft


def sizes(directory: Path) -> dict[str, int]:
    """Bytes of what is kept: the database, and what was committed and is not in it yet."""
    ends = {"database": "", "wal": "-wal"}
    return {name: _size(directory / f"{open_db.FILE}{end}") for name, end in ends.items()}


def free(directory: Path) -> int:
    """Bytes that can still be written where it is kept."""
    return shutil.disk_usage(directory).free


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # (a log is made anew at any time)
