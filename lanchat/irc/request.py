"""Request: the lines that answer one command, which have its label if it had one (IRCv3 "Labeled Responses")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import starmap
from typing import NamedTuple

from lanchat.irc.message import line, written_tags
from lanchat.protocol.packet import Packet

#: The beginning of a message of several lines, with the name of its batch.
_MULTILINE = re.compile(rb"^:\S+ BATCH \+(\S+) draft/multiline ")


class Request:
    """The answer to one command with a label. Its lines are collected, as the label is written on them when all are known."""

    __slots__ = ("_begun", "_lines", "_number", "label", "served", "waiting")

    def __init__(self, label: str, number: str) -> None:
        """`number` tells its batch from others of this connection."""
        self.label = label
        self._number = number
        #: Whether the command was carried out, but for the messages that it said and that are not stored yet: so many.
        self.served, self.waiting = False, 0
        self._lines: list[tuple[Mapping[str, str], bytes]] = []
        self._begun = False

    @property
    def is_answered(self) -> bool:
        """Whether all lines of the answer are known."""
        return self.served and not self.waiting

    def add(self, tags: Mapping[str, str], rest: bytes) -> None:
        """Add a line: its tags, and what follows them."""
        self._lines.append((tags, rest))

    def part(self, source: str) -> bytes:
        """The lines so far as they are sent, in a batch that goes on. For long answers, of which not all lines are kept."""
        lines, self._lines = self._lines, []
        if not lines:
            return b""
        inside = [tagged({"batch": self._number, **tags}, rest) for tags, rest in lines]  # (a batch within it has its own)
        if not self._begun:
            self._begun = True
            label = {"label": self.label}
            inside.insert(0, line("BATCH", f"+{self._number}", "labeled-response", source=source, tags=label))
        return b"".join(inside)

    def answer(self, source: str) -> bytes:
        """All lines, or the last ones, as they are sent: one with the label, several as a batch; an ACK if there are none."""
        label = {"label": self.label}
        if not self._begun and (len(self._lines) == 1 or self._is_message_of_several_lines()):
            (tags, rest), *others = self._lines
            return b"".join([tagged({**label, **tags}, rest), *starmap(tagged, others)])
        if self._lines or self._begun:
            return self.part(source) + line("BATCH", f"-{self._number}", source=source)
        return line("ACK", source=source, tags=label)

    def _is_message_of_several_lines(self) -> bool:
        """Whether the lines are one batch already, which is to have the label itself (IRCv3 draft "Multiline")."""
        begin = _MULTILINE.search(self._lines[0][1]) if self._lines else None
        return begin is not None and b"BATCH -" + begin[1] in self._lines[-1][1]


class Said(NamedTuple):
    """Something that a client said, and that the core has not acknowledged or refused yet."""

    #: The command with which it was said, and the target as it was written there.
    command: str
    target: str
    #: What the core was given.
    packet: Packet
    #: The request that waits for it, if the command had a label.
    request: Request | None


def tagged(tags: Mapping[str, str], rest: bytes) -> bytes:
    """A line with these tags."""
    return (written_tags(tags).encode() if tags else b"") + rest
