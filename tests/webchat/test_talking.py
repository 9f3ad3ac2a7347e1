"""People talk: at the chat page, on a phone, at a terminal and by telnet, in one place and the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.live import SCRIPTS, Peer, Server
from tests.screens import Terminal
from tests.webchat.browser import OpenWindow
from tests.webchat.chat import LOBBY, PASSWORD, Person, address, make_account, reads


@pytest.fixture
def server(web_server: Server) -> Server:
    """A server with all doors."""
    return web_server


@pytest.fixture
def terminal(server: Server, tmp_path: Path) -> Iterator[Terminal]:
    """Tom, at a terminal."""
    command = [str(SCRIPTS / "lanchat"), f"127.0.0.1:{server.port()}", "--name", "tom"]
    with Terminal(command, 100, XDG_STATE_HOME=str(tmp_path)) as opened:
        opened.shows(">")
        yield opened


@pytest.fixture
def telnet(server: Server) -> Iterator[Peer]:
    """Tina, by telnet."""
    with Peer(server.port("telnet")) as opened:
        opened.send(b"tina\r\n")
        reads(opened, "Welcome tina")
        yield opened


def test_everybody_talks_in_the_lobby(server: Server, open_window: OpenWindow, terminal: Terminal, telnet: Peer) -> None:
    ann = Person(open_window(address(server))).enter("ann")
    phil = Person(open_window(address(server), phone=True)).enter("phil")
    ann.says("grüße an alle 🌊")
    ann.sent("grüße an alle 🌊")
    phil.sees("grüße an alle 🌊", "ann")
    reads(telnet, "grüße an alle 🌊")
    terminal.shows("grüße an alle 🌊")
    phil.says("from a phone")
    phil.sent("from a phone")
    telnet.send(b"#lobby from telnet\r\n")
    terminal.types("#lobby from a terminal\r")
    for person in (ann, phil):
        person.sees("from a phone", "phil")
        person.sees("from telnet", "tina")
        person.sees("from a terminal", "tom")
    terminal.shows("from telnet")


def test_two_talk_where_nobody_else_hears_them(
    server: Server, open_window: OpenWindow, terminal: Terminal, telnet: Peer
) -> None:
    ann = Person(open_window(address(server))).enter("ann")
    bob = Person(open_window(address(server))).enter("bob")
    ann.goes_to("bob").says("only for you")
    expect(bob.link("ann")).to_contain_text("1 unread")
    bob.goes_to("ann").sees("only for you", "ann")
    expect(bob.link("ann")).not_to_contain_text("unread")
    bob.says("and for you")
    ann.sees("and for you", "bob")
    terminal.types("@ann from tom\r")
    telnet.send(b"@ann from tina\r\n")
    ann.goes_to("tom").sees("from tom", "tom")
    ann.says("back to tom")
    terminal.shows("back to tom")
    ann.goes_to("tina").sees("from tina", "tina")
    for person in (ann, bob):
        person.goes_to(LOBBY)
        assert person.texts() == []


def test_a_room_that_somebody_made_is_found_by_others(server: Server, open_window: OpenWindow, terminal: Terminal) -> None:
    ann = Person(open_window(address(server))).enter("ann").register()
    bob = Person(open_window(address(server))).enter("bob")
    ann.makes_room("#ops")
    ann.says("is the pump back?")
    bob.joins("#ops")
    bob.sees("is the pump back?", "ann")
    bob.says("it is")
    ann.sees("it is", "bob")
    terminal.types("/join #ops\r")
    terminal.shows("You are in #ops")
    terminal.types("#ops well done\r")
    for person in (ann, bob):
        person.sees("well done", "tom")
    bob.goes_to(LOBBY)
    ann.says("bob: come back")
    expect(bob.link("#ops")).to_contain_text("1 mention of you")


def test_to_everyone_reaches_who_is_here_and_says_that_it_is_not_kept(
    server: Server, open_window: OpenWindow, terminal: Terminal, telnet: Peer
) -> None:
    ann = Person(open_window(address(server))).enter("ann")
    bob = Person(open_window(address(server))).enter("bob")
    ann.goes_to("Everyone").says("fire drill at noon")
    bob.goes_to("Everyone").sees("fire drill at noon", "ann")
    expect(bob.page.get_by_text("not kept").first).to_be_visible()
    reads(telnet, "fire drill at noon")
    terminal.shows("fire drill at noon")
    terminal.types("/shout heard\r")
    for person in (ann, bob):
        person.sees("heard", "tom")


def test_a_reply_an_edit_a_reaction_and_a_withdrawal_are_seen_by_the_other(server: Server, open_window: OpenWindow) -> None:
    for name in ("ann", "bob"):
        make_account(server, name)
    ann = Person(open_window(address(server))).enter("ann", PASSWORD)
    bob = Person(open_window(address(server))).enter("bob", PASSWORD)
    ann.says("lunch at noon?")
    bob.chooses("lunch at noon?", "Reply")
    bob.says("with pleasure")
    reply = ann.page.locator("article", has=ann.page.locator(".quote", has_text="lunch at noon?"))
    expect(reply.locator(".text")).to_have_text("with pleasure")
    ann.chooses("with pleasure", "React")
    ann.page.get_by_role("dialog").get_by_text("👍").click()
    expect(reply.get_by_role("button", name="👍")).to_be_visible()
    theirs = bob.page.locator("article", has_text="with pleasure")
    expect(theirs.get_by_role("button", name="👍")).to_have_attribute("aria-label", "\u2068👍\u2069 from \u2068ann\u2069")
    ann.field.press("ArrowUp")
    expect(ann.field).to_have_value("lunch at noon?")
    ann.says("lunch at one?")
    expect(bob.page.locator("article > .body > .text", has_text="lunch at one? edited")).to_have_count(1)
    expect(bob.row("lunch at noon?").locator("> .body > .text", has_text="noon")).to_have_count(0)
    ann.chooses("lunch at one?", "Withdraw")
    ann.page.get_by_role("menuitem", name="Withdraw for good?").click()
    for person in (ann, bob):
        expect(person.page.get_by_text("This message was withdrawn.")).to_be_visible()
        expect(person.page.get_by_text("lunch at one?")).to_have_count(0)


def test_several_lines_a_link_and_code_look_as_they_were_meant(server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(server))).enter("ann")
    bob = Person(open_window(address(server))).enter("bob")
    ann.field.fill("one\ntwo")
    ann.field.press("Shift+Enter")
    ann.field.press_sequentially("see http://127.0.0.1/wiki and `a < b`")
    ann.field.press("Enter")
    row = bob.sees("see http://127.0.0.1/wiki")
    link = row.get_by_role("link", name="http://127.0.0.1/wiki")
    expect(link).to_have_attribute("href", "http://127.0.0.1/wiki")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(row.locator("code")).to_have_text("a < b")
    assert row.locator(".text").inner_text().splitlines()[:2] == ["one", "two"]


def test_who_types_is_seen_typing_and_a_draft_stays_where_it_was_written(server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(server))).enter("ann")
    bob = Person(open_window(address(server))).enter("bob")
    ann.field.press_sequentially("half a sen")
    expect(bob.page.get_by_text("ann\u2069 is typing")).to_be_visible()
    ann.goes_to("Everyone")
    expect(ann.field).to_have_value("")
    ann.page.reload()
    ann.goes_to(LOBBY)
    expect(ann.field).to_have_value("half a sen")


def test_commands_and_names_are_completed(server: Server, open_window: OpenWindow, telnet: Peer) -> None:
    ann = Person(open_window(address(server))).enter("ann")
    ann.field.press_sequentially("hi tin")
    ann.field.press("Tab")
    expect(ann.field).to_have_value("hi tina ")
    ann.field.fill("")
    ann.field.press_sequentially("/tim")
    ann.field.press("Tab")
    ann.field.press("Enter")
    expect(ann.page.get_by_text("Server time")).to_be_visible()


def test_who_searches_is_led_to_the_message(server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(server))).enter("ann").register()
    ann.says("the blue whale sleeps")
    ann.sent("the blue whale sleeps")
    for n in range(60):
        ann.says(f"wave {n}.")
        ann.sent(f"wave {n}.")
    ann.goes_to("Everyone")
    dialog = ann.opens_dialog("Search")
    dialog.get_by_role("textbox").fill("whale")
    dialog.get_by_role("textbox").press("Enter")
    dialog.get_by_role("link", name="blue whale").click()
    expect(ann.sees("the blue whale sleeps")).to_be_in_viewport()
    assert "#/room/lobby/" in ann.page.url
