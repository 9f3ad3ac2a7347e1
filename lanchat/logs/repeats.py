"""Repeats: what is logged again and again is written once, and counted. Data only: it writes nothing, and knows no time."""

from __future__ import annotations

import time
from collections.abc import Iterator

from twisted.logger import LogEvent
from twisted.python.reflect import safe_str

from lanchat.logs.formatters import failure, message, namespace

#: Seconds of a window. The same line is written once in it.
WINDOW_SECONDS = 10.0
#: Lines with one format in a window: thirty who leave and come back are all named.
MAX_LINES = 100
#: Formats that are told apart in a window; all others count as one. (The server itself has fewer.)
MAX_KINDS = 200


class Kind:
    """Events that differ in what they are about only: those with the same format."""

    def __init__(self, event: LogEvent) -> None:
        self._event = {key: event[key] for key in ("log_namespace", "log_level", "log_system") if key in event}
        self._written: set[int] = set()
        self._more = 0
        self._like = ""

    def is_new(self, event: LogEvent) -> bool:
        """Whether this one is to be written; if not, it is counted."""
        if len(self._written) < MAX_LINES and (mark := _mark(event)) not in self._written:
            self._written.add(mark)
            return True
        self._more += 1
        self._like = self._like or message(event)
        return False

    def sum(self) -> LogEvent | None:
        """An event that tells how many were not written; None when all were."""
        if not self._more:
            return None
        said = {"log_format": "{more} more like this: {like}", "more": self._more, "like": self._like, "log_time": time.time()}
        return self._event | said


class Repeats:
    """The kinds of events of one window."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], Kind] = {}

    def is_new(self, event: LogEvent) -> bool:
        """Whether this event is to be written; if not, `ended` will count it."""
        name = (namespace(event), safe_str(event.get("log_format")))
        if name not in self._kinds and len(self._kinds) >= MAX_KINDS:
            name = ("", "")
        if name not in self._kinds:
            self._kinds[name] = Kind(event)
        return self._kinds[name].is_new(event)

    def ended(self) -> Iterator[LogEvent]:
        """The window is over: one event for each kind of which more came than was written."""
        kinds, self._kinds = self._kinds, {}
        return filter(None, (kind.sum() for kind in kinds.values()))


def _mark(event: LogEvent) -> int:
    """What is the same for two events that say the same. Two failures are the same if they come from the same place."""
    found = failure(event)
    places = [frame[:3] for frame in found.frames] if found is not None else []
    return hash((found.type, *places)) if found is not None and places else hash(message(event))
