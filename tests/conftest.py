"""Fixtures: a real server for each test, or one for a whole module; and the log."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import provider

from benchmarks.measure import build
from benchmarks.servers import Failed
from tests.live import Server

# The same examples in every run, so that a red run is about the change at hand; `--hypothesis-profile=long` looks further.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("long", max_examples=20_000, deadline=None)
settings.load_profile("same")

# A shell that runs us in the background has SIGINT ignored, and so would the programs that tests start and press Ctrl-C at.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
