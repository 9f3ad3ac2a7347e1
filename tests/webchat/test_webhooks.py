"""The dialog about the webhooks of a room: owners make and change them there, and programs post to what it shows."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.live import LOOPBACK, Server
from tests.webchat.browser import OpenWindow
from tests.webchat.chat import LOBBY, PASSWORD, Person, address, make_account
from tests.webchat.test_accessibility import check


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a lobby."""
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", LOBBY)
    with Server(tmp_path_factory.mktemp("server"), *options) as running:
        yield running


def post(url: str, text: str) -> int:
    """Post a text to a webhook; the status of the answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, text.encode(), method="POST")) as answer:  # noqa: S310 (ours)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def opens_webhooks(person: Person, room: str) -> Locator:
    """Open the dialog from the panel of the room."""
    if not person.page.get_by_role("button", name="Webhooks").count():
        person.page.get_by_role("button", name=f"About {room}").click()
    person.page.get_by_role("button", name="Webhooks").click()
    dialog = person.page.get_by_role("dialog", name=f"Webhooks: {room}")
    expect(dialog).to_be_visible()
    return dialog


def test_an_owner_makes_changes_and_removes_a_webhook(server: Server, open_window: OpenWindow) -> None:
    make_account(server, "ann")
    ann = Person(open_window(address(server))).enter("ann", PASSWORD)
    ann.makes_room("#ops")
    dialog = opens_webhooks(ann, "#ops")
    expect(dialog.get_by_text("There are no webhooks yet.")).to_be_visible()
    dialog.get_by_label("Name of a new webhook").fill("alerts")
    dialog.get_by_role("button", name="Add").click()
    row = dialog.get_by_role("listitem", name="alerts")
    expect(row).to_contain_text("made by ann, never used")
    first = dialog.locator("code").inner_text()
    expect(dialog.get_by_label("Name of a new webhook")).to_have_value("")
    check(ann.page, "the webhooks of a room")
    assert post(first, "disk full") == 200
    expect(ann.row("disk full")).to_have_count(1)

    row.get_by_role("button", name="New address").click()
    row.get_by_role("button", name="Replace the old address?").click()
    expect(dialog.locator("code")).not_to_have_text(first)
    second = dialog.locator("code").inner_text()
    assert post(first, "to the old one") == 404
    row.get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("disabled")
    assert post(second, "while it is disabled") == 403
    row.get_by_role("button", name="Enable").click()
    expect(row.get_by_role("button", name="Disable")).to_be_visible()
    expect(row).to_contain_text("used last")
    assert post(second, "disk is fine") == 200
    expect(ann.row("disk is fine")).to_have_count(1)

    row.get_by_role("button", name="Remove").click()
    row.get_by_role("button", name="Remove for good?").click()
    expect(dialog.get_by_text("There are no webhooks yet.")).to_be_visible()
    expect(dialog.locator("code")).to_have_count(0)
    assert post(second, "to nobody") == 404
    dialog.get_by_label("Name of a new webhook").fill("ann")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_role("alert").filter(has_text="ann")).to_be_visible()
    ann.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(ann.page.get_by_role("button", name="Webhooks")).to_be_visible()
    assert ann.texts() == ["disk full", "disk is fine"]


def test_others_are_not_offered_the_dialog(server: Server, open_window: OpenWindow) -> None:
    make_account(server, "olga")
    make_account(server, "bob")
    olga = Person(open_window(address(server))).enter("olga", PASSWORD)
    olga.makes_room("#open")
    bob = Person(open_window(address(server), phone=True)).enter("bob", PASSWORD)
    bob.joins("#open")
    bob.page.get_by_role("button", name="About #open").click()
    expect(bob.page.get_by_role("dialog").get_by_text("Rules")).to_be_visible()
    expect(bob.page.get_by_role("button", name="Webhooks")).to_have_count(0)
