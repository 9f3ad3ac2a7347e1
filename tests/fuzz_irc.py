"""Coverage-guided fuzzing of the IRC gateway with atheris (`pip install '.[fuzz]'`, CPython 3.11).

    python -m tests.fuzz_irc -max_total_time=300 /tmp/found tests/corpus_irc     look for more, for five minutes
    python -m tests.fuzz_irc tests/corpus_irc/NAME                               one input again
    python -m tests.fuzz_irc -merge=1 tests/corpus_irc /tmp/found                keep what adds to the corpus

What is found goes to the first folder. `tests/gateways/test_corpus.py` replays `tests/corpus_irc` without atheris.

An input is cut as `tests/fuzzing.py` says. A crash is an exception, a traceback in the log, a line that is longer than IRC
allows or that is none, a packet that a client at the JSON port can't read, or something left behind.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from typing import Any

# Only what is imported under atheris's eyes is measured, so it has to be there before the server is.
atheris: Any = importlib.import_module("atheris") if __name__ == "__main__" else None
with atheris.instrument_imports(include=["lanchat"]) if atheris else contextlib.nullcontext():
    from tests.fakes import User, Wire
    from tests.fuzz_line import check_packets
    from tests.fuzzing import repeated, run_watched, search
    from tests.irc.wire import IrcWire, make_chat

#: Seconds of a silence: a turn of the reactor with some of what is done later, and the time in which one must be registered.
SILENCES = (1.2, 61)
#: The most bytes of a line without its tags, and of the tags: those of the server and of a client (IRCv3 "Message Tags").
MAX_LINE, MAX_TAGS = 512, 8191
_LINE = re.compile(rb"(@[^ \0\r\n]+ )?((:[^ \0\r\n]+ )?([A-Z]+|[0-9]{3})( [^: \0\r\n][^ \0\r\n]*)*( :[^\0\r\n]*)?\r\n)")
_HELLO = (
    b'{"from":{"name":"","ip":""},"to":"/hello","msg":"fuzz","x":{"v":1,"caps":["id","room","event","edit","react","typing"]}}'
)
_JOIN = b'{"from":{"name":"","ip":""},"to":"/join","msg":"#ops"}'
_CAPS = "batch echo-message extended-join labeled-response message-tags server-time account-tag draft/chathistory"


def run(data: bytes) -> None:
    """Serve one input, and raise whatever is wrong with the answers."""
    run_watched(_run, data)


def _run(pieces: list[bytes]) -> None:
    router, clock = make_chat()
    User(router, "dora").register().leave()
    plain, tagged = IrcWire(router, clock, "bob"), IrcWire(router, clock, "eve", _CAPS)
    for far in (plain, tagged):
        far.say("JOIN #ops")
    carol = Wire(router, clock)
    carol.send(b"carol\n" + _HELLO + b"\n" + _JOIN + b"\n")
    carol.bytes()
    wire = IrcWire(router, clock)
    for number, piece in enumerate(pieces):
        if piece:
            wire.send(repeated(piece))
        else:
            clock.advance(SILENCES[number % 2])
        for far in (wire, plain, tagged):
            _check(far.bytes())
        check_packets(carol.bytes().splitlines(keepends=True), True)
    if len(pieces) % 2:
        wire.connection.readConnectionLost()
        clock.advance(0.1)
        assert not wire.connection.session or wire.connection.session not in router.chat.online
    clock.advance(0.1)
    _check(wire.bytes())
    for one in (wire, plain, tagged, carol):
        one.lose()
        assert not one.factory.connections
    assert not len(router.chat.online)
    for _ in range(20):
        clock.advance(1.5)  # presence, and the keepalive's last look
    assert not clock.getDelayedCalls(), clock.getDelayedCalls()


def _check(written: bytes) -> None:
    """Check that these bytes are lines of IRC, in UTF-8."""
    written.decode()
    if written.startswith(b"HTTP/1.1 "):  # who does not speak IRC is told in another way, too
        written = written.partition(b"\r\n\r\n")[2]
    for line in re.findall(rb"[^\n]*\n|[^\n]+", written):
        found = _LINE.fullmatch(line)
        assert found, line
        assert len(found[1] or b"") <= MAX_TAGS, line
        assert len(found[2]) <= MAX_LINE, line


if __name__ == "__main__":
    search(atheris, run)
