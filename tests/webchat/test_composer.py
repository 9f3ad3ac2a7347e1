"""Where one writes: what keys do, what is kept, what is suggested, what is asked of the model."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.live import LOOPBACK, Server
from tests.webchat.browser import OpenWindow
from tests.webchat.fakechat import FakeChat


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server has the modules of the page."""
    with Server(tmp_path_factory.mktemp("server"), "--port", LOOPBACK, "--http", LOOPBACK) as server:
        yield f"http://127.0.0.1:{server.port('browsers')}/"


@pytest.fixture
def chat(address: str, open_window: OpenWindow) -> FakeChat:
    """A conversation of 30 messages."""
    return FakeChat(open_window, address)


def said(chat: FakeChat) -> list[list[str]]:
    """What was asked of the model, but that one is typing."""
    return [asked for asked in chat.asked() if asked != ["typing"]]


def test_enter_sends_and_shift_enter_breaks_the_line(chat: FakeChat) -> None:
    expect(chat.field).to_be_focused()
    chat.page.keyboard.type("one")
    chat.page.keyboard.press("Shift+Enter")
    chat.page.keyboard.type("two")
    assert said(chat) == []
    chat.page.keyboard.press("Enter")
    expect(chat.field).to_have_value("")
    assert said(chat) == [["send", "one\ntwo", ""]]
    expect(chat.page.locator("article").last).to_have_attribute("data-state", "sent")
    chat.field.fill("  \n ")
    chat.page.keyboard.press("Enter")
    assert said(chat) == []


def test_enter_of_an_input_method_does_not_send(chat: FakeChat) -> None:
    chat.field.fill("にほ")
    for composing in ("{ isComposing: true }", "{ keyCode: 229 }"):
        chat.field.evaluate(
            f"""(field) => field.dispatchEvent(
                new KeyboardEvent("keydown", {{ key: "Enter", bubbles: true, cancelable: true, ...{composing} }}))"""
        )
    assert said(chat) == []
    expect(chat.field).to_have_value("にほ")


def test_several_lines_that_are_pasted_are_one_message(chat: FakeChat) -> None:
    chat.field.evaluate("(field) => field.focus()")
    chat.page.evaluate("document.execCommand('insertText', false, 'first\\nsecond\\n\\n')")
    chat.page.get_by_role("button", name="Send").click()
    assert said(chat) == [["send", "first\nsecond", ""]]


def test_a_message_that_failed_is_sent_again_or_discarded(chat: FakeChat) -> None:
    chat.field.fill("fail")
    chat.field.press("Enter")
    row = chat.page.locator("article[data-state=failed]")
    expect(row.get_by_role("alert")).to_contain_text("You are muted.")
    row.get_by_role("button", name="Send again").click()
    expect(chat.page.locator("article").last).to_contain_text("second try")
    expect(row).to_have_count(0)
    chat.field.fill("fail")
    chat.field.press("Enter")
    row.get_by_role("button", name="Discard").click()
    expect(row).to_have_count(0)


def test_a_draft_is_there_again_after_a_reload(chat: FakeChat) -> None:
    chat.field.fill("not yet")
    chat.again()
    expect(chat.field).to_have_value("not yet")
    chat.field.press("Enter")
    chat.again()
    expect(chat.field).to_have_value("")
    chat.field.fill("/login secret")
    chat.again()
    expect(chat.field).to_have_value("")


def test_arrow_up_edits_the_last_message_and_escape_ends_it(chat: FakeChat) -> None:
    chat.field.press("ArrowUp")
    expect(chat.field).to_have_value("")  # nothing was said yet
    for text in ("first", "second"):
        chat.field.fill(text)
        chat.field.press("Enter")
    chat.settle()
    chat.asked()
    chat.field.press("ArrowUp")
    expect(chat.field).to_have_value("second")
    expect(chat.page.get_by_text("Editing your message")).to_be_visible()
    chat.field.press("Escape")
    expect(chat.field).to_have_value("")
    chat.field.press("ArrowUp")
    chat.field.fill("second, better")
    chat.field.press("Enter")
    expect(chat.field).to_have_value("")
    row = chat.page.locator("article").last
    expect(row).to_contain_text(re.compile("second, better.*edited"))
    assert said(chat) == [["edit", "e1.32", "second, better"]]


def test_an_edit_leaves_the_draft_as_it_is(chat: FakeChat) -> None:
    chat.do("(chat) => chat.model.send('#ops', 'mine', { re: '' })")
    chat.field.fill("a draft")
    row = chat.page.locator("article").last
    row.hover()
    row.get_by_role("button", name="Actions").click()
    chat.page.get_by_role("menuitem", name="Edit").click()
    expect(chat.field).to_have_value("mine")
    chat.field.press("Escape")
    expect(chat.field).to_have_value("a draft")


def test_a_reply_names_its_message(chat: FakeChat) -> None:
    chat.row(29).hover()
    chat.row(29).get_by_role("button", name="Reply").click()
    expect(chat.page.get_by_text("Replying to")).to_be_visible()
    expect(chat.field).to_be_focused()
    chat.page.keyboard.type("yes")
    chat.page.keyboard.press("Enter")
    assert said(chat) == [["send", "yes", "e1.29"]]
    expect(chat.page.get_by_text("Replying to")).to_have_count(0)
    expect(chat.page.locator("article").last.get_by_role("link")).to_contain_text("number 29")


def test_commands_are_suggested_and_done(chat: FakeChat) -> None:
    chat.page.keyboard.type("/m")
    expect(chat.page.get_by_role("option")).to_have_count(2)
    chat.page.keyboard.press("ArrowDown")
    chat.page.keyboard.press("Tab")
    expect(chat.field).to_have_value("/members ")
    chat.page.keyboard.type("#ops")
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_text("Done: /members #ops")).to_be_visible()
    chat.page.keyboard.type("/members")
    chat.page.keyboard.press("Enter")  # it is whole: nothing is left to choose
    expect(chat.page.get_by_text("Done: /members", exact=True)).to_be_visible()
    assert said(chat) == [["command", "/members #ops"], ["command", "/members"]]


def test_what_is_no_command_and_no_secret_is_refused_and_comes_back(chat: FakeChat) -> None:
    chat.do("(chat) => (chat.model.command = async () => { throw new Error('There is no command /dance.') })")
    chat.field.fill("/dance now")
    chat.field.press("Enter")
    expect(chat.page.get_by_text("There is no command /dance.")).to_be_visible()
    expect(chat.field).to_have_value("/dance now")


def test_tab_completes_names(chat: FakeChat) -> None:
    chat.do("(chat) => chat.model.say('hi', { from: 'zoë' })")
    chat.page.keyboard.type("ZO")
    chat.page.keyboard.press("Tab")
    expect(chat.field).to_have_value("zoë: ")
    chat.page.keyboard.type("and @bo")
    chat.page.keyboard.press("Tab")
    expect(chat.field).to_have_value("zoë: and @bob ")
    chat.page.keyboard.type("nobody")
    chat.page.keyboard.press("Tab")
    expect(chat.field).not_to_be_focused()  # with nothing to complete, it is the key that it always is


def test_a_text_that_is_too_long_is_not_sent(chat: FakeChat) -> None:
    chat.field.fill("é" * 8192)
    expect(chat.page.get_by_text("0 bytes left")).to_be_visible()
    chat.field.fill("é" * 8193)
    expect(chat.page.get_by_text("Too long by 2 bytes")).to_be_visible()
    expect(chat.page.get_by_role("button", name="Send")).to_be_disabled()
    chat.field.press("Enter")
    assert said(chat) == []
    expect(chat.field).to_have_value("é" * 8193)


def test_what_one_types_is_told_and_what_others_type_is_shown(chat: FakeChat) -> None:
    chat.page.keyboard.type("/m")
    assert chat.asked() == []
    chat.field.fill("hello")
    assert chat.asked() == [["typing"]]
    chat.do("(chat) => { chat.model.typers = ['bob']; chat.model.changed(); }")
    expect(chat.page.get_by_text("bob\u2069 is typing")).to_be_visible()
    chat.do("(chat) => { chat.model.typers = ['ann', 'bob', 'eve', 'zoë']; chat.model.changed(); }")
    expect(chat.page.get_by_text("Several people are typing")).to_be_visible()


def test_the_field_grows_with_its_text(chat: FakeChat) -> None:
    low = chat.field.evaluate("(field) => field.offsetHeight")
    chat.field.fill("line\n" * 8)
    assert chat.field.evaluate("(field) => field.offsetHeight") > low * 2
    chat.field.fill("line\n" * 80)
    assert chat.field.evaluate("(field) => field.offsetHeight") < 300
    chat.field.fill("")
    assert chat.field.evaluate("(field) => field.offsetHeight") == low


def test_rows_and_what_can_be_done_with_them_are_reached_by_keys(chat: FakeChat) -> None:
    chat.feed.focus()
    chat.page.keyboard.press("ArrowUp")
    expect(chat.row(30)).to_be_focused()
    chat.page.keyboard.press("ArrowUp")
    expect(chat.row(29)).to_be_focused()
    chat.page.keyboard.press("Enter")
    items = chat.page.get_by_role("menuitem")
    expect(items).to_have_text(["Reply", "React", "Copy link", "Copy text"])
    expect(items.first).to_be_focused()
    chat.page.keyboard.press("ArrowDown")
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_role("dialog", name="React").get_by_role("button").first).to_be_focused()
    chat.page.keyboard.press("ArrowRight")
    chat.page.keyboard.press("Enter")
    expect(chat.row(29)).to_be_focused()
    assert said(chat) == [["react", "e1.29", "❤️"]]
    own = chat.row(29).get_by_role("button", name=re.compile("❤️.* from .*me"))
    expect(own).to_have_attribute("aria-pressed", "true")
    own.click()
    expect(own).to_have_count(0)
    chat.row(29).focus()
    chat.page.keyboard.press("Enter")
    chat.page.keyboard.press("Escape")
    expect(chat.row(29)).to_be_focused()


def test_any_short_text_can_be_a_reaction(chat: FakeChat) -> None:
    chat.row(29).hover()
    chat.row(29).get_by_role("button", name="React").click()
    chat.page.get_by_label("Any emoji or short text").fill(" 🦑 ")
    chat.page.keyboard.press("Enter")
    assert said(chat) == [["react", "e1.29", "🦑"]]


def test_withdrawing_is_asked_twice(chat: FakeChat) -> None:
    chat.do("(chat) => chat.model.send('#ops', 'mine', { re: '' })")
    chat.asked()
    row = chat.page.locator("article").last
    row.hover()
    row.get_by_role("button", name="Actions").click()
    chat.page.get_by_role("menuitem", name="Withdraw").click()
    assert said(chat) == []
    chat.page.get_by_role("menuitem", name="Withdraw for good?").click()
    expect(row).to_contain_text("This message was withdrawn.")
    assert said(chat) == [["withdraw", "e1.31", ""]]


def test_a_link_to_a_message_is_copied(chat: FakeChat) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.row(29).hover()
    chat.row(29).get_by_role("button", name="Actions").click()
    chat.page.get_by_role("menuitem", name="Copy link").click()
    expect(chat.page.get_by_text("The link is copied.")).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()").endswith("#/room/ops/e1.29")


def test_what_others_say_is_read_out_and_nothing_else(chat: FakeChat) -> None:
    region = chat.page.locator(".visually-hidden[role=status]")
    expect(region).to_have_text("")
    chat.do("(chat) => chat.model.say('hello you', { from: 'zoë' })")
    expect(region).to_have_text("\u2068zoë\u2069: \u2068hello you\u2069")
    chat.do("(chat) => { for (let n = 0; n < 5; n++) chat.model.say('and more') }")
    expect(region).to_have_text("5 new messages")
    assert region.evaluate("(region) => region.offsetWidth * region.offsetHeight") <= 1  # nobody sees it
