"""Fixtures: a real server for each test, or one for a whole module; and the log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import provider

from benchmarks.measure import build
from benchmarks.servers import Failed
from tests.live import Server

# The same examples in every run, so that a red run is about the change at hand; `--hypothesis-profile=long` looks further.
# Neither looks at the time: on a busy machine everything is slow.
TIMELESS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", TIMELESS, derandomize=True)
settings.register_profile("long", TIMELESS, max_examples=20_000)
settings.load_profile("same")

# A shell that runs us in the background has SIGINT ignored, and so would the programs that tests start and press Ctrl-C at.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


#: What modules import whose tests start programs or open sockets. These tests are marked `slow`, and don't say so themselves.
OUTSIDE = {"subprocess", "pexpect", "socket", "asyncio", "Server", "HTTPServer", "OpenWindow", "Firefox", "talk_and_be_killed"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by its nature; what else takes long says so itself."""
    for item in items:
        if isinstance(item, pytest.Function) and OUTSIDE & vars(item.module).keys():
            item.add_marker("slow")


_start = subprocess.Popen.__init__


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What isn't marked `slow` starts no program."""
    subprocess.Popen.__init__ = _start if item.get_closest_marker("slow") else _refuse  # type: ignore[method-assign]


def _refuse(*_: object, **__: object) -> None:
    pytest.fail("it starts a program, but is not marked `slow`: tests/conftest.py must know what this module imports")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Tests of single files run in this process: to start others would take longer. With None, there is one for each core."""
    return 0 if config.args and all(".py" in argument for argument in config.args) else None


# Compiled modules are kept, whatever the machine's habit is: hundreds of programs that tests start would compile them anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real `twistd lanchat` of this test's own."""
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real `twistd lanchat` for all tests of a module, which use names of their own."""
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines of the log, as they are written."""
    lines: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The load generator, where it can be compiled."""
    try:
        return build(tmp_path_factory.mktemp("generator"))
    except Failed as failed:
        pytest.skip(str(failed))
