"""What belongs to one name is not shown under another, and a login comes to an end, in a real browser with a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LOOPBACK, Server
from tests.webchat.browser import OpenWindow
from tests.webchat.modules import PASSWORD, Link, make_account, open_tab


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this module."""
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", "#lobby")
    with Server(tmp_path_factory.mktemp("server"), *options) as running:
        for name in ("ann", "bob"):
            make_account(running, name)
        yield running


@pytest.fixture
def link(server: Server) -> Iterator[Link]:
    with Link(server) as made:
        yield made


def test_whoever_comes_after_a_logout_does_not_see_what_was_not_sent(open_window: OpenWindow, server: Server) -> None:
    tab = open_tab(open_window, server).enter("ann", PASSWORD)
    tab.do("model.send('@nobody', 'a secret')")
    tab.until("rows('@nobody').some((row) => row.state === 'failed')")
    tab.do("model.session.logout()")
    tab.enter("bob", PASSWORD)
    assert tab.texts("@nobody") == []


def test_typed_replies_are_shown(open_window: OpenWindow, server: Server) -> None:
    tab = open_tab(open_window, server).enter("ann", PASSWORD).say("#lobby", "first")
    message = tab.until("rows('#lobby').find((row) => row.text === 'first' && row.id)")
    tab.do("model.command(`/reply ${arg} second`, '#lobby')", message["id"])
    assert "second" in tab.texts("#lobby")


def test_a_login_that_is_not_answered_is_tried_again(open_window: OpenWindow, link: Link) -> None:
    tab = open_tab(open_window, link)
    tab.page.clock.install()
    tab.do("model.session.start('ann')")
    tab.until("model.session.phase === 'login'")
    link.hold()
    tab.do("void model.session.login('ann', arg)", PASSWORD)
    assert tab.do("model.session.phase") == "connecting"
    tab.page.clock.fast_forward(20_000)
    tab.until("model.session.phase === 'offline'")
    link.release()
    tab.until("model.session.phase === 'online'")


def test_a_page_that_is_asked_for_a_password_after_a_cut_goes_on_asking(open_window: OpenWindow, link: Link) -> None:
    tab = open_tab(open_window, link).enter("ann", PASSWORD)
    tab.do("localStorage.removeItem('lanchat.token.ann')")
    tab.page.clock.install()
    link.cut()
    tab.until("model.session.phase === 'login'")
    tab.page.clock.fast_forward(1_000)
    assert tab.do("model.session.phase") == "login"


def test_drafts_are_those_of_one_name(open_window: OpenWindow, server: Server) -> None:
    tab = open_tab(open_window, server)
    drafts = "import('/conversation/drafts.js')"
    tab.do(f"{drafts}.then(({{ keepDraft }}) => (sessionStorage.setItem('lanchat.name', 'Ann'), keepDraft('@bob', 'psst')))")
    of = f"{drafts}.then(({{ draftOf }}) => (sessionStorage.setItem('lanchat.name', arg), draftOf('@bob')))"
    assert [tab.do(of, name) for name in ("bob", "ann")] == ["", "psst"]
