"""Formats events of twisted.logger as bytes, for people or for programs: one event, one line, whatever it contains.

An event may contain hostile, broken or huge values. Nothing here raises, everything is cut to the bounds below, and no
character remains that a terminal would obey.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias

import msgspec
from twisted.logger import LogEvent, LogLevel, formatEvent, formatTime
from twisted.python.failure import Failure
from twisted.python.reflect import safe_str

from lanchat.protocol.packet import visible

#: The longest JSON line in bytes: what collects the output of containers splits longer ones.
MAX_LINE = 16_000
#: The longest message, field value and name, in characters; and the number of fields of an event.
MAX_MESSAGE, MAX_FIELD, MAX_NAME, MAX_FIELDS = 4_000, 500, 100, 20
#: How many lines of a traceback are kept (half from its beginning, half from its end), and the characters of each.
MAX_TRACE_LINES, MAX_TRACE_LINE = 100, 300
#: Characters that are kept of a message and of the end of a traceback when the JSON line would be too long.
SHORT_MESSAGE, SHORT_TRACEBACK = 1_500, 2_000
#: Greater integers are not read the same by all JSON parsers (RFC 8259, section 6).
MAX_INTEGER = 2**53

#: Syslog priorities, which journald reads at the beginning of a line (sd-daemon(3)).
PRIORITIES = {LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}

#: Makes the bytes of an event, with the newline at the end.
Formatter: TypeAlias = Callable[[LogEvent], bytes]


def format_text(event: LogEvent) -> bytes:
    """A line for people, as twistd writes it: time, source, message; a traceback follows, indented."""
    return f"{_local_time(int(_timestamp(event)))} ".encode() + format_untimed(event)


def format_untimed(event: LogEvent) -> bytes:
    """A line as `format_text` makes it, without the time, for a destination that adds it."""
    system = event.get("log_system")
    source = f"{namespace(event)}#{_level(event)}" if system is None else visible(safe_str(system), MAX_NAME)
    lines = [f"[{source}] {message(event)}", *traceback_lines(event)]
    return ("\n\t".join(lines) + "\n").encode()


def format_json(event: LogEvent) -> bytes:
    """A line for programs: one JSON object. If it would be too long it is shortened and has `"cut":true`."""
    record: dict[str, Any] = {
        "time": datetime.fromtimestamp(_timestamp(event), timezone.utc)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "level": _level(event),
        "namespace": namespace(event),
        "message": message(event),
        "fields": dict(islice(_fields(event), MAX_FIELDS)),
    }
    if lines := traceback_lines(event):
        record["traceback"] = "\n".join(lines)
    line = msgspec.json.encode(record)
    return (line if len(line) < MAX_LINE else msgspec.json.encode(_shortened(record))) + b"\n"


def for_journald(form: Formatter) -> Formatter:
    """A formatter that puts the priority before each line of another one; journald removes it again."""

    def prefixed(event: LogEvent) -> bytes:
        priority = b"<%d>" % PRIORITIES.get(event.get("log_level"), PRIORITIES[LogLevel.info])
        return b"".join(priority + line for line in form(event).splitlines(keepends=True))

    return prefixed


def namespace(event: LogEvent) -> str:
    """The logger namespace of the event, such as "lanchat.tls"."""
    return visible(safe_str(event.get("log_namespace", "-")), MAX_NAME)


def message(event: LogEvent) -> str:
    """The message of the event, in one line; "" if it has none."""
    if "log_failure" not in event and failure(event) is not None:  # from twisted.python.log, whose text contains the traceback
        return visible(safe_str(event.get("why") or "Unhandled Error"), MAX_MESSAGE)
    return visible(formatEvent(event), MAX_MESSAGE)


def failure(event: LogEvent) -> Failure | None:
    """The failure that the event reports, if any."""
    found = event.get("log_failure", event.get("failure"))
    return found if isinstance(found, Failure) else None


def traceback_lines(event: LogEvent) -> list[str]:
    """The lines of the traceback of the event's failure, if any; the middle of a long one is left out."""
    found = failure(event)
    if found is None:
        return []
    try:
        lines = found.getTraceback().splitlines()
    except Exception as error:  # noqa: BLE001 (it calls `str` of the exception)
        lines = [f"There is no traceback of this {found.type}: {type(error).__name__}"]
    if (surplus := len(lines) - MAX_TRACE_LINES) > 0:
        half = MAX_TRACE_LINES // 2
        lines = [*lines[:half], f"... {surplus} lines ...", *lines[-half:]]
    return [visible(line, MAX_TRACE_LINE) for line in lines]


def _fields(event: LogEvent) -> Iterator[tuple[str, object]]:
    """The other fields of the event that are simple JSON values."""
    if "log_text" in event:  # from twisted.python.log: the other fields say nothing more
        return
    for name, value in event.items():
        if isinstance(name, str) and not name.startswith("log_") and _is_simple(value):
            yield visible(name, MAX_NAME), visible(value, MAX_FIELD) if isinstance(value, str) else value


def _is_simple(value: object) -> bool:
    kind = type(value)  # a subclass may format itself in other ways
    return kind in (str, bool, float) or value is None or (kind is int and abs(value) <= MAX_INTEGER)  # type: ignore[arg-type]  # an int


def _shortened(record: dict[str, Any]) -> dict[str, Any]:
    short = record | {"message": visible(record["message"], SHORT_MESSAGE), "fields": {}, "cut": True}
    if "traceback" in record:
        short["traceback"] = "..." + record["traceback"][-SHORT_TRACEBACK:]
    return short


def _level(event: LogEvent) -> str:
    return str(getattr(event.get("log_level"), "name", "-"))


def _timestamp(event: LogEvent) -> float:
    """Seconds since the epoch; the current time if the event has none that makes sense."""
    when = event.get("log_time")
    return when if isinstance(when, (int, float)) and 0 <= when < 2**32 else time.time()


@lru_cache(maxsize=1)
def _local_time(second: int) -> str:
    return formatTime(second)
