"""Decides which arrivals and departures are shown: scripts that connect to send one line would fill a quiet room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from lanchat.protocol.events import AWAY, JOINED, LEFT, READ, TYPING
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import key

#: Seconds after a message for which the arrivals and departures of its author (or recipient) are always shown.
RECENT_SECONDS = 3600.0
#: Seconds after which a summary lists what was not shown, and how many lines about others are shown in that time.
SUMMED_SECONDS, MAX_SHOWN = 600.0, 4
#: Names that are remembered, and names in one summary.
MAX_NAMES, MAX_SUMMARY_NAMES = 1000, 20
#: The last event of a user ("came", "went", "joined #ops") and the number of events.
LastEvent: TypeAlias = tuple[str, int]


def is_arrival(x: AnswerX) -> bool:
    """Whether an event is one of those of which many are summed up."""
    return x.ev in ("came", "went", JOINED, LEFT, AWAY)


def is_news(x: AnswerX, me: str) -> bool:
    """Whether an event is shown whenever it happens. What the user `me` did is not: it was answered."""
    return not is_arrival(x) and x.ev not in (READ, TYPING) and not (x.by is not None and key(x.by) == key(me))


class Arrivals:
    """Decides which events are shown, and sums up the others. Times are in seconds, of any clock that only goes forward."""

    def __init__(self) -> None:
        self._spoke: dict[str, float] = {}
        self._since = float("-inf")  # when the current interval of `SUMMED_SECONDS` began
        self._shown = 0
        #: For each name that was not shown: its last event, and how many there were.
        self._others: dict[str, LastEvent] = {}

    def spoke(self, name: str, now: float) -> None:
        """Note that somebody sent a message, or was sent one."""
        name = name.casefold()
        self._spoke.pop(name, None)
        self._spoke[name] = now
        if len(self._spoke) > MAX_NAMES:
            del self._spoke[next(iter(self._spoke))]

    def should_show(self, event: str, names: Iterable[str], now: float) -> bool:
        """Whether to show that these users arrived or left; if not, the next summary includes them."""
        names = list(names)
        if any(now - self._spoke.get(name.casefold(), float("-inf")) < RECENT_SECONDS for name in names):
            return True
        if now - self._since >= SUMMED_SECONDS:
            self._since, self._shown = now, 0
        if self._shown < MAX_SHOWN:
            self._shown += 1
            return True
        for name in names:
            if name in self._others or len(self._others) < MAX_NAMES:
                self._others[name] = (event, self._others.get(name, ("", 0))[1] + 1)
        return False

    def summary(self) -> str:
        """A line about what was not shown since the last summary; "" if there was nothing."""
        others, self._others = self._others, {}
        told = [f"{visible(name, 40)} {event}{f' ({n} times)' if n > 1 else ''}" for name, (event, n) in others.items()]
        if len(told) > MAX_SUMMARY_NAMES:
            told[MAX_SUMMARY_NAMES:] = [f"and {len(told) - MAX_SUMMARY_NAMES} others"]
        return f"Meanwhile: {', '.join(told)}" if told else ""
