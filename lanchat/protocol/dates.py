"""Dates: a point in time as people write it, in every command that takes one."""

from __future__ import annotations

import re
from datetime import datetime

#: As RFC 3339 has it; the seconds, the zone, and the time itself may be left out, and a blank may stand for the T.
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?P<fraction>\.[0-9]+)?(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)


def moment(text: str) -> float:
    """Seconds since the epoch of a date such as `2026-11-20`, `2026-11-20T14:00` or `2026-11-20T14:00:05+01:00`.

    Without a zone it is the local time of this machine. Where clocks are set back, an hour comes twice: the first is meant.
    Where they are set forward, an hour is left out: a time in it is taken for one an hour later. Raises `ValueError`.
    """
    if (found := _DATE.fullmatch(text)) is None:
        raise ValueError(text)
    zone = (found["zone"] or "").upper().replace("Z", "+00:00")
    when = datetime.fromisoformat(f"{found['day']}T{found['time'] or '00:00'}{zone}")
    try:
        return when.timestamp() + float(found["fraction"] or 0)
    except OverflowError:
        raise ValueError(text) from None
