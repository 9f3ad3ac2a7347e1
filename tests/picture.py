"""Draws docs/pictures/session.svg: two windows of a real conversation. `python -m tests.picture` draws it again."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

import pyte

from tests.live import LOOPBACK, SCRIPTS, Server
from tests.screens import Terminal

FILE = Path(__file__).parents[1] / "docs" / "pictures" / "session.svg"
COLUMNS, ROWS = 72, 13
PORTS = "--port", LOOPBACK, "--telnet", LOOPBACK
#: Size of a character, and the blank edge round a window, in pixels.
WIDTH, HEIGHT, EDGE = 8, 18, 14
FRAME = '<rect y="{y}" width="{width}" height="{height}" rx="8" fill="#1e1e2e"/>'
TITLE = '<text x="{x}" y="{y}" fill="#9399b2" font-size="12">{title}</text>'
TEXT = '<text x="{x}" y="{y:.0f}" {look} textLength="{length}">{text}</text>'
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" font-family="monospace" font-size="13.3">'
#: Colours of a terminal, by the names that pyte gives them.
COLOURS = {
    "default": "#cdd6f4",
    "cyan": "#89dceb",
    "green": "#a6e3a1",
    "brown": "#f9e2af",
    "magenta": "#cba6f7",
    "red": "#f38ba8",
}


def row_of_svg(row: dict[int, pyte.screens.Char], y: float) -> str:
    """One row of a screen: a piece of text for each run of characters that look the same."""
    runs: list[tuple[str, str, int]] = []
    for column in range(COLUMNS):
        cell = row[column]
        look = f'fill="{COLOURS.get(cell.fg, COLOURS["default"])}"' + (' font-weight="bold"' if cell.bold else "")
        if runs and runs[-1][0] == look:
            runs[-1] = (look, runs[-1][1] + cell.data, runs[-1][2])
        else:
            runs.append((look, cell.data, column))
    parts = []
    for look, text, start in runs:
        if shown := text.strip():
            x = EDGE + (start + len(text) - len(text.lstrip())) * WIDTH
            parts.append(TEXT.format(x=x, y=y, look=look, length=len(shown) * WIDTH, text=escape(shown)))
    return "".join(parts)


def window(terminal: Terminal, title: str, top: int) -> str:
    """A window with its title; `top` is its upper edge in pixels."""
    height = (ROWS + 1) * HEIGHT + EDGE
    parts = [
        FRAME.format(y=top, width=COLUMNS * WIDTH + 2 * EDGE, height=height),
        TITLE.format(x=EDGE, y=top + 18, title=escape(title)),
    ]
    parts += [row_of_svg(terminal.screen.buffer[n], top + EDGE + (n + 1.6) * HEIGHT) for n in range(ROWS)]
    return "\n".join(filter(None, parts))


def main() -> None:
    """Hold the conversation, and draw what both windows show at its end."""
    with tempfile.TemporaryDirectory() as place, Server(Path(place), *PORTS, "--lobby", "#lobby") as server:
        client = [str(SCRIPTS / "lanchat"), f"127.0.0.1:{server.port()}", "--name", "alice"]
        with (
            Terminal(client, COLUMNS, ROWS, XDG_STATE_HOME=place) as alice,
            Terminal(["telnet", "127.0.0.1", str(server.port("telnet"))], COLUMNS, ROWS) as bob,
        ):
            alice.shows("#lobby>")
            bob.shows("Your name:")
            bob.types("bob\r")
            alice.shows("bob came")
            alice.types("good morning\r")
            bob.shows("alice: [#lobby] good morning")
            bob.types("#lobby hi alice!\r")
            alice.shows("hi alice!")
            alice.types("@bob lunch at noon?\r")
            bob.shows("lunch at noon?")
            bob.types("@alice gladly\r")
            alice.shows("gladly")
            alice.types("/list\r")
            alice.shows("Online users (1): bob")
            alice.types("/time\r")
            alice.shows("Server time")
            bob.shows("@alice gladly")
            windows = window(alice, "lanchat --name alice", 0), window(bob, "telnet localhost 5023", (ROWS + 2) * HEIGHT + EDGE)
    size = COLUMNS * WIDTH + 2 * EDGE, 2 * (ROWS + 1) * HEIGHT + 2 * EDGE + HEIGHT
    FILE.write_text("\n".join((HEAD.format(*size), *windows, "</svg>\n")))


if __name__ == "__main__":
    main()
