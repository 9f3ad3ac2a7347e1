"""A server with doors for IRC clients and for others, which can be started again."""

from __future__ import annotations

import re
from pathlib import Path

from tests.live import LOOPBACK, Server, login

#: The manual, whose commands are typed.
MANUAL = Path(__file__).parents[3] / "docs" / "irc.md"
LOBBY = "#lobby"
PASSWORD = "correct-horse"  # noqa: S105 (everybody's)
#: The doors, by their options and by what the log calls them.
DOORS = {"port": "json", "telnet": "telnet", "irc": "irc", "ircs": "ircs", "http": "browsers"}


def start(directory: Path, before: Server | None = None) -> Server:
    """Start a server with all doors: on free ports, or on those of the one `before`, which has been stopped."""
    options = [
        word
        for option, kind in DOORS.items()
        for word in (f"--{option}", LOOPBACK if before is None else f"tcp:{before.port(kind)}:interface=127.0.0.1")
    ]
    return Server(directory, *options, "--lobby", LOBBY, "--rooms-by", "anyone")


def make_account(server: Server, name: str) -> None:
    """Make an account, as another program does."""
    with login(server.port(), name) as peer:
        peer.say("/register", PASSWORD)
        peer.wait_for("is your account now")


def manual(heading: str, server: Server, account: str) -> list[str]:
    """The commands under a heading of docs/irc.md, with this server and this account in the place of the examples'."""
    section = re.split(r"\n#+ ", MANUAL.read_text().partition(f"# {heading}\n")[2])[0]
    for example, real in {
        "chat.lan": "localhost",
        "6697": str(server.port("ircs")),
        "alice": account,
        "SECRET": PASSWORD,
        "~/lanchat-ca.pem": str(server.log.parent / "data" / "tls_authority.pem"),
    }.items():
        section = section.replace(example, real)
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]
