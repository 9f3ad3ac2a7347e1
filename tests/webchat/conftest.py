"""Fixtures: browsers, a browser's windows, and a server with a door for them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.live import LOOPBACK, Server
from tests.webchat.browser import PATIENCE_MS, OpenWindow, Windows, chromium, chromium_path
from tests.webchat.chat import LOBBY, Start
from tests.webchat.namespace import Network

expect.set_options(timeout=PATIENCE_MS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report with a test that failed what was on its pages."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        opened = [value for value in item.funcargs.values() if isinstance(value, Windows)]
        report.sections += [("page", text) for windows in opened for text in windows.described()]
    return report


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright, for the tests of this folder only: while it is there, asyncio can't be used in this thread."""
    chromium_path()
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, which all tests share; what they do in it is apart."""
    with chromium(playwright, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def open_window(browser: Browser) -> Iterator[OpenWindow]:
    """Opens windows of people who have nothing to do with each other; errors in any of them fail the test at its end."""
    windows = Windows(browser)
    yield windows
    windows.close()


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """A network of the module's own, with a cable that can be cut."""
    with Network() as made:
        yield made


@pytest.fixture(scope="module")
def lan_browser(playwright: Playwright, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium on the reader's machine of that network."""
    with chromium(playwright, tmp_path_factory.mktemp("chromium"), network.reader) as running:
        yield running


@pytest.fixture
def open_lan_window(lan_browser: Browser) -> Iterator[OpenWindow]:
    """Opens windows on the reader's machine."""
    windows = Windows(lan_browser)
    yield windows
    windows.close()


@pytest.fixture
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server with a lobby and all doors, of this test's own."""
    options = ("--port", LOOPBACK, "--telnet", LOOPBACK, "--http", LOOPBACK, "--lobby", "#lobby")
    with Server(tmp_path_factory.mktemp("server"), *options) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server; again, after it has been stopped."""
    running: list[Server] = []

    def begin() -> Server:
        ports = [running[-1].port(kind) for kind in ("json", "browsers")] if running else [0, 0]
        json, browsers = (f"tcp:{port}:interface=127.0.0.1" for port in ports)
        running.append(Server(tmp_path, "--port", json, "--http", browsers, "--lobby", LOBBY))
        return running[-1]

    yield begin
    running[-1].stop()
