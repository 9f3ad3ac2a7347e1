"""Files that people send, opened in a real browser: pictures and text are shown, and nothing runs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Error, Page

from tests.live import LOOPBACK, Server
from tests.webchat.sending import LOBBY, Person

SCRIPT = b"<script>alert(1); document.title = 'it ran'</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>"


def png() -> bytes:
    """A picture of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    pixel = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack("!IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", pixel)
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody who sends files."""
    with Server(tmp_path_factory.mktemp("server"), "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", LOBBY) as server:
        person = Person(server, "alice")
        yield person
        person.peer.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page in which an alert fails the test."""
    opened = browser.new_page()
    ran: list[str] = []

    def note(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    opened.on("dialog", note)
    yield opened
    opened.wait_for_timeout(200)
    opened.close()
    assert not ran


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<!doctype html>" + SCRIPT),
        ("cat.svg", SVG),
        ("cat.png", SVG),
        ("page.html", b"hello" + SCRIPT),
        ("x.pdf", b"%PDF-1.7\n\0"),
    ],
)
def test_what_could_run_is_downloaded(alice: Person, page: Page, name: str, data: bytes) -> None:
    url = alice.send(data, name)["url"]
    with page.expect_download() as download, pytest.raises(Error, match="Download is starting"):
        page.goto(url)
    assert download.value.suggested_filename == name


@pytest.mark.parametrize(
    ("name", "data"), [("cat.gif", b"GIF89a/*" + SCRIPT + b"*/"), ("notes.txt", b"hello " + SCRIPT), ("x.js", b"alert(1)")]
)
def test_what_is_shown_runs_nothing(alice: Person, page: Page, name: str, data: bytes) -> None:
    page.goto(alice.send(data, name)["url"])
    assert "it ran" not in page.title()
    if name == "notes.txt":
        assert page.inner_text("body") == data.decode()


def test_a_picture_is_shown_by_itself(alice: Person, page: Page) -> None:
    page.goto(alice.send(png(), "pixel.png")["url"])
    assert page.evaluate("document.images[0].complete && document.images[0].naturalWidth") == 1
