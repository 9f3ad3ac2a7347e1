"""What the fuzzing of gateways has in common: how an input is cut into segments, and what is wrong besides the answers.

The first byte of an input says how the rest is cut into segments: "s" at each "~" (nothing between two of them is a
silence), anything else is how many lengths follow. A segment that begins with "*" comes many times over, so that a small
input can go over every limit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.logger import ILogObserver, LogEvent, globalLogBeginner, globalLogPublisher
from zope.interface import implementer

#: Segments in one input.
MAX_SEGMENTS = 40
#: Bytes of a segment that is sent so many times.
MAX_REPEATED, TIMES = 400, 300


@implementer(ILogObserver)
class Failures:
    """The tracebacks that were logged: what the router answers for is still a fault."""

    def __init__(self) -> None:
        self.tracebacks: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Keep the traceback, if there is one."""
        if "log_failure" in event:
            self.tracebacks.append(event["log_failure"].getTraceback())


def run_watched(run: Callable[[list[bytes]], None], data: bytes) -> None:
    """Serve the segments of an input, and raise whatever is wrong with the answers, or was logged."""
    log = Failures()
    globalLogPublisher.addObserver(log)
    try:
        run(segments(data))
    finally:
        globalLogPublisher.removeObserver(log)
    assert not log.tracebacks, log.tracebacks[0]


def segments(data: bytes) -> list[bytes]:
    """The segments of an input; an empty one is a silence."""
    if data[:1] == b"s":
        return data[1:].split(b"~")[:MAX_SEGMENTS]
    count = data[0] % MAX_SEGMENTS if data else 0
    lengths, rest = data[1 : 1 + count], data[1 + count :]
    cut = []
    for length in lengths:
        cut.append(rest[:length])
        rest = rest[length:]
    return [*cut, rest]


def repeated(piece: bytes) -> bytes:
    """A segment as it is sent."""
    return piece[1:MAX_REPEATED] * TIMES if piece[:1] == b"*" else piece


def search(atheris: Any, run: Callable[[bytes], None]) -> None:
    """Let atheris look for inputs."""
    globalLogBeginner.beginLoggingTo([Failures()], redirectStandardIO=False)
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()
