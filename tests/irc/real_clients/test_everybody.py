"""One room, and a client of each kind in it: irssi, WeeChat, the chat page, telnet, and JSON."""

from __future__ import annotations

from pathlib import Path

from tests.irc.real_clients.doors import LOBBY
from tests.irc.real_clients.terminal_clients import Irssi, WeeChat
from tests.live import Peer, Server, login
from tests.webchat.browser import OpenWindow
from tests.webchat.chat import Person, address, reads


def test_everybody_reads_what_anybody_says(irc_server: Server, tmp_path: Path, open_window: OpenWindow) -> None:
    page = Person(open_window(address(irc_server))).enter("paige")
    with (
        Irssi(tmp_path / "irssi", "iris") as iris,
        WeeChat(tmp_path / "weechat", "wendy") as wendy,
        Peer(irc_server.port("telnet")) as telnet,
        login(irc_server.port(), "jason") as json,
    ):
        iris.connects(irc_server.port("irc"))
        wendy.connects(irc_server.port("irc"))
        telnet.send(f"terry\n/to {LOBBY}\n".encode())
        says = {"paige": page.says, "iris": iris.says, "wendy": wendy.says}
        says |= {"terry": lambda text: telnet.send(f"{text}\n".encode()), "jason": lambda text: json.say(LOBBY, text)}
        for name, say in says.items():
            say(f"{name} was here 🙂")
            page.sees(f"{name} was here 🙂", name)
            iris.shows(f"{name} was here 🙂")
            wendy.shows(f"{name} was here 🙂")
            if name != "terry":
                assert reads(telnet, f"{name} was here 🙂").startswith(f"{name}:")
            if name != "jason":
                assert json.wait_for(f"{name} was here 🙂")["from"]["name"] == name
        iris.says("/me waves")
        page.sees("waves", "iris")
