"""Coverage-guided fuzzing of the JSON gateway with atheris (`pip install '.[fuzz]'`, CPython 3.11).

    python -m tests.fuzz_line -max_total_time=300 /tmp/found tests/corpus     look for more, for five minutes
    python -m tests.fuzz_line tests/corpus/NAME                               one input again
    python -m tests.fuzz_line -merge=1 tests/corpus /tmp/found                keep what adds to the corpus

What is found goes to the first folder. `tests/gateways/test_corpus.py` replays `tests/corpus` without atheris.

The first byte of an input says how the rest is cut into segments: "s" at each "~" (nothing between two of them is a
silence), anything else is how many lengths follow. A segment that begins with "*" comes many times over, so that a small
input can go over every limit. A crash is an exception, a traceback in the log, a packet over its
limit, a packet that is none, `x` shown to a classic client, or something left behind.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any

# Only what is imported under atheris's eyes is measured, so it has to be there before the server is.
atheris: Any = importlib.import_module("atheris") if __name__ == "__main__" else None
with atheris.instrument_imports(include=["lanchat"]) if atheris else contextlib.nullcontext():
    from twisted.logger import ILogObserver, LogEvent, globalLogBeginner, globalLogPublisher
    from zope.interface import implementer

    from lanchat.protocol.packet import MAX_PACKET, MAX_UNFRAMED
    from tests.fakes import Wire, make_router

#: Segments in one input, and seconds of a silence: longer than what ends a name, and than what gives up an object.
MAX_SEGMENTS, SILENCES = 40, (0.15, 1.2)
#: Bytes of a segment that is sent so many times.
MAX_REPEATED, TIMES = 400, 300
_MEMBERS = {"from", "to", "msg"}


@implementer(ILogObserver)
class Failures:
    """The tracebacks that were logged: what the router answers for is still a fault."""

    def __init__(self) -> None:
        self.tracebacks: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Keep the traceback, if there is one."""
        if "log_failure" in event:
            self.tracebacks.append(event["log_failure"].getTraceback())


def run(data: bytes) -> None:
    """Serve one input, and raise whatever is wrong with the answers."""
    log = Failures()
    globalLogPublisher.addObserver(log)
    try:
        _run(segments(data))
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


def _run(pieces: list[bytes]) -> None:
    router, clock = make_router()
    bob, wire = Wire(router, clock), Wire(router, clock)
    bob.send(b"bob\n")
    capable = False
    for number, piece in enumerate(pieces):
        paced = wire.connection.outbox.paced
        if piece:
            wire.send(piece[1:MAX_REPEATED] * TIMES if piece[:1] == b"*" else piece)
        else:
            clock.advance(SILENCES[number % 2])
            clock.advance(0)
        written = wire.bytes().splitlines(keepends=True)
        if paced and wire.connection.outbox.paced:
            assert all(len(line) <= MAX_UNFRAMED and line.isascii() for line in written), written
        capable = _check(written, capable)
        _check(bob.bytes().splitlines(keepends=True), None)
    if len(pieces) % 2:
        wire.connection.readConnectionLost()
        assert not wire.connection.session or wire.connection.session not in router.chat.online
    clock.advance(0.1)
    _check(wire.bytes().splitlines(keepends=True), capable)
    for one in (wire, bob):
        one.lose()
        assert not one.factory.connections
    assert not len(router.chat.online)
    for _ in range(4):
        clock.advance(1.5)  # presence, and what is paced
    assert not clock.getDelayedCalls(), clock.getDelayedCalls()


def _check(lines: list[bytes], capable: bool | None) -> bool:
    """Whether the client is capable after these packets; None for one that never is."""
    for line in lines:
        assert len(line) <= MAX_PACKET + 1, len(line)
        packet = json.loads(line)
        extra = packet.keys() - _MEMBERS
        assert extra <= {"x"}, extra
        if capable is False and extra and packet["x"].get("op") == "welcome":
            capable = True
        assert capable or not extra, packet
    return bool(capable)


def main() -> None:
    """Let atheris look for inputs."""
    globalLogBeginner.beginLoggingTo([Failures()], redirectStandardIO=False)
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
