"""Memory, CPU time and open files of this process, and the sizes of its database, for the metrics.

prometheus_client has most of these, but counts open files by listing them, which takes longer the more users there are. Linux
(from 6.2 on) has the number itself.
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
#: When the process began, in seconds since the epoch, roughly.
STARTED = time.time() - time.process_time()


def versions() -> str:
    """The versions of lanchat, Twisted and Python, for people and the log."""
    return f"lanchat {lanchat.__version__} (Twisted {twisted.__version__}, Python {platform.python_version()})"


def resident_bytes() -> int:
    """The resident memory of the process in bytes; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def cpu_seconds() -> float:
    """The CPU time that the process has used, in seconds."""
    return time.process_time()


def open_files() -> int:
    """The number of open file descriptors; 0 where the system does not say."""
    try:
        return _FILES.stat().st_size or len(os.listdir(_FILES))  # noqa: PTH208 (only names are needed)
    except OSError:
        return 0


def max_files() -> float:
    """The limit on file descriptors of this process; infinite if there is none."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return float("inf") if soft == resource.RLIM_INFINITY else soft


def file_sizes(directory: Path) -> dict[str, int]:
    """The sizes in bytes of the database file and of its write-ahead log, in this directory."""
    ends = {"database": "", "wal": "-wal"}
    return {name: _size(directory / f"{open_db.FILE}{end}") for name, end in ends.items()}


def free_bytes(directory: Path) -> int:
    """The bytes that can still be written to the file system of this directory."""
    return shutil.disk_usage(directory).free


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # (a log is created anew at any time)
