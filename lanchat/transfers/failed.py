"""Why a file could not be sent or saved."""

from __future__ import annotations


class Failed(Exception):
    """A file was not sent or not saved. The text is one line, for a person, and is safe to show."""


class TryLater(Failed):
    """The server could not take a file for now."""

    def __init__(self, why: str, seconds: float) -> None:
        """`seconds` is how long the server asks to wait."""
        super().__init__(why)
        self.seconds = seconds


class Unclear(Failed):
    """The connection was lost when all of a file had been sent, so it may have arrived."""
