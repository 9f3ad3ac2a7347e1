"""What a page has loaded of a conversation: whatever comes in whatever order, there is no hole, no double, and no old text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live import Server
from tests.webchat.browser import OpenWindow
from tests.webchat.modules import open_tab

LIFE = Path(__file__).with_name("timeline_life.js").read_text()
#: Lives in one test.
LIVES = 10


@pytest.mark.parametrize("start", range(0, 40, LIVES))
def test_a_timeline_shows_the_log_between_two_places(open_window: OpenWindow, web_server: Server, start: int) -> None:
    tab = open_tab(open_window, web_server)
    for seed in range(start, start + LIVES):
        assert tab.page.evaluate(LIFE, seed) == "", f"seed {seed}"
