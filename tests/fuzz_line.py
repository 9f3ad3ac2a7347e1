"""Coverage-guided fuzzing of the JSON gateway with atheris (`pip install '.[fuzz]'`, CPython 3.11).

    python -m tests.fuzz_line -max_total_time=300 /tmp/found tests/corpus     look for more, for five minutes
    python -m tests.fuzz_line tests/corpus/NAME                               one input again
    python -m tests.fuzz_line -merge=1 tests/corpus /tmp/found                keep what adds to the corpus

What is found goes to the first folder. `tests/gateways/test_corpus.py` replays `tests/corpus` without atheris.

An input is cut as `tests/fuzzing.py` says. A crash is an exception, a traceback in the log, a packet over its
limit, a packet that is none, `x` shown to a classic client, or something left behind.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from typing import Any

# Only what is imported under atheris's eyes is measured, so it has to be there before the server is.
atheris: Any = importlib.import_module("atheris") if __name__ == "__main__" else None
with atheris.instrument_imports(include=["lanchat"]) if atheris else contextlib.nullcontext():
    from lanchat.protocol.packet import MAX_PACKET, MAX_UNFRAMED
    from tests.fakes import Wire, make_router
    from tests.fuzzing import repeated, run_watched, search

#: Seconds of a silence: longer than what ends a name, and than what gives up an object.
SILENCES = (0.15, 1.2)
_MEMBERS = {"from", "to", "msg"}


def run(data: bytes) -> None:
    """Serve one input, and raise whatever is wrong with the answers."""
    run_watched(_run, data)


def _run(pieces: list[bytes]) -> None:
    router, clock = make_router()
    bob, wire = Wire(router, clock), Wire(router, clock)
    bob.send(b"bob\n")
    capable = False
    for number, piece in enumerate(pieces):
        paced = wire.connection.outbox.paced
        if piece:
            wire.send(repeated(piece))
        else:
            clock.advance(SILENCES[number % 2])
            clock.advance(0)
        written = wire.bytes().splitlines(keepends=True)
        if paced and wire.connection.outbox.paced:
            assert all(len(line) <= MAX_UNFRAMED and line.isascii() for line in written), written
        capable = check_packets(written, capable)
        check_packets(bob.bytes().splitlines(keepends=True), None)
    if len(pieces) % 2:
        wire.connection.readConnectionLost()
        assert not wire.connection.session or wire.connection.session not in router.chat.online
    clock.advance(0.1)
    check_packets(wire.bytes().splitlines(keepends=True), capable)
    for one in (wire, bob):
        one.lose()
        assert not one.factory.connections
    assert not len(router.chat.online)
    for _ in range(4):
        clock.advance(1.5)  # presence, and what is paced
    assert not clock.getDelayedCalls(), clock.getDelayedCalls()


def check_packets(lines: list[bytes], capable: bool | None) -> bool:
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


if __name__ == "__main__":
    search(atheris, run)
