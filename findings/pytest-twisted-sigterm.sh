#!/usr/bin/env bash
# pytest-twisted 1.14.3 (pytest 9.2.0, Twisted 26.10.0): SIGTERM ends the reactor, and pytest goes on without it.
#
# Expected: `timeout 300 pytest`, or a supervisor that stops a job, ends the run by the signal, as it does without the plugin.
# Behaves: the reactor, which the plugin runs, has SIGTERM's handler. It stops; pytest goes on to the last test, and fails each with
#   "twisted reactor has stopped", also those that use nothing of Twisted. The report looks like hundreds of defects.
# Seen: with the plugin: ended by 1, the test after it failed; without: ended by -15
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install pytest==9.2.0 pytest-twisted==1.14.3 Twisted==26.10.0
cat > "$work/test_it.py" <<'PY'
import os
import signal

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater


@pytest_twisted.ensureDeferred
async def test_that_is_running_when_somebody_stops_the_job():
    os.kill(os.getpid(), signal.SIGTERM)
    await deferLater(reactor, 0.1)


def test_that_uses_nothing_of_twisted():
    pass
PY
cd "$work" && "$work/venv/bin/python" - <<'PY'
import subprocess
import sys

command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
both = subprocess.run([*command, "test_it.py"], capture_output=True, text=True)
kill = "import os, signal\n\ndef test_it():\n    os.kill(os.getpid(), signal.SIGTERM)\n"
open("test_alone.py", "w").write(kill)
alone = subprocess.run([*command, "-p", "no:twisted", "test_alone.py"], capture_output=True, text=True)
failed = "FAILED test_it.py::test_that_uses_nothing_of_twisted" in both.stdout
print(f"with the plugin: ended by {both.returncode}, the test after it {'failed' if failed else 'passed'}; ", end="")
print(f"without: ended by {alone.returncode}")
assert (both.returncode, failed, alone.returncode) == (1, True, -15)
PY
