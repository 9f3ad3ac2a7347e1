"""The drivers of browsers, with a small page of the test's own: they see what they should, and tell of trouble."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from tests.live import PATIENCE, until
from tests.webchat.browser import CUT_OFF, OpenWindow
from tests.webchat.firefox import Firefox
from tests.webchat.namespace import SERVER, Network
from tests.webchat.webkit import WebKit

ECHO = Path(__file__).with_name("echo.py")


class Echo:
    """The page of `echo.py`, served by a process of its own, `under` another command if there is one."""

    def __init__(self, host: str, under: list[str]) -> None:
        command = [*under, sys.executable, str(ECHO), host]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 (ours)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """The page on loopback."""
    served = Echo("127.0.0.1", [])
    yield served
    served.close()


@pytest.fixture(scope="module")
def lan_echo(network: Network) -> Iterator[Echo]:
    """The page on the server's machine of a network."""
    served = Echo(SERVER, network.server)
    yield served
    served.close()


def test_two_people_and_a_phone_have_browsers_of_their_own(echo: Echo, open_window: OpenWindow) -> None:
    ann, bob, phone = open_window(echo.url), open_window(echo.url), open_window(echo.url, phone=True)
    for window in (ann, bob, phone):
        window.page.get_by_role("textbox", name="Message").fill("hello")
        window.page.keyboard.press("Enter")
        expect(window.page.get_by_role("status")).to_have_text("hello")
    ann.page.evaluate("localStorage.setItem('name', 'ann')")
    assert bob.page.evaluate("localStorage.getItem('name')") is None
    assert phone.page.evaluate("innerWidth") == 390
    assert any(address.startswith("ws://") for address in ann.requests)


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
        ("document.body.innerHTML = '<b>'", "TrustedHTML"),
        ("new Image().src = 'http://192.0.2.1/a.png'", "192.0.2.1"),
        ("setTimeout(() => { throw new Error('lost') })", "lost"),
        ("console.warn('careful')", "careful"),
    ],
)
def test_what_a_page_must_not_do_is_noticed(echo: Echo, open_window: OpenWindow, script: str, trouble: str) -> None:
    window = open_window(echo.url)
    window.check()
    window.page.evaluate(f"() => {{ try {{ {script} }} catch (error) {{ console.error(String(error)) }} }}")
    until(lambda: window.page.evaluate("0") or window.troubles, "trouble")
    with pytest.raises(AssertionError, match=trouble):
        window.check()
    window.expect_trouble(trouble)


def test_a_request_to_another_host_is_noticed(echo: Echo, open_window: OpenWindow) -> None:
    window = open_window(echo.url)
    window.expect_trouble("elsewhere.invalid|ERR_NAME_NOT_RESOLVED")
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        window.page.goto("http://elsewhere.invalid/")
    assert window.troubles[0] == "a request that leaves the host: http://elsewhere.invalid/"


def test_a_lan_address_is_an_insecure_origin_and_its_cable_can_be_cut(
    lan_echo: Echo, network: Network, open_lan_window: OpenWindow
) -> None:
    window = open_lan_window(lan_echo.url)
    window.expect_trouble(CUT_OFF)
    assert window.page.evaluate("isSecureContext") is False
    until(lambda: window.page.evaluate("navigator.onLine"), "the browser to notice the cable")
    message, status = window.page.get_by_role("textbox", name="Message"), window.page.get_by_role("status")
    for lose, find in ((network.lose, network.find), (network.cut, network.mend)):
        lose()
        message.fill(f"after {lose.__name__}")
        message.press("Enter")
        expect(window.page.get_by_role("listitem")).to_have_text(["sent"])
        expect(status).to_have_text("")
        find()
        expect(status).to_have_text(f"after {lose.__name__}")
        window.page.reload()


def test_nothing_else_is_reached_from_there(network: Network) -> None:
    script = "import socket; socket.create_connection(('1.1.1.1', 53), 5)"
    done = subprocess.run(  # noqa: S603 (ours)
        [*network.reader, sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert "Network is unreachable" in done.stderr


def test_firefox(echo: Echo, tmp_path: Path) -> None:
    with Firefox(tmp_path) as firefox:
        drive(firefox, echo.url)
        firefox.script("console.error('trouble')")
        assert firefox.troubles == ["trouble"]


def test_webkit(echo: Echo) -> None:
    with WebKit() as webkit:
        drive(webkit, echo.url)


def drive(browser: Firefox | WebKit, url: str) -> None:
    """Say something by mouse and keyboard, and read the answer."""
    browser.open(url)
    for text in ("grüße", "again"):
        browser.click("textarea")
        browser.write(text)
        browser.press("Enter")
        answer = f"document.querySelector('output').textContent === {json.dumps(text)}"
        until(functools.partial(browser.script, answer), "the answer")
        browser.reload()  # (a field keeps what is in it in Firefox)
