"""The current recipient of typed lines that name none, as the last `/to` set it (docs/protocol.md, "Typed lines")."""

from __future__ import annotations

import re

from lanchat.protocol.events import NAME, RENAMED
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import is_visible
from lanchat.protocol.spelling import key
from lanchat.protocol.typed_lines import TypedLine, UnclearLine, completed, lacks_target, parse, parse_target

#: Matches a line that was meant as a `/to`, even one that can't be parsed.
_TO = re.compile(r"[^\w]+to(?!\w)", re.IGNORECASE)


def followed(target: str, event: ServerX | None) -> str:
    """The recipient after an event: the same room or person under a new name, if they have one now."""
    if event is None or event.batch is not None or not event.text or not is_visible(event.text):
        return target
    (before, *_) = {RENAMED: [event.conv], NAME: event.who}.get(event.ev or "") or [None]
    is_it = before is not None and key(before) == key(target) and event.text.startswith("#") == target.startswith("#")
    return event.text if is_it else target


class Destination:
    """Parses the lines of one user or script in order. After a `/to` that failed, lines that name no recipient are refused."""

    def __init__(self, to: str) -> None:
        """`to` is the recipient until the first `/to`: a user, a room ("#ops") or everyone."""
        #: The current recipient; None after a `/to` that failed.
        self.to: str | None = to

    def read(self, line: str) -> TypedLine | None:
        """Parse a line; None if it was a `/to`, which is then done. Raises `UnclearLine`."""
        try:
            typed = parse(line)
            if typed.to == "/to":
                self.to = parse_target(typed.text)
                return None
        except UnclearLine:
            self.failed(line)
            raise
        if self.to is not None:
            return completed(typed, self.to)
        if not lacks_target(typed):
            return typed
        raise UnclearLine(
            "Nobody got that, because the last /to failed. Send /to NAME or /to #ROOM first, or /to alone for everyone."
        )

    def follow(self, event: ServerX) -> None:
        """Keep the recipient when it has another name now, as an event says: a room, or a person."""
        if self.to is not None:
            self.to = followed(self.to, event)

    def failed(self, line: str) -> None:
        """A line could not be parsed or sent: if it was a `/to`, the recipient of the next lines is unknown."""
        if _TO.match(line):
            self.to = None
