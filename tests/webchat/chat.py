"""People at the chat page, as tests describe them: what they type and press, and what they see."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.live import PATIENCE, SCRIPTS, Peer, Server, login
from tests.webchat.browser import Window

PASSWORD = "correct horse"  # noqa: S105 (everybody's)
#: The pause in what is typed, in milliseconds, where a page must keep up with keys.
LOBBY = "#lobby"
#: Starts the server again, on the same ports and with the same data.
Start = Callable[[], Server]


def address(server: Server) -> str:
    """Where the page of a server is."""
    return f"http://127.0.0.1:{server.port('browsers')}/"


def make_account(server: Server, name: str) -> None:
    """Make an account, as another program does."""
    with login(server.port(), name) as peer:
        peer.say("/register", PASSWORD)
        peer.wait_for("is your account now")


def make_moderator(server: Server, name: str) -> None:
    """Give an account the right to moderate."""
    data = server.log.parent / "data"
    command = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), "account", "role", name, "moderator"]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)  # noqa: S603 (ours)


class Person:
    """Somebody at the chat page, in a window or in another tab of it."""

    def __init__(self, window: Window, page: Page | None = None) -> None:
        self.window = window
        self.page = page or window.page

    # Coming and going.

    def enter(self, name: str, password: str = "") -> Person:
        """Give a name, and a password if it is an account's, and wait for the lobby."""
        self.give_name(name)
        if password:
            self.page.get_by_label("Password").fill(password)
            self.page.get_by_role("button", name="Log in").click()
        self.is_in(LOBBY)
        return self

    def give_name(self, name: str) -> None:
        """Give a name on the first screen."""
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Enter the chat").click()

    def register(self) -> Person:
        """Make one's name an account, in the dialog about oneself."""
        dialog = self.opens_dialog("You: ")
        dialog.get_by_label("Password").fill(PASSWORD)
        dialog.get_by_role("button", name="Make it my account").click()
        expect(dialog.get_by_text("This name is your account.")).to_be_visible()
        self.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        return self

    def is_in(self, place: str) -> None:
        """Wait until a conversation is shown."""
        expect(self.page.get_by_role("feed", name=f"Messages in {place}", exact=True)).to_be_visible()

    def is_cut_off(self) -> None:
        """Wait until the page says that there is no connection."""
        expect(self.banner).to_be_visible()

    def is_back(self) -> None:
        """Wait until the page says nothing about the connection any more."""
        expect(self.banner).to_have_count(0)

    @property
    def banner(self) -> Locator:
        """What is said about the connection."""
        return self.page.locator(".status .banner")

    # Talking.

    @property
    def field(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name=re.compile("^Message "))

    def says(self, text: str) -> None:
        """Write something, and send it."""
        self.field.fill(text)
        self.field.press("Enter")

    def row(self, text: str) -> Locator:
        """The rows of messages that have this text."""
        return self.page.get_by_role("article").filter(has=self.page.locator(".text", has_text=text))

    def sees(self, text: str, sender: str = "") -> Locator:
        """Wait until exactly one message has this text; its row."""
        row = self.row(text)
        expect(row).to_have_count(1)
        expect(row).to_be_visible()
        if sender:
            expect(
                self.page.get_by_role("article", name=re.compile(f"^\\W*{re.escape(sender)}\\b")).filter(has_text=text)
            ).to_have_count(1)
        return row

    def sent(self, text: str) -> Locator:
        """Wait until what one wrote is confirmed; its row."""
        row = self.sees(text)
        expect(row).to_have_attribute("data-state", "sent")
        return row

    def texts(self) -> list[str]:
        """The texts of all messages that are shown, in order."""
        return self.page.locator("[role=feed] article .text").all_inner_texts()

    def chooses(self, text: str, what: str) -> None:
        """Choose something from the menu of a message."""
        row = self.sees(text)
        row.hover()
        row.get_by_role("button", name="Actions").click()
        self.page.get_by_role("menuitem", name=what, exact=True).click()

    # Places.

    def goes_to(self, place: str) -> Person:
        """Go to a conversation by the list of them."""
        self.opens_sidebar()
        self.link(place).click()
        self.is_in(place if place.startswith("#") or place == "Everyone" else f"@{place}")
        return self

    def link(self, place: str) -> Locator:
        """The link to a conversation."""
        hash_ = f"#/room/{place[1:]}" if place.startswith("#") else "#/everyone" if place == "Everyone" else f"#/person/{place}"
        return self.page.locator(f'nav a[href="{hash_}"]')

    def opens_sidebar(self) -> None:
        """Show the list of conversations, where it is not shown beside the messages."""
        menu = self.page.get_by_role("button", name="Conversations")
        if menu.is_visible() and not self.page.locator(".drawer-open").count():
            menu.click()

    def makes_room(self, name: str, private: bool = False) -> None:
        """Make a room, and wait until it is shown."""
        dialog = self.opens_dialog("Find or make a room")
        dialog.get_by_label("Find a room, or name a new one").fill(name)
        if private:
            dialog.get_by_label("Private").check()
        dialog.get_by_role("button", name=f"Make the room {name}").click()
        self.is_in(name)

    def joins(self, name: str) -> None:
        """Enter a room, and wait until it is shown."""
        dialog = self.opens_dialog("Find or make a room")
        dialog.get_by_role("button", name=re.compile(f"^Join.*{name}$")).click()
        self.is_in(name)

    def opens_dialog(self, button: str) -> Locator:
        """Press a button of the sidebar that opens a dialog; the dialog."""
        self.opens_sidebar()
        self.page.get_by_role("navigation").get_by_role("button", name=button).click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        return dialog


def reads(peer: Peer, text: str) -> str:
    """Wait until a telnet user reads this text; the line."""
    while text not in (line := peer.line()):
        assert line, f"the connection was closed before {text!r} came"
    return line
