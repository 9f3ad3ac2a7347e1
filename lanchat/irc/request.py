"""Request: the lines that answer one command, which have its label if it had one (IRCv3 "Labeled Responses")."""

from __future__ import annotations

from collections.abc import Mapping

from lanchat.irc.message import line, written_tags


class Request:
    """The answer to one command with a label. Its lines are collected, as the label is written on them when all are known."""

    __slots__ = ("_lines", "_number", "deferred", "label")

    def __init__(self, label: str, number: str) -> None:
        """`number` tells its batch from others of this connection."""
        self.label = label
        self._number = number
        #: Whether the answer comes later, when a message is stored.
        self.deferred = False
        self._lines: list[tuple[dict[str, str], bytes]] = []

    def add(self, tags: Mapping[str, str], rest: bytes) -> None:
        """Add a line: its tags, and what follows them."""
        self._lines.append((dict(tags), rest))

    def answer(self, source: str) -> bytes:
        """All lines as they are sent: one with the label, several as a batch, or an ACK if there are none."""
        label = {"label": self.label}
        if not self._lines:
            return b"" if self.deferred else line("ACK", source=source, tags=label)
        if len(self._lines) == 1:
            tags, rest = self._lines[0]
            return tagged(label | tags, rest)
        batch = self._number
        begin = line("BATCH", f"+{batch}", "labeled-response", source=source, tags=label)
        inside = [tagged({"batch": batch} | tags, rest) for tags, rest in self._lines]  # (a batch within it has its own)
        return b"".join([begin, *inside, line("BATCH", f"-{batch}", source=source)])


def tagged(tags: Mapping[str, str], rest: bytes) -> bytes:
    """A line with these tags."""
    return (written_tags(tags).encode() if tags else b"") + rest
