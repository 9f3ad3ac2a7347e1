"""Turns packets and the client's own texts into rows with time stamps and, if wanted, colours.

Everything from other people passes through `visible`, line by line; each line names its author, and rows are broken here
(`lanchat.system.columns`). So nobody can write what looks like another's message.
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

from lanchat.client.interfaces import OutgoingMessage, describe
from lanchat.client.shared_file import shared_file
from lanchat.protocol.entry import ACTION
from lanchat.protocol.events import INVITED
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import EVERYONE, ReceivedPacket, visible
from lanchat.protocol.spelling import key
from lanchat.system.columns import fold
from lanchat.system.printing import STDERR, STDOUT
from lanchat.terminal.excerpts import Excerpts

#: The name by which the user is shown.
YOU = "you"
#: Characters of a name that are shown.
MAX_NAME = 40

#: Seconds to wait for room on stderr before a line is dropped.
STDERR_SECONDS = 10.0

#: Colours, as SGR parameters of ANSI terminals (ECMA-48).
FAINT, ERROR, NOTICE, PRIVATE = "2", "1;31", "33", "1"
NAMES = ("36", "32", "34", "35", "96", "92", "94", "95")


def now() -> datetime:
    """The current time, in this machine's time zone."""
    return datetime.now().astimezone()


@dataclass(frozen=True)
class Paragraph:
    """A text to show; each of its lines begins with the same time and prefix. It can be rendered for any width."""

    #: The time; "" for none.
    stamp: str
    #: Text before each line: the author, or a mark.
    prefix: str
    colour: str
    text: str
    #: Whether the text is coloured too, and not only the prefix.
    colour_all: bool = False
    #: Whether colours are used at all.
    colours: bool = False
    #: The number of rows that were shown before.
    skip: int = 0

    def rendered(self, columns: int | None = None, most: int | None = None) -> str:
        """The rows for a terminal of `columns` columns; with None lines are not broken.

        After `most` rows, a last one says how many are left.
        """
        rows = self._rows(columns)[self.skip :]
        left = len(rows) - most if most is not None else 0
        if left > 0:
            rows[most:] = [self._first_row(f"{self.stamp} ... and {plural(left, 'more row')}: /more shows them")]
        return "".join(rows)

    def rest(self, columns: int, most: int) -> Paragraph | None:
        """The part after the first `most` rows; None if there is none."""
        skip = self.skip + most
        return replace(self, skip=skip) if len(self._rows(columns)) > skip else None

    def _rows(self, columns: int | None) -> list[str]:
        """All rows with their newlines. Continuation rows are indented, so that no time and no name can stand there."""
        before = f"{self.stamp} {self.prefix}" if self.stamp else self.prefix
        rows = []
        for line in self.text.replace("\r\n", "\n").rstrip("\n").split("\n"):
            text = before + visible(line)
            # The last column stays empty: terminals differ in where the cursor is after a character there.
            first, *more = [text] if columns is None else fold(text, columns - 1, len(self.stamp) + 3)
            rows.append(self._first_row(first))
            rows += [self._coloured(row, self.colour if self.colour_all else "") + "\n" for row in more]
        return rows

    def _first_row(self, row: str) -> str:
        """The first row of a line, with the time and the prefix as far as they fit."""
        end = len(self.stamp) + bool(self.stamp)
        coloured = len(row) if self.colour_all else end + len(self.prefix)
        stamp, blank = row[: len(self.stamp)], row[len(self.stamp) : end]
        return f"{self._coloured(stamp, FAINT)}{blank}{self._coloured(row[end:coloured], self.colour)}{row[coloured:]}\n"

    def _coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours and colour and text else text


class Formatter:
    """Makes paragraphs of packets, and of the client's own texts."""

    def __init__(
        self, colours: bool, at_terminal: bool = False, clock: Callable[[], datetime] = now, links: bool = True
    ) -> None:
        """`at_terminal`: each day begins with a line, so stamps need no date; private messages are marked.

        What is said of files has a hint at a terminal, and the link with `links`.
        """
        self._colours = colours
        self._at_terminal = at_terminal
        self._clock = clock
        self._links = links
        #: The name of the user, for actions, and what is remembered of messages.
        self.name = YOU
        self.excerpts = Excerpts()

    def packet(self, packet: ReceivedPacket) -> Paragraph:
        """A packet of the server, or of another user."""
        then, x = self.time(packet), packet.x or AnswerX()
        name = visible(packet.from_.name, MAX_NAME)
        if name == "SERVER" and not is_notice(packet):
            failed = x.op == "fail"
            text = self._sentence(packet.msg, x) if x.op == "event" else packet.msg
            return self._paragraph(then, "! " if failed else "* ", ERROR if failed else FAINT, text, colour_all=True)
        called = f"@{name}" if key(name) == YOU else name  # an account may have been made before that name was reserved
        colour = NAMES[zlib.crc32(name.lower().encode()) % len(NAMES)]
        is_mine = _is_mine(packet)
        if x.kind == ACTION and x.op is None:
            return self._paragraph(then, self._action_prefix(called, packet.to, is_mine), colour, packet.msg)
        prefix = self._prefix(YOU if is_mine else called, packet.to, is_mine, self.excerpts.marks(packet))
        return self._paragraph(then, prefix, colour, self._with_file(self.excerpts.text(packet), x))

    def _with_file(self, text: str, x: AnswerX) -> str:
        """The text of a message, and a line about the file that goes with it, if there is one."""
        if (file := shared_file(x)) is None:
            return text
        line = file.described
        if self._at_terminal and (reference := x.seq or x.id):
            line += f" - /get {reference} to save it"
        if self._links and file.url:
            line += f": {file.url}"
        return line if text in ("", file.name) else f"{text}\n{line}"

    def own_file(self, to: str, text: str, described: str, packet: ReceivedPacket | None) -> Paragraph:
        """A file that this user has sent, with its text and the time of its acknowledgement."""
        prefix = self._prefix(YOU, to, is_mine=True)
        return self._paragraph(self.time(packet), prefix, PRIVATE, f"{text}\n{described}" if text else described)

    def _sentence(self, told: str, x: AnswerX) -> str:
        """What an event says: one line, as it may quote a user. An invitation of this user says what to do with it."""
        if x.ev == INVITED and self.name in (x.who or ()):
            told = f"{x.by} invites you to {x.conv}. Send /join {x.conv} to enter it."
        return visible(told)

    def own_message(self, message: OutgoingMessage, packet: ReceivedPacket | None) -> Paragraph:
        """A message or reaction of this user, with the time of its acknowledgement in `packet`; None where there is none."""
        to, text = message.recipient, message.text
        if message.command == "/me":
            prefix = self._action_prefix(self.name, to, is_mine=True)
        elif message.command == "/react":
            to, marks, text = self.excerpts.own_reaction(message.msg)
            prefix = self._prefix(YOU, to, is_mine=True, marks=marks)
        else:
            prefix = self._prefix(YOU, to, is_mine=True, marks=self.excerpts.reply_mark(message.args.get("re")))
        nobody = " (nobody received it)" if packet is not None and packet.x is not None and packet.x.n == 0 else ""
        return self._paragraph(self.time(packet), prefix, PRIVATE, text + nobody)

    def typed(self, prompt: str, line: str) -> Paragraph:
        """A line as the user typed it, after the prompt that it was typed at."""
        return Paragraph("", prompt, "", line)

    def notice(self, text: str) -> Paragraph:
        """A text of the client itself."""
        return self._paragraph(self._clock(), "* ", NOTICE, text, colour_all=True)

    def error(self, text: str) -> Paragraph:
        """A text of the client about something that went wrong."""
        return self._paragraph(self._clock(), "! ", ERROR, text, colour_all=True)

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> Paragraph:
        """A message that may not have arrived."""
        return self.error(f"NOT ACKNOWLEDGED ({why}): {describe(message)}")

    def rule(self, text: str) -> Paragraph:
        """A line that separates what is above from what comes."""
        return Paragraph("", "", FAINT, f"\u2014 {text} \u2014", colour_all=True, colours=self._colours)

    def day(self, day: date) -> Paragraph:
        """The line before the messages of a day."""
        return self.rule(f"{day:%A}, {day.day} {day:%B %Y}")

    def time(self, packet: ReceivedPacket | None = None) -> datetime:
        """The local time of a packet; now, if it has no valid time stamp."""
        here = self._clock()
        ts = packet.x.ts if packet is not None and packet.x is not None else None
        try:
            return datetime.fromisoformat(ts.replace("Z", "+00:00")).astimezone() if ts else here
        except (ValueError, OverflowError):
            return here

    def _paragraph(self, then: datetime, prefix: str, colour: str, text: str, colour_all: bool = False) -> Paragraph:
        """A text with its time; away from a terminal, one of another day has the date too."""
        today = self._at_terminal or then.date() == self._clock().date()
        return Paragraph(
            then.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S"), prefix, colour, text, colour_all, self._colours
        )

    def _prefix(self, who: str, to: str, is_mine: bool, marks: str = "") -> str:
        """Who wrote it and where, and what it is; the place is left out if everyone reads it."""
        if to.startswith("#"):
            return f"{visible(to, MAX_NAME)} {who}{marks}: "
        if to.lower() == EVERYONE.lower():
            return f"{who}{marks}: "
        return f"{'[private] ' if self._at_terminal else ''}{who}{marks} -> {visible(to, MAX_NAME) if is_mine else YOU}: "

    def _action_prefix(self, who: str, to: str, is_mine: bool) -> str:
        """What stands before an action. It begins with its place, so it looks like nothing that the server says."""
        if to.startswith("#"):
            return f"{visible(to, MAX_NAME)} * {who} "
        if to.lower() == EVERYONE.lower():
            return f"{EVERYONE} * {who} "
        return f"[private] {f'-> {visible(to, MAX_NAME)} ' if is_mine else ''}* {who} "


def write_error(text: str) -> None:
    """Write a line to stderr; it is dropped if nothing reads stderr for `STDERR_SECONDS`.

    If stderr is the same pipe as stdout it is non-blocking while stdout is written to, so room is waited for here.
    """
    line = f"lanchat: {visible(text)}\n".encode()
    try:
        while line and select([], [STDERR], [], STDERR_SECONDS)[1]:
            line = line[os.write(STDERR, line) :]
    except OSError:
        return


def printable(line: bytes) -> str:
    """A packet's line as JSON that is safe on a terminal: characters that are not printable are escaped as in JSON."""
    text = line.decode(errors="replace").strip()
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def columns() -> int:
    """The width of the terminal on stdout now; the variable COLUMNS may be out of date, so it comes second."""
    with contextlib.suppress(OSError):
        if size := os.get_terminal_size(STDOUT).columns:
            return size
    return shutil.get_terminal_size().columns


def plural(number: int, what: str) -> str:
    """A number and a noun, which gets an s unless the number is 1."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def is_private(packet: ReceivedPacket) -> bool:
    """Whether another user sent this to this user only."""
    return packet.from_.name != "SERVER" and not _is_mine(packet) and not _is_for_many(packet)


def mentions(text: str, name: str) -> bool:
    """Whether a text contains a name as a separate word."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def is_notice(packet: ReceivedPacket) -> bool:
    """Whether the server says this in a conversation, as a bot does, and not to this user."""
    return packet.x is not None and packet.x.op is None and bool(packet.x.bot)


def _is_mine(packet: ReceivedPacket) -> bool:
    """Whether this user sent it, on another device."""
    return packet.x is not None and bool(packet.x.self_)


def _is_for_many(packet: ReceivedPacket) -> bool:
    return packet.to.startswith("#") or packet.to.lower() == EVERYONE.lower()
