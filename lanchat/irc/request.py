"""Request: the lines that answer one command, which have its label if it had one (IRCv3 "Labeled Responses")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lanchat.irc.message import line, written_tags
from lanchat.protocol.packet import Packet


class Request:
    """The answer to one command with a label. Its lines are collected, as the label is written on them when all are known."""

    __slots__ = ("_lines", "_number", "label", "served", "waiting")

    def __init__(self, label: str, number: str) -> None:
        """`number` tells its batch from others of this connection."""
        self.label = label
        self._number = number
        #: Whether the command was carried out, but for the messages that it said and that are not stored yet: so many.
        self.served, self.waiting = False, 0
        self._lines: list[tuple[Mapping[str, str], bytes]] = []

    @property
    def is_answered(self) -> bool:
        """Whether all lines of the answer are known."""
        return self.served and not self.waiting

    def add(self, tags: Mapping[str, str], rest: bytes) -> None:
        """Add a line: its tags, and what follows them."""
        self._lines.append((tags, rest))

    def answer(self, source: str) -> bytes:
        """All lines as they are sent: one with the label, several as a batch, or an ACK if there are none."""
        label = {"label": self.label}
        if not self._lines:
            return line("ACK", source=source, tags=label)
        if len(self._lines) == 1:
            tags, rest = self._lines[0]
            return tagged({**label, **tags}, rest)
        batch = self._number
        begin = line("BATCH", f"+{batch}", "labeled-response", source=source, tags=label)
        inside = [tagged({"batch": batch, **tags}, rest) for tags, rest in self._lines]  # (a batch within it has its own)
        return b"".join([begin, *inside, line("BATCH", f"-{batch}", source=source)])


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
