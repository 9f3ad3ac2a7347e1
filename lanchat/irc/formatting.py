"""Formatting: the codes with which IRC clients colour text (https://modern.ircdocs.horse/formatting)."""

from __future__ import annotations

import re

#: Colours with their numbers, other codes, and the character that CTCP is written with.
_CODES = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|[\x01\x02\x0f\x11\x16\x1d-\x1f]"
)


def unformatted(text: str) -> str:
    """A text without formatting, and without what could begin or end CTCP."""
    return text if text.isprintable() else _CODES.sub("", text)
