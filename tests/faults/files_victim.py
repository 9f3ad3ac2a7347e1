"""A server that is killed at one step of what it does with a file: `python -m tests.faults.files_victim STEP twistd ...`.

It is the real server, in a process of its own, with one function replaced by one that kills the process (SIGKILL) before or
after it has done what it does.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from twisted.scripts.twistd import run


class Step(NamedTuple):
    """Where the process is killed."""

    #: The module, and the name of the function in it, perhaps with its class.
    module: str
    function: str
    #: Whether the function has done its work then.
    after: bool


_WRITER, _BLOBS, _TABLE = "lanchat.files.blob_writer", "lanchat.files.blobs", "lanchat.tables.files"
#: The steps of an upload, in order.
UPLOAD = {
    "opened": Step(_WRITER, "BlobWriter._open", after=True),
    "partly written": Step(_WRITER, "BlobWriter._store", after=True),
    "written": Step(_WRITER, "BlobWriter._complete", after=False),
    "synced": Step(_WRITER, "BlobWriter._complete", after=True),
    "renaming": Step(_BLOBS, "_rename", after=False),
    "renamed": Step(_BLOBS, "sync_names", after=False),
    "in its place": Step(_BLOBS, "_rename", after=True),
    "inserting": Step(_TABLE, "insert", after=False),
    "inserted": Step(_TABLE, "insert", after=True),
    "committed": Step("lanchat.core.uploads", "Uploads.stored", after=True),
    "answering": Step("lanchat.webchat.uploads", "told_of", after=False),
}
#: And those of a withdrawal, until the file is gone.
WITHDRAWAL = {
    "forgetting": Step(_TABLE, "forget", after=False),
    "forgotten": Step(_TABLE, "forget", after=True),
    "taking": Step(_TABLE, "TakeUnneeded.run", after=False),
    "taken": Step(_TABLE, "TakeUnneeded.run", after=True),
    "unlinking": Step(_BLOBS, "Blobs._unlink", after=False),
    "unlinked": Step(_BLOBS, "Blobs._unlink", after=True),
}
STEPS = UPLOAD | WITHDRAWAL


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(function: Callable[..., Any], after: bool) -> Callable[..., Any]:
    """The function, but the process is killed before or after it."""

    @wraps(function)
    async def wait(*given: Any, **named: Any) -> Any:
        if after:
            await function(*given, **named)
        _die()

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        if after:
            function(*given, **named)
        _die()

    return wait if asyncio.iscoroutinefunction(function) else call


def main() -> None:
    """Prepare the step, and run the server."""
    step = STEPS[sys.argv[1]]
    owner: Any = importlib.import_module(step.module)
    *classes, name = step.function.split(".")
    for one in classes:
        owner = getattr(owner, one)
    setattr(owner, name, _deadly(getattr(owner, name), step.after))
    sys.argv = sys.argv[2:]
    run()


if __name__ == "__main__":
    main()
