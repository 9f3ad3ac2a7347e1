"""Fixtures: a server with all doors that these tests need, and browsers as the tests of the chat page have them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.irc.real_clients.doors import start
from tests.live import Server
from tests.webchat.conftest import browser, open_window, playwright, pytest_runtest_makereport

__all__ = ["browser", "irc_server", "open_window", "playwright", "pytest_runtest_makereport"]


@pytest.fixture(scope="module")
def irc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server for all tests of a module, which use names of their own."""
    with start(tmp_path_factory.mktemp("server")) as running:
        yield running
