"""The measuring of what browsers cost works. Nothing here asserts a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.sync.server import ServerConnection, serve

from benchmarks import browser, page, tables
from benchmarks.browser import RELAY, TCP, WORKS, Browsers
from benchmarks.measure import Outcome, Pace
from benchmarks.page import PROBE, Figures
from benchmarks.results import Results
from benchmarks.servers import ROOT, Server, over_websocket, ws_relay
from benchmarks.works import Load
from tests.live import PATIENCE

HEARD_MOST = 3
SCROLLED = """<div role="feed" style="height: 300px; overflow: auto; overflow-anchor: none">{rows}</div>"""
ROW = """<article data-seq="{number}" style="height: 20px">{number}</article>"""


@pytest.fixture
def chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no Chromium here (Debian: apt install chromium)")
    return path


@pytest.fixture
def scrolled(chromium: str) -> Iterator[Any]:
    """A list of 100 rows, of 20 pixels each, at its end and watched by the probe."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the page needs playwright")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium)
        opened = running.new_page()
        opened.add_init_script(PROBE)
        rows = "".join(ROW.format(number=number) for number in range(1, 101))
        opened.goto(f"data:text/html,{SCROLLED.format(rows=rows)}")
        opened.evaluate("document.querySelector('[role=feed]').scrollTop = 10_000")
        opened.evaluate("void probe.watch()")
        opened.locator("[role=feed]").hover()
        yield opened
        running.close()


def turned(scrolled: Any, at_first: str = "") -> dict[str, Any]:
    """What the probe tells of a turn of the wheel, which begins with this."""
    scrolled.evaluate(f"addEventListener('wheel', () => {{ {at_first} }}, {{ once: true }})")
    scrolled.mouse.wheel(0, -100)
    return {**scrolled.evaluate("probe.followed(100)"), **scrolled.evaluate("probe.found()")}


def test_a_list_that_follows_the_wheel_has_no_faults(scrolled: Any) -> None:
    told = turned(scrolled)
    assert (told["left"], told["faults"], told["most"]) == (0, [], 100)
    assert told["seen"] == 20  # 15 rows, and 5 more


def test_a_gap_is_found(scrolled: Any) -> None:
    told = turned(scrolled, "document.querySelector('[data-seq=\"50\"]').remove()")
    assert "1 messages are missing before 51" in told["faults"]


def test_a_jump_is_found(scrolled: Any) -> None:
    assert turned(scrolled, "document.querySelector('[role=feed]').scrollTop -= 60")["left"] == -60


def test_rows_that_move_apart_are_found(scrolled: Any) -> None:
    told = turned(scrolled, "document.querySelector('[data-seq=\"90\"]').style.height = '50px'")
    assert "rows moved apart" in told["faults"]


def listen(heard: list[list[str]], origins: list[str | None]) -> tuple[Any, int]:
    """A server of websockets' own, which notes what each client says, and welcomes it."""

    def serve_one(connection: ServerConnection) -> None:
        assert connection.request is not None
        origins.append(connection.request.headers["Origin"].removeprefix(f"http://{connection.request.headers['Host']}"))
        said: list[str] = []
        heard.append(said)
        for message in connection:
            assert isinstance(message, str)
            said.append(message)
            if len(said) == 2:
                connection.send(json.dumps({"op": "welcome"}, separators=(",", ":")))
            if len(said) == HEARD_MOST:
                break

    server = serve(serve_one, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.socket.getsockname()[1]


def test_the_generator_opens_a_websocket_as_a_page_from_there_does_and_says_hello(generator: Path) -> None:
    heard: list[list[str]] = []
    origins: list[str | None] = []
    server, port = listen(heard, origins)
    words = Load("pairs", users=2, hello=True).arguments()
    subprocess.run([str(generator), "-d", "ws", "-p", str(port), *words, "-t", "0.1"], check=False, timeout=PATIENCE)  # noqa: S603 (ours)
    server.shutdown()
    assert origins == ["", ""]
    assert sorted(said[0] for said in heard) == ["u0", "u1"]
    assert all(json.loads(said[1])["to"] == "/hello" for said in heard)
    (sent,) = [json.loads(said[2]) for said in heard if len(said) == HEARD_MOST]
    assert sent["to"] == "u1"
    assert sent["x"]["cid"]


def test_the_short_form_has_every_work_over_websocket_and_over_tcp(generator: Path, tmp_path: Path) -> None:
    file = tmp_path / "browser.json"
    assert browser.main(["--short", "--only", "servers", "--json", str(file), "--report", str(tmp_path)]) == 0
    results = msgspec.json.decode(file.read_bytes(), type=Browsers)
    for work in results.servers.works:
        assert {"lanchat", TCP} | ({RELAY} if ws_relay() else set()) == {*results.servers.ranking(work)}
    text = (tmp_path / "BROWSER.md").read_text()
    assert "its figures\nmean nothing" in text
    assert all(f"### {work.number}. {work.title}" in text for work in WORKS)
    assert str(ROOT) not in text


def test_a_short_look_at_the_page_sees_every_message(chromium: str, tmp_path: Path) -> None:
    pytest.importorskip("playwright", reason="the page needs playwright")
    file = tmp_path / "browser.json"
    assert browser.main(["--short", "--only", "page", "--json", str(file), "--report", str(tmp_path)]) == 0
    found = msgspec.json.decode(file.read_bytes(), type=Browsers).page
    assert found is not None
    assert found.seen == found.messages + len(found.appends)
    assert not found.faults + found.foreign
    assert found.heap > 0
    assert "| key to paint, p95" in (tmp_path / "BROWSER.md").read_text()


def test_where_the_page_can_not_be_measured_it_is_said_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert page.main(["1", "1", "1"]) == 2
    left_out = Browsers(Results("", {}, Pace(1, 1.0), [], [], [], []), None, "the page needs Chromium")
    assert browser.everything(left_out) == "The page was not measured. the page needs Chromium."


def test_a_ratio_is_met_from_below_where_less_is_better() -> None:
    ours = Server("lanchat", "ws", ["none"], "1.0")
    cost = WORKS[0]
    for figure, told in ((30.0, "1.500 (1.500 to 1.500) | ≤ 1.60 | met"), (40.0, "≤ 1.60 | not met")):
        outcomes = [Outcome(0, name, cost.load, {cost.figure: each}) for name, each in (("lanchat", figure), (TCP, 20.0))]
        servers = [ours, msgspec.structs.replace(ours, name=TCP)]
        assert told in tables.of_work(Results("", {}, Pace(1, 1.0), [cost], servers, [], outcomes), cost)


def test_what_is_not_reached_is_said() -> None:
    found = Figures("Chromium", 10, loads=[page.Load(70.0, 9, 100.0)], keys=[1.0, 2.0], appends=[1.0, 99.0], seen=12, rows=400)
    results = Browsers(Results("", {}, Pace(1, 1.0), [], [], [], []), found, "")
    rows = {row[1].strip(): row[-2].strip() for row in (line.split("|") for line in browser.of_page(results).splitlines())}
    assert rows["first load"] == "not met"
    assert rows["first paint"] == "met"
    assert rows["arrival to paint, p95"] == "not met"
    assert rows["messages that were not seen while scrolling"] == "met"
    assert "packets that had nowhere to go" not in rows


def test_the_port_for_browsers_is_the_one_that_is_measured() -> None:
    assert "tcp:@PORT@:interface=127.0.0.1" in over_websocket(Server("lanchat", "json", ["none"], "1.0")).plain[3]
