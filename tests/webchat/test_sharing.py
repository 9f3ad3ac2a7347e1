"""Files at the chat page: how they are sent, what becomes of them on the way, and how they are shown."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Route, expect

from lanchat.protocol.files import format_size
from tests.live import LOOPBACK, Peer, Server
from tests.webchat.browser import CUT_OFF, OpenWindow
from tests.webchat.chat import LOBBY, PASSWORD, Person, Start, address, make_account, reads
from tests.webchat.fakechat import FakeChat
from tests.webchat.sharing import (
    has_loaded,
    is_under_way,
    picks,
    png,
    program,
    row_of,
    send_file,
    slow_down,
    transfer,
    uploads,
)
from tests.webchat.test_accessibility import check

DOORS = ("--port", LOOPBACK, "--telnet", LOOPBACK, "--http", LOOPBACK, "--lobby", LOBBY)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with all doors."""
    with Server(tmp_path_factory.mktemp("server"), *DOORS, "--limit", "file=5000000") as running:
        yield running


def test_a_picture_with_a_text_reaches_everybody(server: Server, open_window: OpenWindow) -> None:
    with Peer(server.port("telnet")) as telnet, program(server, "robot") as robot:
        telnet.send(b"tina\r\n")
        reads(telnet, "Welcome tina")
        ann = Person(open_window(address(server))).enter("ann")
        bob = Person(open_window(address(server), phone=True)).enter("bob")
        data = png(1200, 600)
        picks(ann, ("sea.png", data))
        ann.field.fill("the view from here")
        ann.field.press("Enter")
        for person in (ann, bob):
            row = row_of(person, "sea.png")
            expect(row).to_have_count(1)
            expect(row).to_contain_text("the view from here")
            has_loaded(row.get_by_role("img", name="sea.png"))
        expect(uploads(ann)).to_have_count(0)
        expect(ann.field).to_have_value("")
        box = row_of(ann, "sea.png").get_by_role("img", name="sea.png").bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(2 * box["height"], abs=1)
        told = robot.wait_for("the view")["x"]["file"]
        assert (told["name"], told["type"], told["size"], told["w"], told["h"]) == (
            "sea.png",
            "image/png",
            len(data),
            1200,
            600,
        )
        reads(telnet, f"sea.png ({format_size(len(data))})")
        with urllib.request.urlopen(reads(telnet, "http://127.0.0.1:").strip()) as answer:  # noqa: S310 (ours)
            assert answer.read() == data
        with urllib.request.urlopen(told["thumb"]) as answer:  # noqa: S310 (ours)
            assert 0 < len(answer.read()) <= 65_536
        ann.window.expect_trouble("404")  # (the picture's own icon)
        with ann.window.context.expect_page() as opened:
            row_of(ann, "sea.png").locator("a.picture").click()
        assert opened.value.evaluate("document.querySelector('img').naturalWidth") == 1200


def test_files_without_a_text_go_one_after_another(server: Server, open_window: OpenWindow) -> None:
    carl = Person(open_window(address(server))).enter("carl")
    dora = Person(open_window(address(server))).enter("dora")
    picks(carl, ("one.bin", b"\0one"), ("two.bin", b"\0two" * 5000))
    carl.page.get_by_role("button", name="Send", exact=True).click()
    for person in (carl, dora):
        names = person.page.locator("a[download$='.bin']")
        expect(names).to_have_count(2)
        assert [name.get_attribute("download") for name in names.all()] == ["one.bin", "two.bin"]
        expect(row_of(person, "two.bin")).to_contain_text("20 kB")
        assert row_of(person, "one.bin").locator(".text").count() == 0
    with dora.page.expect_download() as download:
        row_of(dora, "two.bin").get_by_role("link", name="two.bin").click()
    assert Path(download.value.path()).read_bytes() == b"\0two" * 5000
    assert download.value.suggested_filename == "two.bin"


def test_pictures_are_pasted_and_files_dropped(server: Server, open_window: OpenWindow) -> None:
    emma = Person(open_window(address(server))).enter("emma")
    data = transfer(emma.page, ("shot.png", png(60, 40)))
    emma.field.evaluate(
        """(field, data) => field.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }))""",
        data,
    )
    expect(uploads(emma)).to_contain_text(["shot.png"])
    section = emma.page.locator("section.conversation")
    data = transfer(emma.page, ("notes.txt", b"dropped"))
    section.dispatch_event("dragenter", {"dataTransfer": data})
    expect(emma.page.get_by_text("Drop files here")).to_be_visible()
    section.dispatch_event("drop", {"dataTransfer": data})
    expect(emma.page.get_by_text("Drop files here")).to_have_count(0)
    elsewhere = """(data) => !document.querySelector("nav").dispatchEvent(
        new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }))"""
    assert emma.page.evaluate(elsewhere, data), "the browser does not leave the page for the file"
    expect(uploads(emma)).to_contain_text(["shot.png", "notes.txt"])
    emma.field.press("Enter")
    has_loaded(row_of(emma, "shot.png").get_by_role("img"))
    expect(row_of(emma, "notes.txt")).to_have_count(1)


def test_text_that_is_copied_with_a_picture_of_it_is_pasted_as_text(server: Server, open_window: OpenWindow) -> None:
    fred = Person(open_window(address(server))).enter("fred")
    data = transfer(fred.page, ("cells.png", png(60, 40)))
    data.evaluate("(data) => data.items.add('1 2 3', 'text/plain')")
    taken = fred.field.evaluate(
        """(field, data) => !field.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }))""",
        data,
    )
    assert not taken
    expect(uploads(fred)).to_have_count(0)


def test_what_is_being_sent_is_stopped(server: Server, open_window: OpenWindow) -> None:
    gina = Person(open_window(address(server))).enter("gina")
    slow_down(gina, 200_000)
    picks(gina, ("long.bin", bytes(4_000_000)))
    gina.field.press("Enter")
    is_under_way(gina)
    gina.page.get_by_role("button", name="Stop sending long.bin").click()
    expect(uploads(gina)).to_have_count(0)
    slow_down(gina, 0)
    picks(gina, ("short.bin", b"\0"))
    gina.page.get_by_role("button", name="Remove short.bin").click()
    expect(uploads(gina)).to_have_count(0)
    picks(gina, ("third.bin", b"\0"))
    gina.field.press("Enter")
    expect(row_of(gina, "third.bin")).to_have_count(1)
    expect(row_of(gina, "long.bin")).to_have_count(0)
    expect(row_of(gina, "short.bin")).to_have_count(0)


def test_a_file_that_can_not_be_sent_is_refused_in_words(server: Server, open_window: OpenWindow) -> None:
    hugo = Person(open_window(address(server))).enter("hugo")
    picks(hugo, ("huge.bin", bytes(5_000_001)), ("empty.bin", b""))
    expect(uploads(hugo).nth(0)).to_contain_text("Too large: files may have up to 5 MB here.")
    expect(uploads(hugo).nth(1)).to_contain_text("This file is empty.")
    expect(uploads(hugo).get_by_role("button", name="Send again")).to_have_count(0)
    expect(hugo.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    hugo.page.get_by_role("button", name="Remove huge.bin").click()
    hugo.page.get_by_role("button", name="Remove empty.bin").click()
    expect(uploads(hugo)).to_have_count(0)
    hugo.goes_to("Everyone")
    expect(hugo.page.get_by_role("button", name="Attach files")).to_have_count(0)


def test_what_the_server_refuses_can_be_sent_again(tmp_path: Path, open_window: OpenWindow) -> None:
    with Server(tmp_path, *DOORS, "--limit", "account-files=1000") as small:
        ida = Person(open_window(address(small))).enter("ida")
        picks(ida, ("plan.bin", bytes(2000)))
        ida.field.fill("look")
        ida.field.press("Enter")
        row = uploads(ida)
        expect(row.get_by_role("alert")).to_be_visible()
        assert row.get_by_role("alert").inner_text().strip()
        row.get_by_role("button", name="Send again").click()
        expect(row.get_by_role("alert")).to_be_visible()
        row.get_by_role("button", name="Remove plan.bin").click()
        picks(ida, ("plan.bin", bytes(500)))
        ida.field.press("Enter")
        expect(row_of(ida, "plan.bin")).to_have_count(1)


def test_what_was_cut_off_is_offered_again(start: Start, open_window: OpenWindow) -> None:
    first = start()
    make_account(first, "jane")
    jane = Person(open_window(address(first)))
    jane.window.expect_trouble(CUT_OFF)
    jane.enter("jane", PASSWORD)
    slow_down(jane, 200_000)
    picks(jane, ("log.bin", bytes(3_000_000)))
    jane.field.press("Enter")
    is_under_way(jane)
    first.stop()
    expect(uploads(jane).get_by_role("alert")).to_have_text(re.compile("cut off on its way|connection was lost"))
    jane.is_cut_off()
    slow_down(jane, 0)
    start()
    jane.is_back()
    jane.page.get_by_role("button", name="Send again").click()
    expect(row_of(jane, "log.bin")).to_have_count(1)
    jane.page.reload()
    expect(row_of(jane, "log.bin")).to_have_count(1)


#: Files that would run a script if a browser took them for what they pretend to be: they set the title, and call back.
EVIL = "document.title = 'pwned'; new Image().src = '/pwned'"
HOSTILE = {
    "page.html": f'<!doctype html><title>good</title><script>{EVIL}</script><img src=x onerror="{EVIL}">'.encode(),
    "drawing.svg": f'<svg xmlns="http://www.w3.org/2000/svg" onload="{EVIL}"><script>{EVIL}</script></svg>'.encode(),
    "both.gif": f"GIF89a/*{'0' * 40}*/=0;{EVIL}".encode(),
    "paper.pdf": f"%PDF-1.4\n<html><script>{EVIL}</script></html>".encode(),
    "memo.txt": f"<html><script>{EVIL}</script></html>".encode(),
    "feed.xml": f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>{EVIL}</script></html>'.encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_in_a_file_runs(server: Server, open_window: OpenWindow, name: str) -> None:
    window = open_window(address(server))
    window.expect_trouble("NotSameOrigin|Content Security Policy|Failed to load resource")
    with program(server, f"mallory-{name[:4]}") as mallory:
        url = send_file(mallory, LOBBY, name, HOSTILE[name])["url"]
    page = window.open()
    try:
        page.goto(url)
    except Error as error:
        assert "Download is starting" in error.message
    else:
        page.wait_for_load_state()
        expect(page).not_to_have_title("pwned")
    assert not any("pwned" in request for request in window.requests)
    person = Person(window).enter(f"reader-{name[:4]}")
    expect(row_of(person, name)).to_have_count(1)
    expect(person.page).to_have_title("lanchat")
    assert not any("pwned" in request for request in window.requests)


@pytest.mark.parametrize("name", ["film.mp4", "sound.mp3"])
def test_films_and_sounds_that_are_opened_alone_get_their_bytes(server: Server, open_window: OpenWindow, name: str) -> None:
    data = {"film.mp4": b"\0\0\0\x20ftypisom", "sound.mp3": b"ID3\3\0"}[name] + bytes(3000)
    with program(server, f"tv-{name[-1]}") as tv:
        url = send_file(tv, LOBBY, name, data)["url"]
    page = open_window(address(server)).open()
    with page.expect_response(lambda answer: "range" in answer.request.headers) as fetched:
        page.goto(url)
    assert fetched.value.body() == data


def test_a_link_that_has_ended_is_replaced(server: Server, open_window: OpenWindow) -> None:
    with program(server, "kim") as kim:
        id_ = send_file(kim, LOBBY, "old.bin", b"\0old")["id"]
    window = open_window(address(server))
    asked: list[str] = []
    window.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: asked.append(str(frame))))
    lea = Person(window).enter("lea")
    link = row_of(lea, "old.bin").get_by_role("link", name="old.bin")
    for ended in (False, True):
        if ended:
            lea.page.clock.set_fixed_time("2099-01-01")
        with lea.page.expect_download() as download:
            link.click()
        assert Path(download.value.path()).read_bytes() == b"\0old"
        assert any('"/link"' in frame and id_ in frame for frame in asked) is ended


def test_a_picture_whose_link_has_ended_is_shown_with_another_one(server: Server, open_window: OpenWindow) -> None:
    chat = FakeChat(open_window, address(server))
    chat.window.expect_trouble("403")

    def answer(route: Route) -> None:
        if "e=1&" in route.request.url or "gone" in route.request.url:
            route.fulfill(status=403, body="This link has ended.")
        else:
            route.fulfill(body=png(40, 20), content_type="image/png")

    chat.page.route("**/f/**", answer)
    say = """(chat, [name, text]) => {
        const url = `/f/1/${name}?e=1&k=x`, thumb = `/f/1/${name}?e=1&k=y&thumb`;
        chat.model.say(text, { file: { name, type: "image/png", size: 500, url, thumb, w: 40, h: 20 } });
    }"""
    chat.do(say, ["sea.png", "the view"])
    has_loaded(chat.page.get_by_role("img", name="sea.png"))
    assert chat.asked() == [["link", "e1.31"]]
    chat.do(say, ["gone.png", "gone.png"])
    expect(chat.page.locator("a[download='gone.png']")).to_be_visible()
    assert chat.asked() == [["link", "e1.32"]]
    expect(chat.page.get_by_role("status").filter(has_text="sent gone.png")).to_have_count(1)


def test_messages_with_files_are_messages(server: Server, open_window: OpenWindow) -> None:
    make_account(server, "paul")
    window = open_window(address(server))
    paul = Person(window).enter("paul", PASSWORD)
    quinn = Person(open_window(address(server))).enter("quinn")
    picks(paul, ("melody.mp3", b"ID3\x03\0" + bytes(3000)))
    paul.field.fill("our anthem")
    paul.field.press("Enter")
    row = row_of(quinn, "melody.mp3")
    expect(row.locator("audio[controls]")).to_be_visible()
    row.hover()
    row.get_by_role("button", name="Reply").click()
    quinn.says("I know it")
    expect(paul.sees("I know it").locator(".quote")).to_contain_text("our anthem")
    paul.chooses("our anthem", "Edit")
    paul.field.fill("the anthem of all")
    paul.field.press("Enter")
    expect(quinn.row("the anthem of all")).to_have_count(1)
    expect(row_of(quinn, "melody.mp3")).to_have_count(1)
    dialog = paul.opens_dialog("Search")
    dialog.get_by_role("textbox").fill("anthem")
    dialog.get_by_role("textbox").press("Enter")
    expect(dialog.get_by_role("link").filter(has_text="melody.mp3")).to_have_count(1)
    paul.page.keyboard.press("Escape")
    paul.chooses("the anthem of all", "Withdraw")
    paul.page.get_by_role("menuitem", name="Withdraw for good?").click()
    expect(row_of(quinn, "melody.mp3")).to_have_count(0)
    expect(quinn.page.get_by_text("This message was withdrawn.")).to_be_visible()


def test_files_go_to_people_too(server: Server, open_window: OpenWindow) -> None:
    make_account(server, "rosa")
    rosa = Person(open_window(address(server))).enter("rosa", PASSWORD)
    sven = Person(open_window(address(server))).enter("sven")
    sven.goes_to("rosa")
    picks(sven, ("letter.bin", b"\0dear rosa"))
    sven.field.press("Enter")
    expect(row_of(sven, "letter.bin")).to_have_count(1)
    expect(rosa.link("sven")).to_contain_text("1 unread")
    rosa.goes_to("sven")
    expect(row_of(rosa, "letter.bin")).to_have_count(1)


def test_axe_finds_nothing_serious_in_files(server: Server, open_window: OpenWindow) -> None:
    with program(server, "uli") as uli:
        for name, data in (("sky.png", png(30, 30)), ("sound.mp3", b"ID3\x03\0" + bytes(100)), ("data.bin", b"\0")):
            send_file(uli, LOBBY, name, data)
    for phone in (False, True):
        vera = Person(open_window(address(server), phone=phone, reduced_motion="reduce")).enter(f"vera{phone:d}")
        has_loaded(row_of(vera, "sky.png").get_by_role("img"))
        picks(vera, ("huge.bin", bytes(5_000_001)), ("next.bin", b"\0"))
        check(vera.page, "files that are shown, and some to be sent")
