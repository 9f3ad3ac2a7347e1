"""Limits repeated log events: the same line is written once in a while, the rest is counted. It writes nothing itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

from twisted.logger import LogEvent
from twisted.python.reflect import safe_str

from lanchat.logs.formatters import failure, message, namespace

#: The length of a window in seconds; in each window, the same line is written once.
WINDOW_SECONDS = 10.0
#: Different lines with the same format that are written in a window: enough for thirty users who leave and come back.
MAX_LINES = 100
#: Formats that are counted separately in a window; all others count as one. (The server has fewer.)
MAX_KINDS = 200


class EventKind:
    """The events of one window that have the same format and differ only in its values."""

    def __init__(self, event: LogEvent) -> None:
        self._event = {key: event[key] for key in ("log_namespace", "log_level", "log_system") if key in event}
        self._written: set[int] = set()
        self._left_out = 0
        self._example = ""

    def should_write(self, event: LogEvent) -> bool:
        """Whether this event is to be written; if not, it is counted."""
        if len(self._written) < MAX_LINES and (mark := _identity(event)) not in self._written:
            self._written.add(mark)
            return True
        self._left_out += 1
        self._example = self._example or message(event)
        return False

    def summary(self) -> LogEvent | None:
        """An event that says how many were not written; None if all were."""
        if not self._left_out:
            return None
        values = {
            "log_format": "{more} more like this: {like}",
            "more": self._left_out,
            "like": self._example,
            "log_time": time.time(),
        }
        return self._event | values


class RepeatFilter:
    """Decides for each event of the current window whether it is written."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], EventKind] = {}

    def should_write(self, event: LogEvent) -> bool:
        """Whether this event is to be written; if not, `end_window` will count it."""
        name = (namespace(event), safe_str(event.get("log_format")))
        if name not in self._kinds and len(self._kinds) >= MAX_KINDS:
            name = ("", "")
        if name not in self._kinds:
            self._kinds[name] = EventKind(event)
        return self._kinds[name].should_write(event)

    def end_window(self) -> Iterator[LogEvent]:
        """End the window: returns one event for each kind of which not all were written."""
        kinds, self._kinds = self._kinds, {}
        return filter(None, (kind.summary() for kind in kinds.values()))


def _identity(event: LogEvent) -> int:
    """A hash that is equal for events with the same message, or with failures of the same type from the same place."""
    found = failure(event)
    places = [frame[:3] for frame in found.frames] if found is not None else []
    return hash((found.type, *places)) if found is not None and places else hash(message(event))
