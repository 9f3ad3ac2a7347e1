"""The page at an address of the local network, in a network of the test's own: what browsers forbid there, and cut cables."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Playwright, expect

from tests.live import PATIENCE, Peer, Server, line
from tests.webchat.browser import CUT_OFF, OpenWindow, Windows, chromium
from tests.webchat.chat import LOBBY, PASSWORD, Person
from tests.webchat.namespace import SERVER, Network

HTTP, HTTPS = f"http://{SERVER}:8080/", f"https://{SERVER}:8443/"
#: The page of a server that takes passwords without TLS.
PLAINTEXT = f"http://{SERVER}:8081/"


class LocalPeer(Peer):
    """A classic client, through a socket in the file system."""

    def __init__(self, path: Path, name: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self._reader = self.socket.makefile("rb")
        self.send(name.encode() + b"\n")
        self.wait_for("Welcome")


@pytest.fixture(scope="module")
def server(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on the network, which is known as chat.lan, too."""
    with serve(network, tmp_path_factory.mktemp("server")) as running:
        yield running


def serve(network: Network, directory: Path, *options: str, http: int = 8080, https: int = 8443) -> Server:
    """A server on the network's machine for it, with a socket in the file system for the test itself."""
    ports = ("--port", f"unix:{directory / 'socket'}", "--http", str(http), "--https", str(https))
    return Server(directory, *ports, "--http-name", "chat.lan", "--lobby", LOBBY, *options, under=network.server)


def peer(server: Server, name: str) -> LocalPeer:
    """A client on the server's machine."""
    return LocalPeer(server.log.parent / "socket", name)


def test_a_guest_needs_no_more_and_is_told_what_is_lacking(server: Server, open_lan_window: OpenWindow) -> None:
    ann = Person(open_lan_window(HTTP))
    assert ann.page.evaluate("isSecureContext") is False
    lacking = ann.page.get_by_text("This connection is not encrypted: no notifications, no login with a password.")
    expect(lacking).to_be_visible()
    expect(lacking.get_by_role("link", name="Go to the encrypted page")).to_have_attribute("href", HTTPS)
    ann.enter("ann")
    with peer(server, "bob") as bob:
        ann.says("hello")
        bob.wait_for("hello")
        bob.say(LOBBY, "hello ann")
        ann.sees("hello ann", "bob")
    dialog = ann.opens_dialog("You: ")
    expect(dialog.get_by_text("Passwords are not sent over a connection that is not encrypted.")).to_be_visible()
    expect(dialog.get_by_label("Password")).to_have_count(0)


def test_an_account_is_shown_the_way_to_https(server: Server, open_lan_window: OpenWindow) -> None:
    with peer(server, "cay") as cay:
        cay.say("/register", PASSWORD)
        cay.wait_for("is your account now")
    window = open_lan_window(HTTP)
    Person(window).give_name("cay")
    expect(window.page.get_by_text("cay is an account. Its password can’t be sent over this connection")).to_be_visible()
    expect(window.page.get_by_label("Password")).to_have_count(0)
    expect(window.page.get_by_role("link", name="Go to the encrypted page").first).to_have_attribute("href", HTTPS)
    with window.context.expect_page() as opened:
        window.page.get_by_role("link", name="Help with the browser’s warning").first.click()
    expect(opened.value.get_by_role("heading").first).to_be_visible()
    window.page.get_by_role("button", name="Use another name").click()
    Person(window).enter("cay2")


def test_who_trusts_the_authority_of_the_server_logs_in(
    server: Server, network: Network, playwright: Playwright, tmp_path: Path, open_lan_window: OpenWindow
) -> None:
    with peer(server, "dee") as dee:
        dee.say("/register", PASSWORD)
        dee.wait_for("is your account now")
    stranger = open_lan_window(HTTP)
    authority = tmp_path / "authority.pem"
    authority.write_text(str(stranger.page.evaluate("fetch('/ca.pem').then((answer) => answer.text())")))
    stranger.expect_trouble("ERR_CERT_AUTHORITY_INVALID")
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        stranger.page.goto(HTTPS)
    trust(authority, tmp_path)
    with chromium(playwright, tmp_path, network.reader, home=tmp_path) as browser:
        windows = Windows(browser)
        owner = Person(windows(HTTPS)).enter("dee", PASSWORD)
        assert owner.page.evaluate("isSecureContext") is True
        owner.says("over TLS")
        owner.sent("over TLS")
        assert any(request.startswith("wss://") for request in owner.window.requests)
        owner.opens_dialog("You: ").get_by_role("button", name="Log out").click()
        eve = owner.enter("eve").register()
        eve.page.reload()
        eve.is_in(LOBBY)
        eve.sees("over TLS", "dee")
        windows.close()


def trust(authority: Path, home: Path) -> None:
    """Let the Chromium of whoever has this home trust an authority, as its settings do."""
    tool = shutil.which("certutil")
    if tool is None:
        pytest.skip("there is no certutil here (Debian: apt install libnss3-tools)")
    for folder in (home / ".pki" / "nssdb", home / ".local" / "share" / "pki" / "nssdb"):
        folder.mkdir(parents=True)
        database = ["-d", f"sql:{folder}"]
        for command in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "lanchat", "-i", str(authority)]):
            subprocess.run([tool, *database, *command], check=True, capture_output=True, timeout=PATIENCE)  # noqa: S603 (ours)


def test_a_name_that_leads_here_is_not_enough(server: Server, playwright: Playwright, network: Network, tmp_path: Path) -> None:
    names = f"--host-resolver-rules=MAP *.lan {SERVER}"
    with chromium(playwright, tmp_path, network.reader, [names]) as browser:
        windows = Windows(browser)
        Person(windows("http://chat.lan:8080/")).enter("fay")
        evil = windows("http://evil.lan:8080/")
        evil.expect_trouble("421")
        expect(evil.page.get_by_text("--http-name NAME")).to_be_visible()
        windows.close()


@pytest.fixture
def accounts(network: Network, tmp_path: Path) -> Iterator[Server]:
    """A server that takes passwords without TLS, at `PLAINTEXT`."""
    with serve(network, tmp_path, "--plaintext-passwords", http=8081, https=8444) as running:
        yield running


@pytest.mark.parametrize("told", [True, False])
def test_a_cable_that_was_cut_loses_nothing_and_doubles_nothing(
    accounts: Server, network: Network, open_lan_window: OpenWindow, told: bool
) -> None:
    with peer(accounts, "bob") as bob:
        ann = Person(open_lan_window(PLAINTEXT)).enter("ann")
        ann.window.expect_trouble(CUT_OFF)
        ann.register()
        ann.says("before")
        bob.wait_for("before")
        (network.cut if told else network.lose)()
        for n in range(3):
            ann.says(f"from ann {n}")
            bob.say(LOBBY, f"from bob {n}")
        expect(ann.sees("from ann 2")).to_have_attribute("data-state", "sending")
        assert ann.row("from bob").count() == 0
        (network.mend if told else network.find)()
        for n in range(3):
            ann.sent(f"from ann {n}")
            ann.sees(f"from bob {n}", "bob")
            bob.wait_for(f"from ann {n}")
        ann.is_back()
        shown = ann.texts()
        assert len(shown) == 7
        ann.page.reload()
        ann.sees("from ann 2")
        assert sorted(ann.texts()) == sorted(shown)
        bob.send(line(LOBBY, "the end"))
        ann.sees("the end")
