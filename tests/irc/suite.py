"""How irctest is prepared and started: a copy of it, a Python with its packages, and accounts that its tests expect."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.live import SCRIPTS

ROOT = Path(__file__).parents[2]
#: The tests in a checkout of irctest that are for servers, and which of them are for every server.
TESTS = "irctest/server_tests"
SELECTION = "not implementation-specific and not deprecated and not strict"
#: The module that starts our server for a test.
OURS = "tests.irc.controller"
#: What irctest needs, and what runs its tests side by side and ends those that hang.
PACKAGES = (
    "pytest==9.2.0",
    "pytest-timeout==2.4.0",
    "pytest-xdist==3.8.0",
    "ecdsa==0.19.2",
    "filelock==4.3.1",
    "websockets==17.4",
)
#: Seconds that one test may take.
TEST_SECONDS = 30
#: The operator whom the tests expect, and its password.
OPERATOR, PASSWORD = "operuser", "operpassword"
#: Where the suite finds free ports, and binds them on all addresses of the machine; it is bound to loopback instead.
_PORTS = "irctest/irc_utils/junkdrawer.py"
_ANYWHERE, _LOOPBACK = 's.bind(("", 0))', 's.bind(("127.0.0.1", 0))'


class Failed(Exception):
    """The suite could not be run; the text says why."""


def make_python(directory: Path) -> str:
    """Make a virtual environment with the packages; its Python."""
    venv.create(directory, with_pip=True)
    python = str(directory / "bin" / "python")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    return python


def make_data(directory: Path) -> Path:
    """Make a data directory with the operator's account. Each test has a copy of it, which is faster than making one."""
    adding = ["account", "add", OPERATOR, "--role", "operator", "--password-stdin"]
    _run([str(SCRIPTS / "lanchat-admin"), "--data", str(directory), *adding], PASSWORD + "\n")
    return directory


def copy(original: Path, place: Path) -> Path:
    """Copy the suite, so that nothing is written to the original; the copy uses ports of the loopback address only."""
    shutil.copytree(original, place, ignore=shutil.ignore_patterns(".git", "__pycache__"))
    ports = place / _PORTS
    text = ports.read_text()
    if _ANYWHERE not in text:
        raise Failed(f"{_PORTS} of this irctest is unknown: {_ANYWHERE} is not in it. Try the commit that docs/irc.md names.")
    ports.write_text(text.replace(_ANYWHERE, _LOOPBACK))
    return place


def command(python: str, controller: str, junit: Path, jobs: int, select: str, names: Sequence[str] = ()) -> list[str]:
    """The command that runs the tests, or those with these names, and writes their outcomes and files to `junit` (xunit1)."""
    places = [f"{TESTS}/{name}" for name in names] or [TESTS]
    chosen = [*places, "--controller", controller, "-m", SELECTION, *(["-k", select] if select else [])]
    shown = ["-q", "--tb=short", "--no-summary", f"--timeout={TEST_SECONDS}"]
    written = [f"--junitxml={junit}", "-o", "junit_family=xunit1", "-p", "no:cacheprovider"]
    beside = ["-n", str(jobs), "--dist", "worksteal"] if jobs > 1 else []
    return [python, "-m", "pytest", *chosen, *shown, *written, *beside]


def run(words: list[str], place: Path, data: Path) -> float:
    """Run the tests in this copy of the suite; how many seconds that took. Raises `Failed` if they could not be run."""
    temporary = place.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONDONTWRITE"))}
    env |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "LANCHAT_PYTHON": sys.executable, "LANCHAT_DATA": str(data)}
    start = time.monotonic()
    done = subprocess.run(words, cwd=place, env=env, check=False)  # noqa: S603 (ours)
    if done.returncode not in {0, 1}:  # all passed, some failed
        raise Failed(f"pytest ended with {done.returncode}; what it says is above.")
    return time.monotonic() - start


def _run(words: list[str], typed: str = "") -> None:
    done = subprocess.run(words, input=typed, capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    if done.returncode:
        raise Failed(f"{' '.join(words)}: {done.stderr.strip()}")
