"""Dates and times as people write them in commands, and read them in answers."""

from __future__ import annotations

import re
from datetime import datetime, timezone

#: The format of RFC 3339, of which the seconds, the zone, or the whole time may be left out; a blank may replace the T.
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?P<fraction>\.[0-9]+)?(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)

#: An age: how long ago something was, in minutes, hours, days or weeks.
_AGE = re.compile(r"([0-9]{1,5})([mhdw])", re.IGNORECASE)
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_moment(text: str, now: float) -> float:
    """Seconds since the epoch of a date (`parse_date`), or of an age such as `30m`, `12h`, `7d` or `2w` at `now`.

    Raises `ValueError`.
    """
    if age := _AGE.fullmatch(text):
        return now - int(age[1]) * _SECONDS[age[2].lower()]
    return parse_date(text)


def parse_date(text: str) -> float:
    """Seconds since the epoch of a date such as `2026-11-20`, `2026-11-20T14:00` or `2026-11-20T14:00:05+01:00`.

    Without a zone it is local time. When clocks are set back, an hour comes twice: the first one is meant. When they are set
    forward, an hour is left out: a time in it becomes one an hour later. Raises `ValueError`.
    """
    if (found := _DATE.fullmatch(text)) is None:
        raise ValueError(text)
    zone = (found["zone"] or "").upper().replace("Z", "+00:00")
    when = datetime.fromisoformat(f"{found['day']}T{found['time'] or '00:00'}{zone}")
    try:
        return when.timestamp() + float(found["fraction"] or 0)
    except OverflowError:
        raise ValueError(text) from None


def utc_milliseconds(milliseconds: int) -> str:
    """A time, in milliseconds since the epoch, as RFC 3339 in UTC: `2026-11-20T14:03:22.500Z`."""
    then = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_minute(seconds: float) -> str:
    """A time, in seconds since the epoch, on this machine's clock: `2026-11-20 14:00`."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
