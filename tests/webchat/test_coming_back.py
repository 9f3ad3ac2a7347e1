"""What people do with pages, and what happens to servers: reload, restart, sleep, leave and come back, a second tab."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.live import Peer, Server, login, until
from tests.webchat.browser import CUT_OFF, OpenWindow
from tests.webchat.chat import LOBBY, PASSWORD, Person, Start, address, make_account, make_moderator


def test_who_reloads_as_a_guest_is_in_again_and_finds_the_lobby(web_server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(web_server))).enter("ann")
    bob = Person(open_window(address(web_server))).enter("bob")
    for n in range(3):
        ann.says(f"before {n}")
        bob.sees(f"before {n}")
    ann.page.reload()
    ann.is_in(LOBBY)
    assert ann.sees("before 0", "ann")
    assert ann.texts() == ["before 0", "before 1", "before 2"]
    ann.says("after")
    bob.sees("after", "ann")


def test_who_reloads_as_a_guest_is_in_its_rooms_again(web_server: Server, open_window: OpenWindow) -> None:
    owner = Person(open_window(address(web_server))).enter("ann").register()
    owner.makes_room("#yard")
    guest = Person(open_window(address(web_server))).enter("bob")
    guest.joins("#yard")
    guest.is_in("#yard")
    guest.page.reload()
    guest.is_in("#yard")
    guest.says("here again")
    owner.sees("here again", "bob")


def test_who_reloads_as_an_account_finds_everything(web_server: Server, open_window: OpenWindow) -> None:
    make_account(web_server, "bob")
    ann = Person(open_window(address(web_server))).enter("ann").register()
    bob = Person(open_window(address(web_server))).enter("bob", PASSWORD)
    ann.makes_room("#ops")
    ann.says("in the room")
    bob.goes_to("ann").says("for you alone")
    expect(ann.link("bob")).to_contain_text("1 unread")
    ann.page.reload()
    ann.is_in("#ops")
    assert ann.sees("in the room", "ann")
    expect(ann.link("bob")).to_contain_text("1 unread")
    ann.goes_to("bob").sees("for you alone", "bob")
    expect(ann.link("bob")).not_to_contain_text("unread")
    ann.page.reload()
    ann.is_in("@bob")
    ann.sees("for you alone", "bob")
    expect(ann.link("bob")).not_to_contain_text("unread")


def test_a_server_that_starts_again_finds_its_pages_waiting(start: Start, open_window: OpenWindow) -> None:
    server = start()
    make_account(server, "ann")
    ann = Person(open_window(address(server))).enter("ann", PASSWORD)
    bob = Person(open_window(address(server))).enter("bob")
    for person in (ann, bob):
        person.window.expect_trouble(CUT_OFF)
    ann.says("before")
    bob.sees("before")
    server.stop()
    for person in (ann, bob):
        person.is_cut_off()
    ann.says("while it was away")
    expect(ann.sees("while it was away")).to_have_attribute("data-state", "sending")
    start()
    for person in (ann, bob):
        person.is_back()
    ann.sent("while it was away")
    bob.sees("while it was away", "ann")
    bob.says("after")
    for person in (ann, bob):
        person.sees("after", "bob")
        assert person.texts() == ["before", "while it was away", "after"]


def test_a_server_that_dies_loses_nothing_that_was_confirmed(start: Start, open_window: OpenWindow) -> None:
    server = start()
    make_account(server, "ann")
    ann = Person(open_window(address(server))).enter("ann", PASSWORD)
    ann.window.expect_trouble(CUT_OFF)
    said = [f"message {n}." for n in range(20)]
    for text in said:
        ann.says(text)
    ann.sent(said[9])
    server.stop(9)
    ann.is_cut_off()
    start()
    ann.is_back()
    for text in said:
        ann.sent(text)
    assert ann.texts() == said
    ann.page.reload()
    ann.sees(said[-1])
    assert ann.texts() == said


def test_a_guest_is_asked_before_something_is_sent_twice(start: Start, open_window: OpenWindow) -> None:
    server = start()
    ann = Person(open_window(address(server))).enter("ann")
    ann.window.expect_trouble(CUT_OFF)
    server.stop()
    ann.is_cut_off()
    ann.says("did you get this?")
    start()
    ann.is_back()
    row = ann.sees("did you get this?")
    until(lambda: row.get_attribute("data-state") in ("sent", "unknown"), "an outcome")
    if row.get_attribute("data-state") == "unknown":
        row.get_by_role("button", name="Send again").click()
    ann.sent("did you get this?")


def test_a_page_that_stood_still_has_missed_nothing(web_server: Server, open_window: OpenWindow) -> None:
    make_account(web_server, "ann")
    window = open_window(address(web_server))
    ann = Person(window).enter("ann", PASSWORD)
    lifecycle = window.context.new_cdp_session(window.page)
    ann.says("before")
    ann.sent("before")
    with login(web_server.port(), "bob") as bob:
        lifecycle.send("Page.setWebLifecycleState", {"state": "frozen"})
        for n in range(10):
            bob.say(LOBBY, f"while you slept {n}")
        bob.say("ann", "wake up")
        lifecycle.send("Page.setWebLifecycleState", {"state": "active"})
        ann.sees("while you slept 9", "bob")
        assert ann.texts() == ["before", *(f"while you slept {n}" for n in range(10))]
        expect(ann.link("bob")).to_contain_text("1 unread")
        ann.says("awake")
        bob.wait_for("awake")


def test_a_page_that_is_told_to_sleep_says_so_to_the_server(web_server: Server, open_window: OpenWindow) -> None:
    make_account(web_server, "ann")
    ann = Person(open_window(address(web_server))).enter("ann", PASSWORD)
    ann.page.evaluate("document.dispatchEvent(new Event('freeze'))")
    with login(web_server.port(), "bob") as bob:
        until(lambda: _is_away(bob, "ann"), "ann to be away")
        bob.say(LOBBY, "while you slept")
        ann.page.evaluate("document.dispatchEvent(new Event('resume'))")
        ann.sees("while you slept", "bob")
        ann.is_back()
        ann.says("awake")
        bob.wait_for("awake")


def _is_away(peer: Peer, name: str) -> bool:
    """Whether nobody with this name is online."""
    peer.say("/list")
    told: str = peer.packet()["msg"]
    return name not in told.rsplit(":", maxsplit=1)[-1]


def test_a_page_that_was_left_is_there_again_with_what_was_said_meanwhile(web_server: Server, open_window: OpenWindow) -> None:
    window = open_window(address(web_server))
    ann = Person(window).enter("ann")
    ann.says("before")
    ann.sent("before")
    ann.field.press_sequentially("half")
    elsewhere = f"{address(web_server)}trust"
    window.expect_trouble("404")
    window.page.evaluate("addEventListener('pageshow', (event) => { window.wasKept = event.persisted; })")
    window.page.goto(elsewhere)
    with login(web_server.port(), "bob") as bob:
        until(lambda: _is_away(bob, "ann"), "ann to be away")
        bob.say(LOBBY, "while you were elsewhere")
        window.page.go_back(wait_until="commit")
        ann.sees("while you were elsewhere", "bob")
        assert window.page.evaluate("window.wasKept"), "the browser's back/forward cache has kept the page"
        assert ann.texts() == ["before", "while you were elsewhere"]
        expect(ann.field).to_have_value("half")
        ann.says("back")
        bob.wait_for("back")


def test_two_tabs_of_one_account_show_the_same(web_server: Server, open_window: OpenWindow) -> None:
    window = open_window(address(web_server))
    first = Person(window).enter("ann").register()
    second = Person(window, window.open(address(web_server)))
    second.is_in(LOBBY)
    first.says("from the first")
    second.sees("from the first", "ann")
    second.says("from the second")
    first.sees("from the second", "ann")
    with login(web_server.port(), "bob") as bob:
        bob.say("ann", "to both")
        for tab in (first, second):
            expect(tab.link("bob")).to_contain_text("1 unread")
        first.goes_to("bob").sees("to both")
        for tab in (first, second):
            expect(tab.link("bob")).not_to_contain_text("unread")


def test_a_second_tab_of_a_guest_leaves_the_name_to_the_first(web_server: Server, open_window: OpenWindow) -> None:
    window = open_window(address(web_server))
    first = Person(window).enter("ann")
    second = Person(window, window.open(address(web_server)))
    expect(second.banner).to_be_visible()
    expect(first.banner).to_have_count(0)
    first.says("still here")
    first.sent("still here")


def test_who_registers_logs_out_and_logs_in_again(web_server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(web_server))).enter("ann").register()
    ann.says("mine")
    ann.sent("mine")
    dialog = ann.opens_dialog("You: ")
    expect(dialog.get_by_text("127.0.0.1")).to_be_visible()
    dialog.get_by_role("button", name="Log out").click()
    ann.give_name("ann")
    ann.page.get_by_label("Password").fill("wrong password")
    ann.page.get_by_role("button", name="Log in").click()
    expect(ann.page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
    ann.page.get_by_label("Password").fill(PASSWORD)
    ann.page.get_by_role("button", name="Log in").click()
    ann.is_in(LOBBY)
    ann.sees("mine", "ann")


def test_a_new_password_is_the_one_that_counts(web_server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(web_server))).enter("ann").register()
    dialog = ann.opens_dialog("You: ")
    dialog.get_by_text("Change password").first.click()
    dialog.get_by_label("Current password").fill(PASSWORD)
    dialog.get_by_label("New password").fill("another horse")
    dialog.get_by_role("button", name="Change password").click()
    expect(ann.page.get_by_text("Your password is changed.")).to_be_visible()
    ann.page.keyboard.press("Escape")
    ann.is_in(LOBBY)
    ann.page.reload()
    ann.is_in(LOBBY)
    other = Person(open_window(address(web_server)))
    other.enter("ann", "another horse")


def test_who_is_kicked_stays_out_until_they_want_to_come_back(web_server: Server, open_window: OpenWindow) -> None:
    ann = Person(open_window(address(web_server))).enter("ann")
    with login(web_server.port(), "boss") as boss:
        boss.say("/register", PASSWORD)
        boss.wait_for("is your account now")
        make_moderator(web_server, "boss")
        boss.wait_for("made you a moderator")
        boss.say("/kick", "ann enough for today")
        expect(ann.banner).to_contain_text("enough for today")
        ann.page.get_by_role("button", name="Come back").click()
        ann.is_back()
        ann.says("sorry")
        boss.wait_for("sorry")
