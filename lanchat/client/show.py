"""Show: packets and the client's own words as lines of text, with time stamps and, where they are wanted, colours.

Everything that came from elsewhere passes through `visible`, line by line, and each line names who it is from: nobody
can write what looks like another's message.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from datetime import datetime
from select import select

from lanchat.client.interfaces import Said, shown
from lanchat.packet import EVERYONE, ServerPacket, visible
from lanchat.printing import STDERR

#: Rows of one message that are shown: none should sweep a screen.
MAX_LINES = 100
#: Characters of a name that are shown.
MAX_NAME = 40

#: Seconds that stderr may take no more before what is said there is lost.
COMPLAINT_SECONDS = 10.0

#: SGR parameters of ANSI terminals.
FAINT, ERROR, NOTICE, PRIVATE = "2", "1;31", "33", "1"
NAMES = ("36", "32", "34", "35", "96", "92", "94", "95")

#: Breaks a text into rows that fit into so many columns after a lead of this text.
Fold = Callable[[str, str], list[str]]


def now() -> datetime:
    """The time here."""
    return datetime.now().astimezone()


def unfolded(lead: str, text: str) -> list[str]:
    """A text as it is, for where rows have no width."""
    return [text]


class Painter:
    """Makes text of packets; every text ends with a newline."""

    def __init__(self, colours: bool, fold: Fold = unfolded, clock: Callable[[], datetime] = now) -> None:
        self._colours = colours
        self._fold = fold
        self._clock = clock

    def packet(self, packet: ServerPacket) -> str:
        """A packet that came, whoever it is from."""
        stamp = self._stamp(packet.x.ts if packet.x else None)
        name = visible(packet.from_.name, MAX_NAME)
        if name == "SERVER":
            failed = packet.x is not None and packet.x.op == "fail"
            return self._lines(stamp, "! " if failed else "* ", ERROR if failed else FAINT, packet.msg, whole=True)
        colour = NAMES[zlib.crc32(name.lower().encode()) % len(NAMES)]
        return self._lines(stamp, _who(packet, name) + ": ", colour, packet.msg)

    def notice(self, text: str) -> str:
        """Something that the client itself has to tell."""
        return self._lines(self._stamp(None), "* ", NOTICE, text, whole=True)

    def error(self, text: str) -> str:
        """Something that went wrong."""
        return self._lines(self._stamp(None), "! ", ERROR, text, whole=True)

    def unanswered(self, said: Said, why: str) -> str:
        """Something that was said and perhaps never arrived."""
        return self.error(f"NOT ACKNOWLEDGED ({why}): {shown(said)}")

    def _lines(self, stamp: str, lead: str, colour: str, text: str, whole: bool = False) -> str:
        """Each line of a text with the stamp and the lead; `whole` colours the line, else only the lead is coloured."""
        lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
        rows = [(n, row) for line in lines for n, row in enumerate(self._fold(f"{stamp} {lead}", visible(line)))]
        if len(rows) > MAX_LINES:
            rows[MAX_LINES:] = [(0, f"... and {len(rows) - MAX_LINES} more lines")]
        # What did not fit into a row goes on under its own text, where no time and no name can stand.
        indent = " " * (len(stamp) + 1)
        return "".join(
            indent + self._paint("  " + row, colour if whole else "") + "\n"
            if n
            else self._paint(stamp, FAINT) + " " + self._painted(lead, row, colour, whole) + "\n"
            for n, row in rows
        )

    def _painted(self, lead: str, row: str, colour: str, whole: bool) -> str:
        return self._paint(lead + row, colour) if whole else self._paint(lead, colour) + row

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and colour else text

    def _stamp(self, ts: str | None) -> str:
        """The time in this zone, with the date where it is another day's; now, where the server gave no usable time."""
        here = self._clock()
        try:
            then = datetime.fromisoformat(ts.replace("Z", "+00:00")).astimezone(here.tzinfo) if ts else here
        except (ValueError, OverflowError):
            then = here
        return then.strftime("%H:%M:%S" if then.date() == here.date() else "%Y-%m-%d %H:%M:%S")


def complain(text: str) -> None:
    """A line on stderr. Where nobody takes it, or not for `COMPLAINT_SECONDS`, there is nobody to tell.

    If stderr is the same pipe as stdout, it does not block while that is written to: room is waited for here.
    """
    line = f"lanchat: {visible(text)}\n".encode()
    try:
        while line and select([], [STDERR], [], COMPLAINT_SECONDS)[1]:
            line = line[os.write(STDERR, line) :]
    except OSError:
        return


def harmless(line: bytes) -> str:
    """A packet's line as JSON that a terminal only shows: what isn't printable is escaped, as JSON has it."""
    text = line.decode(errors="replace").strip()
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def plural(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def is_private(packet: ServerPacket) -> bool:
    """Whether somebody else said this to this user alone."""
    return packet.from_.name != "SERVER" and not _is_mine(packet) and not _is_for_many(packet)


def _is_mine(packet: ServerPacket) -> bool:
    """Whether it was said by this user, on another device."""
    return packet.x is not None and bool(packet.x.self_)


def _is_for_many(packet: ServerPacket) -> bool:
    return packet.to.startswith("#") or packet.to.lower() == EVERYONE.lower()


def _who(packet: ServerPacket, name: str) -> str:
    """Who said it, and where, unless everyone reads it."""
    who = "you" if _is_mine(packet) else name
    if packet.to.startswith("#"):
        return f"{visible(packet.to, MAX_NAME)} {who}"
    if _is_for_many(packet):
        return who
    return f"{who} -> {visible(packet.to, MAX_NAME) if _is_mine(packet) else 'you'}"
