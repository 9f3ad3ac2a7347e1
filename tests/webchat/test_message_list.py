"""The list of messages: it scrolls both ways without a gap or a jump, keeps its place, and shows what it is led to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

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


def places(chat: FakeChat) -> dict[str, float]:
    """How far below the top of the list each visible row is, by its number, in px."""
    found: dict[str, float] = chat.page.evaluate("Object.fromEntries(chat.visible())")
    return found


def stays(before: dict[str, float], after: dict[str, float]) -> None:
    """Rows that were visible are where they were, as far as browsers place them."""
    common = before.keys() & after.keys()
    assert common == before.keys()
    assert {seq: after[seq] for seq in common} == pytest.approx({seq: before[seq] for seq in common}, abs=1)


def test_it_scrolls_from_the_newest_to_the_first_and_back_without_a_gap_or_a_jump(
    address: str, open_window: OpenWindow
) -> None:
    chat = FakeChat(open_window, address, 3000)
    assert chat.below_end() < 1
    up = chat.page.evaluate("chat.scroll(-500)")
    assert up["jumps"] == []
    assert up["seen"] == list(range(1, 3001))
    assert up["visible"][0] == 1
    assert up["most"] <= 400
    down = chat.page.evaluate("chat.scroll(500)")
    assert down["jumps"] == []
    assert down["seen"] == list(range(1, 3001))
    assert down["visible"][-1] == 3000
    assert down["most"] <= 400


def test_the_wheel_brings_what_was_said_before(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address, 500)
    chat.page.mouse.move(450, 300)
    for _ in range(8):
        chat.page.mouse.wheel(0, -600)
    expect(chat.page.locator("article").nth(150)).to_be_attached()


def test_at_the_end_it_stays_at_the_end(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address)
    chat.do("(chat) => chat.model.say('hello '.repeat(100))")
    assert chat.below_end() < 1
    chat.do("(chat) => chat.model.react(chat.model.timeline().rows.at(-1), '👍')")
    assert chat.below_end() < 1
    chat.field.fill("several\nlines\nof a text\nthat is not sent yet")
    chat.settle()
    assert chat.below_end() < 1
    chat.page.set_viewport_size({"width": 400, "height": 400})
    chat.settle()
    assert chat.below_end() < 1
    expect(chat.page.get_by_role("button", name="To the newest")).to_have_count(0)


def test_who_reads_earlier_messages_is_not_disturbed_by_new_ones(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address, 1000)
    chat.do("(chat) => (chat.feed.scrollTop -= 1500)")
    before = places(chat)
    chat.do("(chat) => { for (let n = 0; n < 60; n++) chat.model.say('new') }")
    stays(before, places(chat))
    button = chat.page.get_by_role("button", name="To the newest (60 new)")
    button.click()
    chat.settle()
    assert chat.below_end() < 1
    expect(button).to_have_count(0)
    assert chat.do("(chat) => chat.model.unread") == 0


@pytest.mark.parametrize(
    "what",
    [
        "(chat) => chat.model.edit(chat.model.timeline().rows[0], 'longer '.repeat(300))",
        "(chat) => chat.model.withdraw(chat.model.timeline().rows.at(-60))",
        "(chat) => { for (const row of chat.model.timeline().rows) chat.model.react(row, '🎉') }",
        "(chat) => chat.model.timeline().loadOlder()",
    ],
    ids=["edit", "withdrawal", "reactions", "older"],
)
def test_the_place_is_kept_when_rows_above_it_change(address: str, open_window: OpenWindow, what: str) -> None:
    chat = FakeChat(open_window, address, 1000)
    chat.do("(chat) => (chat.feed.scrollTop -= 800)")
    first = min(places(chat), key=places(chat).__getitem__)
    before = places(chat)[str(int(first) + 1)]
    chat.do(what)
    assert places(chat)[str(int(first) + 1)] == pytest.approx(before, abs=1)


def test_the_place_is_kept_when_the_window_gets_narrower(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address, 1000)
    chat.do("(chat) => (chat.feed.scrollTop -= 1500)")
    before = list(places(chat).items())[1]
    chat.page.set_viewport_size({"width": 340, "height": 700})
    chat.settle()
    assert places(chat)[before[0]] == pytest.approx(before[1], abs=1)


def test_one_more_message_moves_no_other_row(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address, 1000)
    chat.do("async (chat) => { for (let n = 0; n < 3; n++) await chat.model.timeline().loadOlder() }")
    assert chat.page.locator("article").count() == 400
    changes = chat.do(
        """async (chat) => {
            const records = [];
            const observer = new MutationObserver((list) => records.push(...list));
            observer.observe(chat.feed.querySelector(".rows"), { childList: true });
            chat.model.say("one more");
            for (let n = 0; n < 4; n++) await chat.frame();
            return records.flatMap((record) => [...record.addedNodes, ...record.removedNodes]).length;
        }"""
    )
    assert changes == 2  # one came, and the first one went


def test_the_line_of_what_is_new_is_shown_where_it_begins(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address, 200, read=140)
    line = chat.page.get_by_text("New", exact=True)
    expect(line).to_be_in_viewport()
    assert next(iter(places(chat))) != "200"
    following = chat.page.evaluate(
        "document.querySelector('.new-since').nextElementSibling.querySelector('article').dataset.seq"
    )
    assert following == "141"
    expect(chat.page.get_by_role("button", name="To the newest (60 new)")).to_be_visible()
    assert chat.do("(chat) => chat.model.unread") == 60


def test_a_link_leads_to_its_message(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address, 3000, focus="e1.50")
    expect(chat.row(50)).to_be_in_viewport()
    expect(chat.row(50)).to_be_focused()
    highlighted = chat.do(
        """async (chat) => {
            chat.show("e1.2000");
            for (;;) {
                await chat.frame();
                const row = document.querySelector(".highlighted[data-seq='2000']");
                if (row) return row.dataset.id;
            }
        }"""
    )
    assert highlighted == "e1.2000"
    expect(chat.row(2000)).to_be_in_viewport()
    expect(chat.row(2000)).to_be_focused()
    chat.do("(chat) => chat.show('e1.9999')")
    expect(chat.page.get_by_text("That message is not here any more.")).to_be_visible()
    expect(chat.row(2000)).to_be_in_viewport()


def test_a_reply_leads_to_what_it_replies_to(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address, 500, focus="e1.109")
    quote = chat.row(109).get_by_role("link", name=re.compile("number 105"))
    expect(quote).to_have_attribute("href", "#/room/ops/e1.105")
    quote.click()
    expect(chat.row(105)).to_be_focused()


def test_what_is_withdrawn_or_edited_is_so_in_replies_to_it_too(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address)
    chat.do("(chat) => chat.model.edit(chat.model.timeline().get('e1.25'), 'another text')")
    quote = chat.row(29).locator(".quote")
    expect(quote).to_contain_text("another text")
    chat.do("(chat) => chat.model.withdraw(chat.model.timeline().get('e1.25'))")
    expect(quote).to_have_text("A message that is not here any more")


def test_a_long_message_is_shown_in_part_and_unfolds_downwards(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address)
    chat.do("(chat) => chat.model.say('word '.repeat(3200))")
    text = chat.page.locator("article").last.locator(".text")
    assert len(text.inner_text()) < 2100
    chat.page.get_by_role("button", name="Show all").scroll_into_view_if_needed()
    before = text.bounding_box()
    chat.page.get_by_role("button", name="Show all").click()
    chat.settle()
    assert len(text.inner_text()) >= 15_999
    after = text.bounding_box()
    assert before is not None
    assert after is not None
    assert after["y"] == pytest.approx(before["y"], abs=1)


def test_people_who_come_and_go_are_one_row(address: str, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address)
    chat.do(
        """(chat) => {
            const event = (ev, who, text = "") => chat.model.say("", { from: who, event: { ev, who, by: who, text } });
            ["ann", "bob", "zoë"].forEach((who) => event("joined", who));
            event("left", "ann");
            event("topic", "bob", "Pumps");
        }"""
    )
    rows = chat.page.get_by_role("article", name=re.compile("^What happened"))
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text(re.compile("ann.*, .*bob.* and .*zoë.* joined · .*ann.* left"))
    expect(rows.last).to_contain_text(re.compile("bob.* set the topic: .*Pumps"))
    rows.first.get_by_role("button").click()
    expect(rows.first.get_by_role("listitem")).to_have_count(4)


@pytest.mark.parametrize("width", [320, 900])
def test_the_picture_of_who_sends_a_notice_does_not_cover_the_name(address: str, open_window: OpenWindow, width: int) -> None:
    chat = FakeChat(open_window, address)
    chat.page.set_viewport_size({"width": width, "height": 700})
    chat.do("(chat) => chat.model.say('from a program', { from: 'zoe', kind: 'notice' })")
    row = chat.page.locator("article").last
    picture, name = row.locator(".avatar").bounding_box(), row.get_by_text("zoe", exact=True).bounding_box()
    assert picture
    assert name
    assert picture["x"] + picture["width"] <= name["x"]


#: What tries to break out of its row: by length, by lines, by what is put upon letters, by direction.
UNRULY: dict[str, Any] = {
    "16 KB without a blank": {"text": "w" * 16_384},
    "a word of 10,000 characters": {"text": f"before {'ñ' * 10_000} after"},
    "16,000 lines": {"text": "\n" * 16_000 + "."},
    "100 marks on each letter": {"text": ("e" + "\u0301\u0316\u0323\u0334" * 25) * 40},
    "a name of marks": {"text": "hello", "from": "z" + "\u0301" * 31},
    "turned around": {"text": "\u202eevil \u2066txt.exe\u202d http://example.org/\u202egpj.exe", "from": "\u202enna"},
    "a wide block": {"text": f"```\n{'long line ' * 1000}\n```"},
    "nothing but backquotes": {"text": "`a`" * 5000},
    "reactions": {"text": "hello", "reactions": [["W" * 32 + str(n), ["ann"] * 100] for n in range(50)]},
}


@pytest.mark.parametrize("more", UNRULY.values(), ids=UNRULY.keys())
def test_what_tries_to_break_out_stays_in_its_row(address: str, open_window: OpenWindow, more: dict[str, Any]) -> None:
    chat = FakeChat(open_window, address)
    chat.page.set_viewport_size({"width": 320, "height": 700})
    chat.do(
        "(chat, more) => { chat.model.say(more.text, { ...more }); chat.model.say('the row after it', { from: 'eve' }) }", more
    )
    assert chat.below_end() < 1
    assert chat.page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    assert chat.feed.evaluate("(feed) => feed.scrollWidth - feed.clientWidth") == 0
    # What is painted in the place of the next row is that row.
    hit = chat.page.locator("article").last.evaluate(
        """(row) => {
            const { left, top, width } = row.querySelector(".text").getBoundingClientRect();
            return document.elementFromPoint(left + Math.min(20, width / 2), top + 8).closest("article") === row;
        }"""
    )
    assert hit
    clipped = chat.page.locator("article").nth(-2).evaluate("(row) => getComputedStyle(row).contain")
    assert "paint" in clipped
