"""Takes the pictures of the chat page in README and docs/: `python -m tests.webchat.pictures` takes them again.

What is said is made up, but the server, the page and the people in it are real.
"""

from __future__ import annotations

import io
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import expect, sync_playwright

from tests.live import LOOPBACK, Peer, Server
from tests.webchat.browser import Window, chromium
from tests.webchat.chat import LOBBY, PASSWORD, Person, address, make_account
from tests.webchat.sharing import has_loaded

DOCS = Path(__file__).parents[2] / "docs"
#: The most bytes of a picture.
MOST = 120_000
ROOM = "#deck"


class Crew:
    """The others in the conversation, by name, each with an account and a connection."""

    def __init__(self, server: Server, opened: ExitStack) -> None:
        self._peers: dict[str, Peer] = {}
        for name in ("jonas", "aisha", "tom", "yuki", "noor"):
            make_account(server, name)
            peer = self._peers[name] = opened.enter_context(login_as(server, name))
            if name == "jonas":
                peer.say("/create", ROOM)
                peer.wait_for(f"{ROOM} is there")
                peer.say("/topic", f"{ROOM} Wind, watch and weather")
            else:
                self.does(name, "/join", ROOM)

    def does(self, name: str, to: str, text: str) -> None:
        """Let somebody send something, and wait until it is done."""
        peer = self._peers[name]
        peer.say(to, text)
        peer.say("/time")
        peer.wait_for("Server time")

    def sends(self, name: str, room: str, file: str, data: bytes, text: str) -> None:
        """Let somebody send a file."""
        peer = self._peers[name]
        peer.say("/file", f"{room} {file} {len(data)} {text}")
        url = peer.wait_for("curl -T")["msg"].split()[-1]
        with urllib.request.urlopen(urllib.request.Request(url, data, method="PUT")) as answer:  # noqa: S310 (ours)
            answer.read()

    def talk(self) -> None:
        """A morning on board."""
        self.does("aisha", LOBBY, "Good morning, everybody")
        self.does("aisha", LOBBY, "Breakfast is at seven, and there are pancakes 🥞")
        self.does("tom", LOBBY, "@mira are you on watch after lunch?")
        self.does("jonas", ROOM, "Wind has come round to the northwest, 5 and rising.")
        self.does("jonas", ROOM, "I would reef before noon. What do you think?")
        self.does("aisha", "/reply", "last Yes. And let's have lunch before that, not after ...")
        self.does("tom", "/react", "last 👍")
        self.does("jonas", "/react", "last 👍")
        self.does("yuki", "/react", "last 🍲")
        route = "54.183  7.883  harbour\n54.176  7.901  quay, port side"
        self.does("yuki", ROOM, f"The new route is in `routes/noon.gpx`, here is its end:\n```\n{route}\n```")
        self.does("tom", "/me", f"{ROOM} goes and looks for the long ropes")
        self.sends("noor", ROOM, "harbour.png", harbour(), "The harbour at six")


def harbour() -> bytes:
    """A picture: the sun above the sea, and a boat (PNG)."""
    picture = Image.new("RGB", (360, 130), "#f2b880")
    draw = ImageDraw.Draw(picture)
    for n, color in enumerate(("#e58f65", "#eca072", "#f2b880", "#f6cf9b")):
        draw.rectangle((0, n * 20, 360, n * 20 + 20), color)
    draw.ellipse((230, 40, 290, 100), "#fdf1d3")
    draw.rectangle((0, 80, 360, 130), "#2f5d73")
    for n in range(5):
        draw.line((225 - n * 8, 88 + n * 9, 295 + n * 8, 88 + n * 9), "#f6cf9b", 2)
    draw.polygon(((70, 92), (150, 92), (135, 106), (85, 106)), "#1d2f38")
    draw.polygon(((106, 18), (106, 88), (66, 88)), "#fbf6ea")
    draw.polygon(((112, 30), (112, 88), (144, 88)), "#e9dfc9")
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    return packed.getvalue()


@contextmanager
def login_as(server: Server, name: str) -> Iterator[Peer]:
    """A client that is logged in."""
    with Peer(server.port()) as peer:
        peer.send(name.encode() + b"\n")
        peer.say("/login", PASSWORD)
        peer.wait_for("Welcome")
        yield peer


def main() -> None:
    """Take all pictures."""
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        server = opened.enter_context(Server(directory, "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", LOBBY))
        browser = opened.enter_context(chromium(opened.enter_context(sync_playwright()), directory))
        crew = Crew(server, opened)
        make_account(server, "mira")
        for name, options in (
            ("chat", {"viewport": {"width": 1120, "height": 700}}),
            ("dark", {"viewport": {"width": 1120, "height": 700}, "color_scheme": "dark"}),
            ("phone", {"phone": True}),
        ):
            window = Window(browser, address(server), **options)
            mira = Person(window).enter("mira", PASSWORD)
            if name == "chat":
                mira.joins(ROOM)
                crew.talk()
                mira.says("@jonas Reefing now, then soup.")
                mira.sent("Reefing now")
                crew.does("noor", "mira", "Can you bring the sextant when you come up?")
            show(mira, name)
            crew.does("aisha", "/typing", ROOM)
            save(window, name)
            window.close()


def show(mira: Person, name: str) -> None:
    """Bring into view what this picture shows."""
    mira.goes_to(ROOM)
    mira.sees("Reefing now")
    has_loaded(mira.page.get_by_role("img", name="harbour.png"))
    if name == "chat":
        mira.page.get_by_role("button", name=f"About {ROOM}").click()
        expect(mira.page.get_by_text("yuki").last).to_be_visible()
    if name == "dark":
        mira.goes_to("noor").says("Of course.")
        mira.sent("Of course.")
        mira.goes_to(ROOM)
    mira.page.mouse.move(1, 1)


def save(window: Window, name: str) -> None:
    """Take the picture, with the 256 colours that fit it best."""
    taken = Image.open(io.BytesIO(window.page.screenshot(animations="disabled", caret="hide")))
    path = DOCS / f"browser-{name}.png"
    taken.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    sys.stdout.write(f"{path}: {size} bytes\n")
    if size > MOST:
        sys.exit(f"{path} has more than {MOST} bytes")


if __name__ == "__main__":
    main()
