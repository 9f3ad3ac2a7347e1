"""Aim: whom the lines are for that name nobody, as the last `/to` said (docs/protocol.md, "Typed lines")."""

from __future__ import annotations

import re

from lanchat.protocol.typed_lines import Typed, Unclear, parse, target

#: A line that was meant as a `/to`, even if it can't be read as one.
_TO = re.compile(r"[^\w]+to(?!\w)", re.IGNORECASE)


class Destination:
    """Lines of one person or script, one after the other. After a `/to` that failed, those that name nobody are refused."""

    def __init__(self, to: str) -> None:
        """`to` is a user, a room or everyone, until the first `/to`."""
        #: Where lines go; None after a `/to` that failed.
        self.to: str | None = to

    def read(self, line: str) -> Typed | None:
        """What a line means, and for whom it is; None if it was a `/to`, which is done. Raises `Unclear`."""
        try:
            typed = parse(line)
            if typed.to == "/to":
                self.to = target(typed.text)
                return None
        except Unclear:
            self.failed(line)
            raise
        if typed.to:
            return typed
        if self.to is None:
            raise Unclear(
                "The last /to failed, so nobody got it. Write /to NAME or /to #ROOM first, or /to alone for everyone."
            )
        return Typed(self.to, typed.text)

    def failed(self, line: str) -> None:
        """A line could not be read or sent: if it was a `/to`, it is not known for whom the next ones are."""
        if _TO.match(line):
            self.to = None
