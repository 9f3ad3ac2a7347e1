"""The chat page's conversation with messages that are made up in the browser, so that there are as many as a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Route

from lanchat.webchat.files import DOCUMENT_HEADERS, STATIC, TYPES
from tests.webchat.browser import OpenWindow

FAKE_CHAT = Path(__file__).with_name("fake_chat.js").read_text()
#: A page at the server's address that does nothing by itself, but has the rules of the chat page.
STILL_PAGE = "<!doctype html><html lang='en'><meta charset='utf-8'><link rel='icon' href='data:,'><title>Fake</title><body>"


def _answer(route: Route) -> None:
    """Answer a request for that page, or for a file of the chat page as it is on the disk: the server joins its modules."""
    name = urlsplit(route.request.url).path.removeprefix("/still/")
    if name.endswith(".later.json"):  # (the server makes these: here the other file has all texts)
        route.fulfill(body="{}", content_type=TYPES[".json"])
        return
    body = (STATIC / name).read_bytes() if name else STILL_PAGE
    route.fulfill(body=body, content_type=TYPES[Path(name or "index.html").suffix], headers=DOCUMENT_HEADERS)


class FakeChat:
    """A window with the conversation `#ops`, in which `count` messages were said."""

    def __init__(self, open_window: OpenWindow, address: str, count: int = 30, **options: Any) -> None:
        """`read`: the number of the last message that was read; `focus`: the id of the message to show.

        Other options are those of the window.
        """
        self.start = {"count": count, "seqRead": options.pop("read", 0), "focus": options.pop("focus", ""), "conv": "#ops"}
        self.address = address
        self.start["language"] = options.pop("language", "en")
        self.window = open_window(address, viewport={"width": 900, "height": 700}, **options)
        self.page: Page = self.window.page
        self.page.route("**/still/**", _answer)
        self.again()

    def again(self) -> None:
        """Show it from the beginning, as after a reload."""
        self.page.goto(self.address + "still/")
        self.page.evaluate(FAKE_CHAT, self.start)
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is loading, and what changed is drawn."""
        self.page.evaluate("chat.settle()")

    def do(self, script: str, value: Any = None) -> Any:
        """Evaluate a function of `chat`, and one value; wait until all is drawn."""
        result = self.page.evaluate(f"(value) => ({script})(window.chat, value)", value)
        self.settle()
        return result

    @property
    def feed(self) -> Locator:
        """The list of messages."""
        return self.page.get_by_role("feed", name="Messages in #ops")

    @property
    def field(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name="Message #ops")

    def row(self, seq: int) -> Locator:
        """The row of a message."""
        return self.page.locator(f"article[data-seq='{seq}']")

    def asked(self) -> list[list[str]]:
        """What was asked of the model since the last time."""
        asked: list[list[str]] = self.page.evaluate("chat.model.asked.splice(0)")
        return asked

    def below_end(self) -> float:
        """How far the end of the list is below what is visible, in px."""
        below: float = self.feed.evaluate("(feed) => feed.scrollHeight - feed.scrollTop - feed.clientHeight")
        return below
