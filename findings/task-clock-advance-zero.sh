#!/usr/bin/env bash
# Twisted 26.10.0: one advance(0) of twisted.internet.task.Clock is many turns of the reactor.
#
# Expected: Clock.advance(0) makes the calls that are due, as one turn of a reactor does. A call that one of them adds with
#   callLater(0) waits for the next turn, so code that yields between steps can be tested step by step.
# Behaves: calls that are added during advance(0) for the same moment are made in it too, until there are none. A reactor reads its
#   sockets between the two. So a test with Clock can't see whether work is done in shares, or all at once.
# Seen: Clock: 3 steps in one advance(0), reactor: 1 step in a turn
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install Twisted==26.10.0
"$work/venv/bin/python" - <<'PY'
from twisted.internet import reactor
from twisted.internet.task import Clock


def steps(timer, done: list[int]) -> None:
    """Work in three steps, with a turn for others between them."""
    done.append(len(done) + 1)
    if len(done) < 3:
        timer.callLater(0, steps, timer, done)


clock, on_clock, on_reactor = Clock(), [], []
clock.callLater(0, steps, clock, on_clock)
clock.advance(0)
reactor.callLater(0, steps, reactor, on_reactor)
reactor.startRunning()
reactor.runUntilCurrent()
print(f"Clock: {len(on_clock)} steps in one advance(0), reactor: {len(on_reactor)} step in a turn")
assert (len(on_clock), len(on_reactor)) == (3, 1)
PY
