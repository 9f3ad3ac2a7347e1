"""Debian's Chromium, driven by Playwright: windows of people, which remember whatever a page must not do."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, Request, WebSocket

#: Milliseconds that anything in a page may take before its test fails.
PATIENCE_MS = 30_000
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
#: What Chromium says of a connection that can't be made: expected where a test takes the server away.
CUT_OFF = r"WebSocket connection to .* failed|net::ERR_|Failed to load resource"

#: What opens a window: its address, and how it differs from others (`phone=True`, or options of Playwright's contexts).
OpenWindow = Callable[..., "Window"]


def chromium_path() -> str:
    """Where Debian's Chromium is; skips the test where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no Chromium here (Debian: apt install chromium)")
    return path


@contextmanager
def chromium(
    playwright: Playwright, directory: Path, under: Sequence[str] = (), flags: Sequence[str] = (), home: Path | None = None
) -> Iterator[Browser]:
    """A Chromium without a window on the screen, `under` another command if there is one.

    `directory` is for the script that starts it, `home` is where it looks for the authorities that a person trusts.
    """
    script = directory / "chromium"
    script.write_text(f'#!/bin/sh\nexec {" ".join([*under, chromium_path()])} "$@"\n')
    script.chmod(stat.S_IRWXU)
    environment: dict[str, Any] = {**os.environ, "HOME": str(home or directory)}
    browser = playwright.chromium.launch(
        executable_path=script, args=[*flags], env=environment, ignore_default_args=["--disable-back-forward-cache"]
    )
    yield browser
    browser.close()


class Window:
    """A browser of one person, who has nothing in it from before, with one page.

    It remembers errors in the console (violations of the policy of the page are among them), exceptions that nobody caught,
    requests to other hosts than that of the page, and crashes; `check` fails with them.
    """

    def __init__(self, browser: Browser, url: str = "", phone: bool = False, **options: Any) -> None:
        self.troubles: list[str] = []
        #: The addresses of all requests, WebSockets among them.
        self.requests: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self._host = urlsplit(url).hostname
        options = {"locale": "en-GB"} | (PHONE if phone else {}) | options
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("request", self._requested)
        self.context.on("console", lambda message: self._said(message.type, message.text))
        self.context.on("weberror", lambda error: self.troubles.append(f"not caught: {error.error}"))
        self.url = url
        self.page = self.open(url)

    def open(self, url: str = "") -> Page:
        """Another page (a tab) of the same person, with this address."""
        page = self.context.new_page()
        page.on("websocket", self._connected)
        page.on("crash", lambda _: self.troubles.append("the page crashed"))
        if url:
            page.goto(url)
        return page

    def expect_trouble(self, pattern: str) -> None:
        """Errors in which this regular expression is found are part of the test."""
        self._expected.append(re.compile(pattern))

    def check(self) -> None:
        """Fail if there was any trouble that was not expected."""
        unexpected = [trouble for trouble in self.troubles if not any(pattern.search(trouble) for pattern in self._expected)]
        assert not unexpected, "\n".join(unexpected)

    def close(self) -> None:
        """Close it, and check."""
        self.context.close()
        self.check()

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning", "assert"):
            self.troubles.append(f"{kind}: {text}")

    def _requested(self, request: Request) -> None:
        self._look(request.url)

    def _connected(self, websocket: WebSocket) -> None:
        self._look(websocket.url)

    def _look(self, url: str) -> None:
        self.requests.append(url)
        if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).hostname != self._host:
            self.troubles.append(f"a request that leaves the host: {url}")


class Windows:
    """Opens windows in one browser, and closes and checks them at the end."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._opened: list[Window] = []

    def __call__(self, url: str = "", phone: bool = False, **options: Any) -> Window:
        """Open one."""
        window = Window(self.browser, url, phone, **options)
        self._opened.append(window)
        return window

    def described(self) -> Iterator[str]:
        """What is on each page, and what trouble there was: for the report of a test that failed."""
        for window in self._opened:
            for page in window.context.pages:
                with suppress(Error):
                    yield "\n".join([page.url, page.locator("body").aria_snapshot(timeout=1000), *window.troubles])

    def close(self) -> None:
        """Close all, then check them."""
        for window in self._opened:
            window.context.close()
        for window in self._opened:
            window.check()
