"""Debian's WebKitGTK (what Epiphany is made of), driven by WebKitWebDriver on a screen that nobody sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from types import TracebackType
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Keys, WebKitGTK, WebKitGTKOptions
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.webkitgtk.service import Service

from tests.live import PATIENCE, until

MINI_BROWSER = "/usr/lib/{}-linux-gnu/webkit2gtk-4.1/MiniBrowser"
#: The keys that tests press, as WebDriver names them.
KEYS = {"Enter": Keys.ENTER, "Tab": Keys.TAB, "Escape": Keys.ESCAPE, "ArrowUp": Keys.ARROW_UP}


class WebKit:
    """A small browser around WebKitGTK, with one window."""

    def __init__(self) -> None:
        """Start it; skips the test where it or the screen is missing."""
        driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
        browser = MINI_BROWSER.format(os.uname().machine)
        if driver is None or screen is None or not os.access(browser, os.X_OK):
            pytest.skip("there is no WebKitGTK here (Debian: apt install webkit2gtk-driver xvfb)")
        reading, writing = os.pipe()
        size = ["-screen", "0", "1280x900x24", "-nolisten", "tcp"]
        self._screen = subprocess.Popen(  # noqa: S603 (ours)
            [screen, "-displayfd", str(writing), *size],
            pass_fds=[writing],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        try:
            with os.fdopen(reading) as told:
                display = told.readline().strip()
            environment = os.environ | {"DISPLAY": f":{display}", "LANG": "en_US.UTF-8", "GDK_BACKEND": "x11"}
            options = WebKitGTKOptions()
            options.binary_location = browser
            options.add_argument("--automation")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # it warns of what it does itself
                self._driver = WebKitGTK(options=options, service=Service(executable_path=driver, env=environment))
        except BaseException:
            self._screen.kill()
            self._screen.wait(PATIENCE)
            raise

    def open(self, url: str) -> None:
        """Go to an address."""
        self._driver.get(url)

    def reload(self) -> None:
        """F5."""
        self._driver.refresh()

    def script(self, expression: str) -> Any:
        """The value of an expression in the page, of those that JSON has."""
        return self._driver.execute_script(f"return {expression}")

    def find(self, css: str) -> WebElement:
        """Wait for an element that can be seen; the first that this selector has."""

        def look() -> WebElement | None:
            return next(
                (element for element in self._driver.find_elements(By.CSS_SELECTOR, css) if element.is_displayed()), None
            )

        return until(look, css)

    def click(self, css: str) -> None:
        """Press the mouse's button on an element."""
        self.find(css).click()

    def write(self, text: str) -> None:
        """Press keys where the focus is."""
        ActionChains(self._driver).send_keys(text).perform()

    def press(self, key: str) -> None:
        """Press one key, as `KEYS` has it."""
        self.write(KEYS[key])

    def close(self) -> None:
        """Close it, and the screen."""
        try:
            self._driver.quit()
        finally:
            self._screen.kill()
            self._screen.wait(PATIENCE)

    def __enter__(self) -> WebKit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
