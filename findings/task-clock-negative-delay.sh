#!/usr/bin/env bash
# Twisted 26.10.0: twisted.internet.task.Clock takes a delay that every reactor refuses.
#
# Expected: Clock provides IReactorTime for tests, so a delay below 0 fails there as it does with a reactor.
# Behaves: Clock.callLater(-5, f) schedules the call, which is made at the next advance(). A reactor raises AssertionError. So a
#   delay that comes from a peer (as in "try again in N ms") passes all tests and raises in use.
# Seen: Clock: called, reactor: AssertionError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install Twisted==26.10.0
"$work/venv/bin/python" - <<'PY'
from twisted.internet import reactor
from twisted.internet.task import Clock

clock, called = Clock(), []
clock.callLater(-5, called.append, "called")
clock.advance(0)
try:
    reactor.callLater(-5, called.append, "called")
except AssertionError:
    called.append("AssertionError")
print(f"Clock: {called[0]}, reactor: {called[1]}")
assert called == ["called", "AssertionError"]
PY
