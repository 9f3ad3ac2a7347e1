"""Parses and formats durations as people write them: 30s, 10m, 2h, 7d."""

from __future__ import annotations

import math
import re

from lanchat.protocol.errors import Usage
from lanchat.protocol.packet import visible

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"([0-9]{1,5})([smhd])", re.IGNORECASE)


def parse_duration(text: str) -> int | None:
    """The seconds of a duration such as "30s", "10m", "2h" or "7d"; None, for ever, if the text is blank. Raises `Usage`."""
    if not text.strip():
        return None
    found = _SPAN.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise Usage(
            f"{visible(text, 20)} is not a duration. Write 30s, 10m, 2h or 7d; without one, it lasts until it is lifted."
        )
    return int(found[1]) * _UNITS[found[2].lower()]


def format_duration(seconds: float) -> str:
    """Seconds as text for people: "1h 59m", the two largest units, rounded up to a whole second, and at least "1s"."""
    rest, parts = max(1, math.ceil(seconds)), []
    for unit, size in _UNITS.items():
        if rest >= size:
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return " ".join(parts[:2])
