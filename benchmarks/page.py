"""The chat page in real Chromium: what its first load takes, and how it bears a room of many messages.

`python -m benchmarks.page MESSAGES LOADS TIMES` prints the figures as JSON; `benchmarks.browser` runs it, where it can, in a
network that leads nowhere.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from benchmarks.servers import HERE, ROOT, Failed, checkout, free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

ROOM = "#lobby"
#: The window, in pixels; how far the wheel is turned at a time, which is less than the height of the list, so that every row
#: comes into view; and how many rows are there when keys and new messages are timed, at least.
WINDOW, TURN, ROWS = (1280, 900), 700, 300
#: Milliseconds that anything may take in the page.
PATIENCE = 60_000
#: Messages that are sent before their acknowledgements are read.
TOGETHER = 500
#: Chromium asks its maker for updates, and how to fill in forms; not here, where packets are counted.
NOBODY = "http://127.0.0.1:9/"
FLAGS = (f"--component-updater=url-source={NOBODY}", f"--autofill-server-url={NOBODY}")
PROBE = (HERE / "page_probe.js").read_text()
TEXTS = (
    "Has anybody seen the key of the workshop? It is not where it hangs.",
    "The plan is at https://example.org/plan/{number} since this morning.",
    "First line of {number},\nand a second one, with `code` in it.",
    "ok",
    "Whoever comes later: the door in the yard is open until eight, and there is tea in the kitchen. " * 3,
    "```\nfor number in range({number}):\n    print(number)\n```",
)


class Load(msgspec.Struct):
    """A first load, with nothing in the browser from before: until the page asks for a name."""

    kilobytes: float
    requests: int
    #: Milliseconds until the first content was painted.
    paint: float


class Figures(msgspec.Struct):
    """All that was measured."""

    engine: str
    messages: int
    loads: list[Load] = []
    #: The most rows that were there at any time; those that came into view; and the bytes of JavaScript's heap, in MB.
    rows: int = 0
    seen: int = 0
    heap: float = 0.0
    #: Milliseconds: from each key to its paint, and from each message's arrival to the paint of its row.
    keys: list[float] = []
    appends: list[float] = []
    #: Seconds in which the wheel went from the newest to the first message.
    scrolled: float = 0.0
    #: What was wrong meanwhile, such as a gap or a jump; and how often the list was at its upper end before older rows came.
    faults: list[str] = []
    waits: int = 0
    #: Requests to other hosts; and packets that had no way out of the network, None if there was no such network.
    foreign: list[str] = []
    packets: int | None = None


class Speaker:
    """Somebody in the room, with a terminal client's connection."""

    def __init__(self, port: int, name: str) -> None:
        self._stream = socket.create_connection(("127.0.0.1", port), 30).makefile("rwb")
        self._stream.write(f"{name}\n".encode())
        self._send("/hello", "", v=1, caps=["id", "ack", "room"], dev="bench")
        self._until("welcome")

    def say(self, texts: list[str]) -> list[int]:
        """Say all of these in the room; their numbers in the log."""
        for number, text in enumerate(texts):
            self._send(ROOM, text, cid=f"c{number}")
        return [self._until("ack") for _ in texts]

    def _send(self, to: str, msg: str, **x: object) -> None:
        self._stream.write(json.dumps({"from": {"name": "", "ip": ""}, "to": to, "msg": msg, "x": x}).encode() + b"\n")

    def _until(self, op: str) -> int:
        self._stream.flush()
        for line in self._stream:
            x = json.loads(line).get("x", {})
            if x.get("op") == "fail":
                raise Failed(f"the server refused what was said to it: {line.decode()}")
            if x.get("op") == op:
                return int(x.get("seq") or 0)
        raise Failed("the server hung up on somebody who spoke")


@contextmanager
def served(directory: Path) -> Iterator[tuple[str, int]]:
    """A server with the page: its address, and the port for programs."""
    port = free_port()
    plain = ["--port", f"tcp:{port}:interface=127.0.0.1", "--http", "tcp:@PORT@:interface=127.0.0.1", "--lobby", ROOM]
    with running(msgspec.structs.replace(checkout("lanchat", ROOT), plain=plain), directory) as (_, http):
        yield f"http://127.0.0.1:{http}/", port


def measure(messages: int, loads: int, times: int) -> Figures:
    """Measure all, with so many messages in the room. Raises `Failed` where Chromium or Playwright is missing."""
    path = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only this needs it)
    except ImportError:
        raise Failed("the page needs playwright: pip install playwright") from None
    if path is None:
        raise Failed("the page needs Chromium (Debian: apt install chromium)")
    before = _without_route()
    with tempfile.TemporaryDirectory() as directory, served(Path(directory)) as (url, port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        figures = Figures(f"Chromium {browser.version}", messages)
        figures.loads = [_load(browser, url, figures.foreign) for _ in range(loads)]
        _fill(port, messages)
        _live(browser, url, Speaker(port, "bob"), figures, times)
        browser.close()
    after = _without_route()
    figures.packets = None if before is None or after is None or _leads_out() else after - before
    return figures


def _fill(port: int, messages: int) -> None:
    speakers = [Speaker(port, name) for name in ("alice", "dora", "emil")]
    for first in range(0, messages, TOGETHER):
        numbers = range(first, min(first + TOGETHER, messages))
        speakers[first // TOGETHER % len(speakers)].say([TEXTS[n % len(TEXTS)].format(number=n) for n in numbers])


def _window(browser: Browser, url: str, foreign: list[str]) -> tuple[Page, CDPSession]:
    """A page of somebody who has nothing in the browser; requests for other hosts are noted."""
    context = browser.new_context(viewport={"width": WINDOW[0], "height": WINDOW[1]}, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()

    def look(address: str) -> None:
        if urlsplit(address).netloc != urlsplit(url).netloc and urlsplit(address).scheme not in ("data", "blob"):
            foreign.append(address)

    page.on("request", lambda request: look(request.url))
    page.on("websocket", lambda opened: look(opened.url))
    return page, context.new_cdp_session(page)


def _load(browser: Browser, url: str, foreign: list[str]) -> Load:
    """Load the page for the first time. Counted is what comes over the network, heads of HTTP included."""
    page, session = _window(browser, url, foreign)
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    session.send("Network.enable")
    page.goto(url, wait_until="load")
    page.locator("input[name=name]").wait_for()
    page.wait_for_load_state("networkidle")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.context.close()
    return Load(sum(sizes) / 1000, len(sizes), painted)


def _live(browser: Browser, url: str, bob: Speaker, figures: Figures, times: int) -> None:
    """Enter the room, see the newest messages, write, and scroll to the first."""
    page, session = _window(browser, url, figures.foreign)
    page.add_init_script(PROBE)
    page.goto(url)
    page.locator("input[name=name]").fill("carol")
    page.keyboard.press("Enter")
    page.locator("[role=feed] article").first.wait_for()
    page.evaluate("void probe.watch()")
    page.locator("[role=feed]").hover()
    while page.locator("[role=feed] article").count() < min(ROWS, figures.messages):
        _turn(page, TURN)
    while _turn(page, -TURN)["left"] > -1:
        pass
    page.evaluate("void probe.found()")
    _write(page, bob, figures, times)
    figures.heap = _heap(session)
    _scroll(page, figures)
    figures.heap = max(figures.heap, _heap(session))
    page.context.close()


def _write(page: Page, bob: Speaker, figures: Figures, times: int) -> None:
    """Type, and let messages come, while the list is at its end."""
    page.get_by_role("textbox").last.click()
    page.evaluate("void probe.found()")
    page.keyboard.type(("What is typed here is painted. " * times)[:times], delay=40)
    figures.keys = page.evaluate("new Promise(requestAnimationFrame).then(() => probe.found().keys)")
    for number in range(times):
        bob.say([f"append {number}."])
        figures.appends.append(page.evaluate(f"probe.appended({number})"))


def _scroll(page: Page, figures: Figures) -> None:
    """Turn the wheel from the newest to the first message."""
    page.locator("[role=feed]").hover()
    page.evaluate("void probe.found()")
    began, first = time.monotonic(), False
    while not first:
        done = _turn(page, TURN)
        first = done["first"] == 1 and done["top"] < 1
        if done["left"] > 1 and done["top"] < 1:
            figures.waits += not first
        elif abs(done["left"]) > 1:
            figures.faults.append(f"the list is {-done['left']:.0f} px away from where the wheel left it")
    figures.scrolled = time.monotonic() - began
    found = page.evaluate("probe.found()")
    figures.rows, figures.seen = found["most"], found["seen"]
    figures.faults += found["faults"]


def _turn(page: Page, towards_older: int) -> dict[str, Any]:
    """Turn the wheel once, and wait until the list has followed."""
    page.mouse.wheel(0, -towards_older)
    done: dict[str, Any] = page.evaluate(f"probe.followed({towards_older})")
    return done


def _heap(session: CDPSession) -> float:
    session.send("HeapProfiler.enable")
    for _ in range(2):  # (what the first frees may let go of more)
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def _without_route() -> int | None:
    """How many packets had no way out of this network so far."""
    try:
        names, numbers = re.findall(r"^Ip: (.*)$", Path("/proc/net/snmp").read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return int(dict(zip(names.split(), numbers.split(), strict=True))["OutNoRoutes"])  # (a name that is looked up, too)


def _leads_out() -> bool:
    """Whether this network has more than the loopback."""
    return any(name != "lo" for _, name in socket.if_nameindex())


def p95(times: list[float]) -> float:
    """The time below which 95 % of these are."""
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    messages, loads, times = map(int, arguments)
    try:
        sys.stdout.buffer.write(msgspec.json.encode(measure(messages, loads, times)) + b"\n")
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
