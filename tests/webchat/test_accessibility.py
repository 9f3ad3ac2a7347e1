"""Whoever can't see well, has no mouse, or has a small screen: axe-core, the keyboard alone, 320 pixels, and 200 %."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.live import Server, login
from tests.webchat.browser import OpenWindow
from tests.webchat.chat import LOBBY, PASSWORD, Person, address, make_account


def check(page: Page, what: str) -> None:
    """Fail if axe-core finds something serious."""
    page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished))")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [
        f"{what}: {rule['id']} ({rule['impact']}): {rule['help']}: {[node['html'][:200] for node in rule['nodes'][:5]]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True])
def test_axe_finds_nothing_serious(web_server: Server, open_window: OpenWindow, scheme: str, phone: bool) -> None:
    make_account(web_server, "ann")
    ann = Person(open_window(address(web_server), phone=phone, color_scheme=scheme, reduced_motion="reduce"))
    expect(ann.page.get_by_label("Your name")).to_be_visible()
    check(ann.page, "the first screen")
    ann.give_name("ann")
    expect(ann.page.get_by_label("Password")).to_be_visible()
    check(ann.page, "the password")
    ann.page.get_by_label("Password").fill(PASSWORD)
    ann.page.get_by_role("button", name="Log in").click()
    ann.is_in(LOBBY)
    with login(web_server.port(), "bob") as bob:
        bob.say(LOBBY, "hello ann, see http://127.0.0.1/ and `code`\n```\nblock\n```")
        bob.say("ann", "for you")
        ann.sees("hello ann")
        ann.says("an answer")
        ann.sent("an answer")
        check(ann.page, "the chat")
        row = ann.sees("hello ann")
        row.hover()
        check(ann.page, "a row with its buttons")
        row.get_by_role("button", name="Actions").click()
        check(ann.page, "a menu")
        ann.page.get_by_role("menuitem", name="React").click()
        check(ann.page, "the reactions")
        ann.page.get_by_role("button", name="👍").click()
        expect(row.get_by_role("button", name="👍")).to_be_visible()
        ann.page.get_by_role("button", name=f"About {LOBBY}").click()
        expect(ann.page.get_by_text("Everybody on this server is in this room.")).to_be_visible()
        check(ann.page, "the panel")
        ann.page.keyboard.press("Escape")
        for button in ("You: ", "Search", "Settings", "Find or make a room"):
            dialog = ann.opens_dialog(button)
            check(ann.page, f"the dialog {button}")
            ann.page.keyboard.press("Escape")
            expect(dialog).to_have_count(0)


def test_the_keyboard_alone_is_enough(web_server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(web_server)))
    keys = ann.page.keyboard
    expect(ann.page.get_by_label("Your name")).to_be_focused()
    keys.type("ann")
    keys.press("Enter")
    ann.is_in(LOBBY)
    with login(web_server.port(), "bob") as bob:
        expect(ann.field).to_be_focused()
        keys.type("hello")
        keys.press("Enter")
        ann.sent("hello")
        bob.say(LOBBY, "hello ann")
        ann.sees("hello ann")
        tab_to(ann, "Actions", "Reply", "React", back=True)
        bob.say("ann", "psst")
        expect(ann.link("bob")).to_contain_text("1 unread")
        keys.press("Alt+ArrowDown")
        keys.press("Alt+ArrowDown")
        ann.is_in("@bob")
        expect(ann.field).to_be_focused()
        keys.type("yes?")
        keys.press("Enter")
        bob.wait_for("yes?")
        keys.press("Control+/")
        dialog = ann.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        keys.press("Escape")
        expect(dialog).to_have_count(0)
        expect(ann.field).to_be_focused()


def tab_to(person: Person, *names: str, back: bool = False) -> None:
    """Press TAB until something with one of these names has the focus; each stop on the way can be seen."""
    for _ in range(60):
        person.page.keyboard.press("Shift+Tab" if back else "Tab")
        stop = person.page.evaluate(
            """() => {
                const { activeElement: element } = document;
                const { outlineStyle, boxShadow } = getComputedStyle(element);
                const name = element.ariaLabel ?? element.textContent;
                return { name, marked: element === document.body || outlineStyle !== "none" || boxShadow !== "none" };
            }"""
        )
        assert stop["marked"], f"nobody sees that {stop['name']!r} has the focus"
        if any(name in stop["name"] for name in names):
            return
        if "hello" in stop["name"] and back:
            person.page.keyboard.press("Tab")
            return
    pytest.fail(f"no way by TAB to {names}")


def test_what_is_new_is_read_out_and_nothing_else(web_server: Server, open_window: OpenWindow) -> None:
    make_account(web_server, "ann")
    with login(web_server.port(), "bob") as bob:
        bob.say(LOBBY, "long ago")
        ann = Person(open_window(address(web_server))).enter("ann", PASSWORD)
        ann.sees("long ago")
        live = ann.page.locator("[aria-live], [role=status]")
        assert "long ago" not in " ".join(live.all_text_contents())
        bob.say(LOBBY, "just now")
        expect(live.filter(has_text="just now")).to_have_count(1)


@pytest.mark.parametrize(("width", "height", "scale"), [(320, 568, 1.0), (640, 450, 2.0), (1280, 800, 1.0), (390, 844, 3.0)])
def test_nothing_has_to_be_scrolled_sideways(
    web_server: Server, open_window: OpenWindow, width: int, height: int, scale: float
) -> None:
    window = open_window(address(web_server), viewport={"width": width, "height": height}, device_scale_factor=scale)
    ann = Person(window)
    expect(ann.page.get_by_label("Your name")).to_be_visible()
    fits(ann.page)
    ann.enter("ann")
    for text in (
        "x" * 400,
        "http://127.0.0.1/" + "y" * 400,
        "```\n" + "z " * 200 + "\n```",
        "\u0645\u0631\u062d\u0628\u0627 " * 60,
    ):
        ann.says(text)
    ann.sent("\u0645\u0631\u062d\u0628\u0627")
    fits(ann.page)
    ann.page.get_by_role("button", name=f"About {LOBBY}").click()
    expect(ann.page.get_by_text("Everybody on this server is in this room.")).to_be_visible()
    fits(ann.page)
    ann.page.keyboard.press("Escape")
    for button in ("You: ", "Search", "Settings", "Find or make a room"):
        ann.opens_dialog(button)
        fits(ann.page)
        ann.page.keyboard.press("Escape")
        expect(ann.page.get_by_role("dialog")).to_have_count(0)


def fits(page: Page) -> None:
    """Nothing is wider than the page."""
    wide = page.evaluate(
        """() => {
            const root = document.scrollingElement;
            const feed = document.querySelector("[role=feed]");
            return [root, feed].filter((box) => box && box.scrollWidth > box.clientWidth).map((box) =>
                `${box.tagName} ${box.scrollWidth} > ${box.clientWidth}`);
        }"""
    )
    assert wide == []


def test_right_to_left_texts_stand_on_the_right(web_server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(web_server))).enter("ann")
    ann.says("\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd")
    row = ann.sent("\u05e9\u05dc\u05d5\u05dd")
    expect(row.locator(".text")).to_have_css("direction", "rtl")
    ann.says("hello")
    expect(ann.sent("hello").locator(".text")).to_have_css("direction", "ltr")
