"""The number of files and connections that a process may have open."""

from __future__ import annotations

import resource

#: The limit on file descriptors where the system sets none: Linux allows no more in one process.
MAX_FILES = 1_048_576


def raise_file_limit() -> int:
    """Raise the soft limit on file descriptors (often 1,024) to the hard limit, and return it; each client takes one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return MAX_FILES if hard == resource.RLIM_INFINITY else hard
