"""Durations, as people write and read them: 30s, 10m, 2h, 7d."""

from __future__ import annotations

import math
import re

from lanchat.protocol.errors import Usage
from lanchat.protocol.packet import visible

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"([0-9]{1,5})([smhd])", re.IGNORECASE)


def seconds(text: str) -> int | None:
    """How long "30s", "10m", "2h" or "7d" is; nothing at all is None, for ever. Raises `Usage`."""
    if not text.strip():
        return None
    found = _SPAN.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise Usage(f"{visible(text, 20)} is no duration. Write 30s, 10m, 2h or 7d, or none: then it holds until it is undone.")
    return int(found[1]) * _UNITS[found[2].lower()]


def span(seconds: float) -> str:
    """So many seconds as people read them: "1h 59m", the two largest units of it, and never nothing."""
    rest, parts = max(1, math.ceil(seconds)), []
    for unit, size in _UNITS.items():
        if rest >= size:
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return " ".join(parts[:2])
