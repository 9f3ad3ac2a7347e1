"""Firefox and WebKitGTK: a name, the lobby, messages both ways, reload, a server that starts again; and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.files import format_size
from tests.live import login, until
from tests.webchat.chat import LOBBY, Start, address
from tests.webchat.firefox import Firefox
from tests.webchat.sharing import png
from tests.webchat.webkit import WebKit

Engine = Firefox | WebKit
ROWS = "[...document.querySelectorAll('[role=feed] article .text')].map((row) => row.textContent.trim())"


@pytest.fixture(params=["firefox", "webkit"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each of them."""
    opened: Engine = Firefox(tmp_path) if request.param == "firefox" else WebKit()
    with opened as running:
        yield running


def test_the_main_path(engine: Engine, start: Start) -> None:
    server = start()
    engine.open(address(server))
    engine.click("input[name=name]")
    engine.write("ann")
    engine.press("Enter")
    says(engine, "grüße aus dem Browser")
    with login(server.port(), "bob") as bob:
        says(engine, "hello bob")
        bob.wait_for("hello bob")
        bob.say(LOBBY, "hello ann")
        shows(engine, ["grüße aus dem Browser", "hello bob", "hello ann"])
    engine.reload()
    shows(engine, ["grüße aus dem Browser", "hello bob", "hello ann"])
    server.stop()
    engine.find(".status .banner")
    server = start()
    until(lambda: engine.script("document.querySelector('.status .banner') === null"), "the page to be back")
    with login(server.port(), "bob") as bob:
        says(engine, "still here")
        bob.wait_for("still here")
        bob.say(LOBBY, "me too")
        shows(engine, ["grüße aus dem Browser", "hello bob", "hello ann", "still here", "me too"])
    assert engine.script("document.querySelectorAll('[role=feed] article[data-state=sent]').length") == 5


def says(engine: Engine, text: str) -> None:
    """Write something, and send it."""
    engine.click(f"textarea[aria-label='Message {LOBBY}']")
    engine.write(text)
    engine.press("Enter")


def shows(engine: Engine, texts: list[str]) -> None:
    """Wait until these texts are shown, and no others."""
    until(
        lambda: engine.script(
            f"JSON.stringify({ROWS}) === {json.dumps(json.dumps(texts, ensure_ascii=False, separators=(',', ':')))}"
        ),
        f"{texts}",
    )


DROP = """(() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(BYTES)], "sea.png", { type: "image/png" }));
    const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector("section.conversation").dispatchEvent(event);
    return data.files.length;
})()"""


def test_a_picture_is_sent_and_shown(engine: Engine, start: Start) -> None:
    server = start()
    engine.open(address(server))
    engine.click("input[name=name]")
    engine.write("ann")
    engine.press("Enter")
    engine.find("textarea")
    data = png(600, 300)
    with login(server.port(), "bob") as bob:
        assert engine.script(DROP.replace("BYTES", json.dumps(list(data)))) == 1
        engine.find(".uploads li")
        says(engine, "the sea")
        bob.wait_for(f"sea.png ({format_size(len(data))}): http://127.0.0.1:")
    loaded = "document.querySelector('article img[alt=\"sea.png\"]')?.naturalWidth > 0"
    until(lambda: engine.script(loaded), "the picture")
    assert "thumb" in engine.script("document.querySelector('article img').src")
    shows(engine, ["the sea"])
