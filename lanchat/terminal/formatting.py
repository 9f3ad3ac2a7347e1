"""Show: packets and the client's own words as rows of text, with time stamps and, where they are wanted, colours.

Everything that came from elsewhere passes through `visible`, line by line, each line names who it is from, and rows are
broken here (`lanchat.system.columns`): nobody can write what looks like another's message.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from select import select

from lanchat.client.interfaces import Said, shown
from lanchat.protocol.packet import EVERYONE, ServerPacket, visible
from lanchat.protocol.spelling import key
from lanchat.system.columns import fold
from lanchat.system.printing import STDERR, STDOUT

#: What whoever sits here is called.
ME = "you"
#: Characters of a name that are shown.
MAX_NAME = 40

#: Seconds that stderr may take no more before what is said there is lost.
COMPLAINT_SECONDS = 10.0

#: SGR parameters of ANSI terminals.
FAINT, ERROR, NOTICE, PRIVATE = "2", "1;31", "33", "1"
NAMES = ("36", "32", "34", "35", "96", "92", "94", "95")


def now() -> datetime:
    """The time here."""
    return datetime.now().astimezone()


@dataclass(frozen=True)
class Paragraph:
    """A text to be shown, whose lines all begin with the same words. It can be drawn for any width, and again for another."""

    #: The time; "" for none.
    stamp: str
    #: Who says it.
    lead: str
    colour: str
    text: str
    #: Whether the text has the colour too.
    whole: bool = False
    #: Whether there are colours at all.
    colours: bool = False
    #: Rows of it that were shown before.
    skip: int = 0

    def drawn(self, columns: int | None = None, most: int | None = None) -> str:
        """The rows for a terminal of so many columns, or as they are where rows have no width (None).

        After `most` rows it is told how many are left.
        """
        rows = self._rows(columns)[self.skip :]
        left = len(rows) - most if most is not None else 0
        if left > 0:
            rows[most:] = [self._head(f"{self.stamp} ... and {plural(left, 'more row')}: /more shows them")]
        return "".join(rows)

    def rest(self, columns: int, most: int) -> Paragraph | None:
        """What of it is left after `most` rows, if anything."""
        skip = self.skip + most
        return replace(self, skip=skip) if len(self._rows(columns)) > skip else None

    def _rows(self, columns: int | None) -> list[str]:
        """All rows, each with its end. What did not fit into a row goes on where no time and no name can stand."""
        before = f"{self.stamp} {self.lead}" if self.stamp else self.lead
        rows = []
        for line in self.text.replace("\r\n", "\n").rstrip("\n").split("\n"):
            text = before + visible(line)
            # The last column stays free: terminals differ in where they are after a character there.
            first, *more = [text] if columns is None else fold(text, columns - 1, len(self.stamp) + 3)
            rows.append(self._head(first))
            rows += [self._paint(row, self.colour if self.whole else "") + "\n" for row in more]
        return rows

    def _head(self, row: str) -> str:
        """The first row of a line, which begins with the stamp and the lead as far as there is room for them."""
        end = len(self.stamp) + bool(self.stamp)
        coloured = len(row) if self.whole else end + len(self.lead)
        stamp, blank = row[: len(self.stamp)], row[len(self.stamp) : end]
        return f"{self._paint(stamp, FAINT)}{blank}{self._paint(row[end:coloured], self.colour)}{row[coloured:]}\n"

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours and colour and text else text


class Painter:
    """Makes paragraphs of packets, and of what the client itself has to tell."""

    def __init__(self, colours: bool, at_terminal: bool = False, clock: Callable[[], datetime] = now) -> None:
        """`at_terminal` there is a line for each new day, so that stamps need no date, and what is private says so."""
        self._colours = colours
        self._at_terminal = at_terminal
        self._clock = clock

    def packet(self, packet: ServerPacket) -> Paragraph:
        """A packet that came, whoever it is from."""
        then = self.time(packet)
        name = visible(packet.from_.name, MAX_NAME)
        if name == "SERVER":
            failed = packet.x is not None and packet.x.op == "fail"
            return self._line(then, "! " if failed else "* ", ERROR if failed else FAINT, packet.msg, whole=True)
        called = f"@{name}" if key(name) == ME else name  # an account may have had that name before it was reserved
        who = ME if _is_mine(packet) else called
        lead = self._lead(who, packet.to, is_mine=_is_mine(packet))
        return self._line(then, lead, NAMES[zlib.crc32(name.lower().encode()) % len(NAMES)], packet.msg)

    def said(self, said: Said, packet: ServerPacket | None) -> Paragraph:
        """What was said here, with the time at which it arrived, as `packet` says; None where nobody tells."""
        to, text = said.to, said.msg
        if said.command == "/pm":
            to, _, text = text.strip().partition(" ")
        lead = self._lead(ME, EVERYONE if said.command == "/shout" else to, is_mine=True)
        nobody = " (nobody was there)" if packet is not None and packet.x is not None and packet.x.n == 0 else ""
        return self._line(self.time(packet), lead, PRIVATE, text + nobody)

    def typed(self, prompt: str, line: str) -> Paragraph:
        """A line as it was typed."""
        return Paragraph("", prompt, "", line)

    def notice(self, text: str) -> Paragraph:
        """Something that the client itself has to tell."""
        return self._line(self._clock(), "* ", NOTICE, text, whole=True)

    def error(self, text: str) -> Paragraph:
        """Something that went wrong."""
        return self._line(self._clock(), "! ", ERROR, text, whole=True)

    def unanswered(self, said: Said, why: str) -> Paragraph:
        """Something that was said and perhaps never arrived."""
        return self.error(f"NOT ACKNOWLEDGED ({why}): {shown(said)}")

    def rule(self, text: str) -> Paragraph:
        """A line between what was before and what comes."""
        return Paragraph("", "", FAINT, f"\u2014 {text} \u2014", whole=True, colours=self._colours)

    def day(self, day: date) -> Paragraph:
        """The line before what is of this day."""
        return self.rule(f"{day:%A}, {day.day} {day:%B %Y}")

    def time(self, packet: ServerPacket | None = None) -> datetime:
        """The time of a packet, as clocks showed it here then; now, where the server gave no usable time."""
        here = self._clock()
        ts = packet.x.ts if packet is not None and packet.x is not None else None
        try:
            return datetime.fromisoformat(ts.replace("Z", "+00:00")).astimezone() if ts else here
        except (ValueError, OverflowError):
            return here

    def _line(self, then: datetime, lead: str, colour: str, text: str, whole: bool = False) -> Paragraph:
        """A text with its time, and with the date where it is another day's."""
        today = self._at_terminal or then.date() == self._clock().date()
        return Paragraph(then.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S"), lead, colour, text, whole, self._colours)

    def _lead(self, who: str, to: str, is_mine: bool) -> str:
        """Who said it, and where, unless everyone reads it."""
        if to.startswith("#"):
            return f"{visible(to, MAX_NAME)} {who}: "
        if to.lower() == EVERYONE.lower():
            return f"{who}: "
        return f"{'[private] ' if self._at_terminal else ''}{who} -> {visible(to, MAX_NAME) if is_mine else ME}: "


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


def columns() -> int:
    """How wide the terminal on stdout is now. The variable COLUMNS may say what was so when the shell began."""
    with contextlib.suppress(OSError):
        if size := os.get_terminal_size(STDOUT).columns:
            return size
    return shutil.get_terminal_size().columns


def plural(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def is_private(packet: ServerPacket) -> bool:
    """Whether somebody else said this to this user alone."""
    return packet.from_.name != "SERVER" and not _is_mine(packet) and not _is_for_many(packet)


def names(text: str, name: str) -> bool:
    """Whether a text names somebody, by a word of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _is_mine(packet: ServerPacket) -> bool:
    """Whether it was said by this user, on another device."""
    return packet.x is not None and bool(packet.x.self_)


def _is_for_many(packet: ServerPacket) -> bool:
    return packet.to.startswith("#") or packet.to.lower() == EVERYONE.lower()
