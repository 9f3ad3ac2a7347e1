"""A `twistd lanchat` that is ready at once: its modules are imported once, and each server is a fork of this process.

A line of JSON on stdin starts a server: its arguments, and a file for its log. A line with its process id answers. All servers
are killed when stdin ends.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from pathlib import Path

from twisted.scripts.twistd import run

import lanchat.tap  # noqa: F401 (most of the time that a server takes to start is the time to import this)
from lanchat.auth import passwords


def serve(arguments: list[str], log: str) -> None:
    """Become a server, to the end of this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(log).open("wb", buffering=0) as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "lanchat", *arguments]
    try:
        run()
    except BaseException:  # noqa: BLE001 (also what ends a program)
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)


def main() -> None:
    """Start servers as they are asked for."""
    passwords.MIN_PASSWORD = 1  # the suite's accounts have passwords of three characters
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets a server when it has ended
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        server = os.fork()
        if not server:
            serve(request["arguments"], request["log"])
        sys.stdout.write(f"{server}\n")
        sys.stdout.flush()
    os.killpg(0, signal.SIGKILL)  # this process too, which began a session of its own


if __name__ == "__main__":
    main()
