"""irssi and WeeChat as people use them: what they type, and how messages look on their screens."""

from __future__ import annotations

import re
from pathlib import Path

from tests.irc.real_clients.doors import LOBBY
from tests.irc.real_clients.programs import run
from tests.irc.real_clients.tmux import Window

#: Commands at once, and no times before messages: for tests that type faster than people, and don't know the hour.
IRSSI = """
settings = {{
  core = {{ real_name = "{name}"; user_name = "{name}"; nick = "{name}"; }};
  "fe-text" = {{ paste_detect_time = "0"; }};
  "irc/core" = {{ cmd_queue_speed = "10msec"; }};
  "fe-common/core" = {{ timestamps = "no"; }};
}};
"""
WEECHAT = (
    'weechat.look.buffer_time_format ""',
    "weechat.look.prefix_align none",
    "weechat.look.day_change off",
    "weechat.look.paste_max_lines -1",
    "weechat.bar.nicklist.hidden on",
    "irc.server_default.nicks {name}",
    "irc.server_default.anti_flood_prio_high 0",
    "irc.server_default.anti_flood_prio_low 0",
)


class Irssi(Window):
    """irssi of one person, with a home directory of its own."""

    program = "irssi"

    def __init__(self, home: Path, name: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "config").write_text(IRSSI.format(name=name))
        super().__init__(home, ["irssi", f"--home={home}"], ready="[(status)]")

    def connects(self, port: int) -> None:
        """Connect without TLS and without an account, and wait for the lobby."""
        self.follows(["/network add lan", f"/server add -network lan 127.0.0.1 {port}", "/connect lan"])

    def joins(self, room: str) -> None:
        """Enter a room, and wait until it is shown with those who are there."""
        self.says(f"/join {room}")
        self.shows(f"[{room}]", f"[Users {room}]")

    def is_in(self, room: str) -> None:
        """Wait until the window of a room or a person is shown."""
        self.shows(f"[{room}]")

    def goes_to(self, room: str) -> None:
        """Show the window of a room or a person."""
        self.says(f"/window goto {room}")
        self.is_in(room)

    def follows(self, commands: list[str]) -> None:
        """Type commands that connect, and wait for the lobby."""
        for command in commands:
            self.says(command)
        self.shows("[Act: 2")
        self.goes_to(LOBBY)

    def reconnects(self) -> None:
        """See that the connection is lost, and connect again."""
        self.goes_to_the_server()
        self.shows("Connection lost")
        self.says("/reconnect")

    def asks_the_server(self, command: str) -> None:
        """Type a command that is said to the server, and show the window in which it answers."""
        self.says(command)
        self.goes_to("SERVER")

    def goes_to_the_server(self) -> None:
        """Show the window with what the server says."""
        self.says("/window goto 1")
        self.shows("[(status)]")

    def hears(self, name: str, text: str) -> None:
        """Wait until somebody's message is on the screen, whatever their rank in the room."""
        self.wait(lambda screen: re.search(rf"(?m)^<[ @+]?{name}> {text}", screen), f"{text!r} of {name}")

    def __enter__(self) -> Irssi:
        return self


class WeeChat(Window):
    """WeeChat of one person, with a directory of its own."""

    program = "WeeChat"

    def __init__(self, home: Path, name: str) -> None:
        settings = [word for line in WEECHAT for word in ("-r", f"/set {line.format(name=name)}")]
        super().__init__(home, ["weechat", "--dir", str(home), "--plugins", "alias,irc", *settings], ready="1:weechat")

    def connects(self, port: int) -> None:
        """Connect without TLS and without an account, and wait for the lobby."""
        self.follows([f"/server add lan 127.0.0.1/{port}", "/connect lan"])

    def joins(self, room: str) -> None:
        """Enter a room, and wait until it is shown."""
        self.says(f"/join {room}")
        self.is_in(room)

    def is_in(self, room: str) -> None:
        """Wait until the buffer of a room or a person is shown."""
        self.shows(f":{room}")

    def goes_to(self, room: str) -> None:
        """Show the buffer of a room or a person."""
        self.says(f"/buffer {room}")
        self.is_in(room)

    def follows(self, commands: list[str]) -> None:
        """Type commands that connect, and wait for the lobby."""
        old = run(["weechat", "--version"], self.directory).stdout.startswith("3.")
        for command in commands:
            self.says(command.replace("-tls", "-ssl") if old else command)
        self.shows(":#")
        self.goes_to(LOBBY)

    def reconnects(self) -> None:
        """See that the connection is lost, and connect again."""
        self.goes_to_the_server()
        self.shows("irc: disconnected from server")
        self.says("/reconnect lan")

    def asks_the_server(self, command: str) -> None:
        """Type a command that is said to the server, and show the buffer in which it answers."""
        self.says(command)
        self.goes_to_the_server()

    def goes_to_the_server(self) -> None:
        """Show the buffer with what the server says."""
        self.says("/buffer server.lan")
        self.shows("server[lan]")

    def hears(self, name: str, text: str) -> None:
        """Wait until somebody's message is on the screen, whatever their rank in the room."""
        self.wait(lambda screen: re.search(rf"(?m)^[@+]?{name} {text}", screen), f"{text!r} of {name}")

    def __enter__(self) -> WeeChat:
        return self
