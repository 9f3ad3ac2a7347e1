"""The Lounge, with an account over TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.irc.real_clients.doors import LOBBY, make_account, start
from tests.irc.real_clients.lounge import Lounge, the_lounge
from tests.irc.real_clients.node import installed, shared_folder
from tests.live import login
from tests.webchat.browser import CUT_OFF, OpenWindow

pytestmark = pytest.mark.slow


def test_the_lounge_talks_with_an_account_over_tls_and_comes_back(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, open_window: OpenWindow
) -> None:
    modules = installed(shared_folder(tmp_path_factory))
    server = start(tmp_path)
    make_account(server, "lou")
    authority = tmp_path / "data" / "tls_authority.pem"
    with the_lounge(tmp_path / "lounge", modules, authority, "lou") as url, login(server.port(), "ann") as ann:
        ann.say(LOBBY, "said before")
        window = open_window(url)
        window.expect_trouble(CUT_OFF)  # (when The Lounge is ended before its page is closed)
        lou = Lounge(window.page, "lou")
        lou.connects("localhost", server.port("ircs"), "lou", "#pumps")
        lou.goes_to(LOBBY)
        lou.sees("said before", "ann")
        lou.goes_to("#pumps")
        lou.sees("has joined the channel", "lou")
        ann.say("/join", "#pumps")
        lou.sees("has joined the channel", "ann")
        ann.say("#pumps", "hello Lou")
        lou.sees("hello Lou", "ann")
        lou.says("hello from The Lounge")
        assert ann.wait_for("hello from The Lounge")["from"]["name"] == "lou"
        lou.sees("hello from The Lounge", "lou")
        lou.says("/topic the pump is back")
        lou.sees("the pump is back")
        lou.says("/whois ann")
        expect(lou.page.locator('.msg[data-type="whois"]').filter(has_text="#pumps")).to_have_count(1)
        lou.goes_to("#pumps")  # (the answer is shown in a place of its own)
        lou.says("/kick ann enough for today")
        ann.wait_for("enough for today")
        server.stop()
        with start(tmp_path, server) as again, login(again.port(), "bob") as bob:
            lou.connects_again()
            again.logged("lou joined from")
            lou.goes_to("#pumps")
            bob.say("/join", "#pumps")
            bob.say("#pumps", "welcome back")
            lou.sees("welcome back", "bob")
