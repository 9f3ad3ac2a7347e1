"""The Lounge, an IRC client that people use in their browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.irc.real_clients.doors import PASSWORD
from tests.irc.real_clients.node import NODE
from tests.irc.real_clients.programs import program, run
from tests.live import until

#: It fetches nothing that others link to, and keeps nothing.
CONFIGURATION = 'module.exports = { host: "127.0.0.1", port: 0, prefetch: false, messageStorage: [] };'
#: It asks the internet whether there is a newer version; that must not end it where there is no internet.
GO_ON = 'process.on("uncaughtException", (error) => console.error(error));'


@contextmanager
def the_lounge(directory: Path, modules: Path, authority: Path, user: str) -> Iterator[str]:
    """Run The Lounge with one user in `directory`, with an authority that it shall trust; the address of its page."""
    (directory / "users").mkdir(parents=True)
    (directory / "config.js").write_text(CONFIGURATION)
    (directory / "go-on.js").write_text(GO_ON)
    variables = {"THELOUNGE_HOME": str(directory), "NODE_EXTRA_CA_CERTS": str(authority)}
    command: list[str | Path] = [NODE, "--require", directory / "go-on.js", modules / "thelounge" / "index.js"]
    added = run([*command, "add", user, "--password", PASSWORD], directory, **variables)
    assert "created" in added.stdout, added.stderr
    with program([*command, "start"], directory, **variables) as log:
        yield until(lambda: re.search(r"Available at (http\S+)", log.read_text()), "The Lounge to listen")[1]


class Lounge:
    """Somebody at the page of The Lounge."""

    def __init__(self, page: Page, user: str) -> None:
        self.page = page
        page.get_by_role("textbox", name="Username").fill(user)
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    def connects(self, host: str, port: int, account: str, channels: str) -> None:
        """Connect to a server as docs/irc.md says."""
        form = self.page.locator("#connect form")
        form.get_by_label("Server address").fill(host)
        form.get_by_label("Server port").fill(str(port))
        expect(form.get_by_label("Use secure connection (TLS)")).to_be_checked()
        expect(form.get_by_label("Only allow trusted certificates")).to_be_checked()
        form.get_by_label("Nick").fill(account)
        form.get_by_label("Channels").fill(channels)
        form.get_by_label("Username + password (SASL PLAIN)").check()
        form.locator("input[name=saslAccount]").fill(account)
        form.locator("input[name=saslPassword]").fill(PASSWORD)
        form.get_by_role("button", name="Connect").click()

    def goes_to(self, name: str) -> None:
        """Show a room, or a person."""
        self.page.locator(f'.channel-list-item[data-name="{name}"]').click()

    def connects_again(self) -> None:
        """See that the server is gone, and don't wait until The Lounge connects again by itself."""
        self.page.locator('.channel-list-item[data-type="lobby"]').click()
        expect(self.page.get_by_text("Disconnected from the network")).to_have_count(1)
        self.says("/connect")

    def says(self, text: str) -> None:
        """Write a line, and send it."""
        self.page.get_by_role("textbox", name="Message input").fill(text)
        self.page.get_by_role("button", name="Send message").click()  # (Enter may take what is suggested)

    def sees(self, text: str, sender: str = "") -> None:
        """Wait until exactly one line has this text, said by `sender`, if one is given."""
        rows = self.page.locator(f'.msg[data-from="{sender}"]' if sender else ".msg").filter(has_text=text)
        expect(rows).to_have_count(1)
