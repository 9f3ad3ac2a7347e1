"""Forms: an event of twisted.logger as bytes, for people or for programs. An event is one line, whatever is in it.

What an event holds may be hostile, broken or huge. Nothing here raises, nothing is longer than the bounds say, and no character
gets through that a terminal would obey.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from twisted.logger import LogEvent, LogLevel, formatEvent, formatTime
from twisted.python.failure import Failure
from twisted.python.reflect import safe_str

from lanchat.protocol.packet import visible

#: Bytes of a JSON line: what reads the output of containers cuts longer ones in pieces.
MAX_LINE = 16_000
#: Characters of a message, of a field, and of a name; fields of an event.
MAX_MESSAGE, MAX_FIELD, MAX_NAME, MAX_FIELDS = 4_000, 500, 100, 20
#: Lines of a traceback, of which as many are its beginning as its end, and characters of one.
MAX_TRACE_LINES, MAX_TRACE_LINE = 100, 300
#: Characters that are left of a message, and of the end of a traceback, where all of it would be too much for a line.
SHORT_MESSAGE, SHORT_TRACEBACK = 1_500, 2_000
#: Whole numbers above this are not the same to every reader of JSON (RFC 8259, section 6).
MAX_INTEGER = 2**53

#: The priorities of syslog, as journald understands them at the beginning of a line (sd-daemon(3)).
PRIORITIES = {LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}

Form = Callable[[LogEvent], bytes]


def text_form(event: LogEvent) -> bytes:
    """For people, as twistd writes it: time, where it comes from, what happened. A traceback follows, indented."""
    return f"{_local(int(_when(event)))} ".encode() + untimed_form(event)


def untimed_form(event: LogEvent) -> bytes:
    """For people who are told the time by something else."""
    system = event.get("log_system")
    source = f"{namespace(event)}#{_level(event)}" if system is None else visible(safe_str(system), MAX_NAME)
    lines = [f"[{source}] {message(event)}", *trace(event)]
    return ("\n\t".join(lines) + "\n").encode()


def json_form(event: LogEvent) -> bytes:
    """For programs: one object. What is too long for a line is cut, and says `"cut":true`."""
    record: dict[str, Any] = {
        "time": datetime.fromtimestamp(_when(event), timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": _level(event),
        "namespace": namespace(event),
        "message": message(event),
        "fields": dict(islice(_fields(event), MAX_FIELDS)),
    }
    if lines := trace(event):
        record["traceback"] = "\n".join(lines)
    line = msgspec.json.encode(record)
    return (line if len(line) < MAX_LINE else msgspec.json.encode(_shortened(record))) + b"\n"


def for_journald(form: Form) -> Form:
    """The same with the priority before each line, which journald takes off again."""

    def prefixed(event: LogEvent) -> bytes:
        priority = b"<%d>" % PRIORITIES.get(event.get("log_level"), PRIORITIES[LogLevel.info])
        return b"".join(priority + line for line in form(event).splitlines(keepends=True))

    return prefixed


def namespace(event: LogEvent) -> str:
    """Which module says so."""
    return visible(safe_str(event.get("log_namespace", "-")), MAX_NAME)


def message(event: LogEvent) -> str:
    """What happened, in one line; "" when the event does not say."""
    if "log_failure" not in event and failure(event) is not None:  # of twisted.python.log, whose text has the traceback in it
        return visible(safe_str(event.get("why") or "Unhandled Error"), MAX_MESSAGE)
    return visible(formatEvent(event), MAX_MESSAGE)


def failure(event: LogEvent) -> Failure | None:
    """What went wrong, if that is what the event is about."""
    found = event.get("log_failure", event.get("failure"))
    return found if isinstance(found, Failure) else None


def trace(event: LogEvent) -> list[str]:
    """The lines of its traceback; of very many the first and the last."""
    found = failure(event)
    if found is None:
        return []
    try:
        lines = found.getTraceback().splitlines()
    except Exception as error:  # noqa: BLE001 (it asks the exception for its text)
        lines = [f"There is no traceback of this {found.type}: {type(error).__name__}"]
    if (surplus := len(lines) - MAX_TRACE_LINES) > 0:
        half = MAX_TRACE_LINES // 2
        lines = [*lines[:half], f"... {surplus} lines ...", *lines[-half:]]
    return [visible(line, MAX_TRACE_LINE) for line in lines]


def _fields(event: LogEvent) -> Iterator[tuple[str, object]]:
    """What the event holds besides its text, as far as JSON has such a thing."""
    if "log_text" in event:  # of twisted.python.log: there is nothing but its text
        return
    for name, value in event.items():
        if isinstance(name, str) and not name.startswith("log_") and _is_simple(value):
            yield visible(name, MAX_NAME), visible(value, MAX_FIELD) if isinstance(value, str) else value


def _is_simple(value: object) -> bool:
    kind = type(value)  # a subclass may show itself in ways of its own
    return kind in (str, bool, float) or value is None or (kind is int and abs(value) <= MAX_INTEGER)  # type: ignore[arg-type]  # an int


def _shortened(record: dict[str, Any]) -> dict[str, Any]:
    short = record | {"message": visible(record["message"], SHORT_MESSAGE), "fields": {}, "cut": True}
    if "traceback" in record:
        short["traceback"] = "..." + record["traceback"][-SHORT_TRACEBACK:]
    return short


def _level(event: LogEvent) -> str:
    return str(getattr(event.get("log_level"), "name", "-"))


def _when(event: LogEvent) -> float:
    """Seconds since 1970; now, where the event does not say, or says nonsense."""
    when = event.get("log_time")
    return when if isinstance(when, (int, float)) and 0 <= when < 2**32 else time.time()


@lru_cache(maxsize=1)
def _local(second: int) -> str:
    return formatTime(second)
