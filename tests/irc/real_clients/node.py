"""The clients that come from npm: installed once for a run of the tests, and run by the Node.js that Playwright brings."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import playwright
import pytest

from tests.irc.real_clients.programs import run

NODE = Path(playwright.__file__).parent / "driver" / "node"
HERE = Path(__file__).parent


def installed(shared: Path) -> Path:
    """The folder `node_modules` in this folder, which processes may share; the test is skipped if nothing can be installed."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "installed").exists():
            shutil.copy(HERE / "package.json", shared)
            command = [npm, "install", "--omit=optional", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
            done = run(command, shared)
            if done.returncode:
                pytest.skip(f"npm can't install the clients: {done.stderr[-200:]}")
            (shared / "installed").touch()
    return shared / "node_modules"


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder for this run of the tests, the same one in all its processes."""
    own = factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "npm"
