"""Comings: who came and who went, of which not all is shown: scripts that come for one line would fill a quiet room."""

from __future__ import annotations

from collections.abc import Iterable

from lanchat.protocol.packet import visible

#: Seconds for which somebody who spoke is of interest.
LATELY = 3600.0
#: Seconds after which it is told in one line what was not shown; so many lines about others are shown in that time.
SUMMED_SECONDS, MAX_SHOWN = 600.0, 4
#: Names that are remembered, and names in that line.
MAX_NAMES, MAX_TOLD = 1000, 20


class Arrivals:
    """Settles which of them are shown, and sums up the others. Times are in seconds, of any clock that only goes forward."""

    def __init__(self) -> None:
        self._spoke: dict[str, float] = {}
        self._since = float("-inf")  # when the time began in which so many may be shown
        self._shown = 0
        #: What each who was not shown did last, and how often anything.
        self._others: dict[str, tuple[str, int]] = {}

    def spoke(self, name: str, now: float) -> None:
        """Somebody said something, or something was said to them."""
        name = name.casefold()
        self._spoke.pop(name, None)
        self._spoke[name] = now
        if len(self._spoke) > MAX_NAMES:
            del self._spoke[next(iter(self._spoke))]

    def shows(self, event: str, who: Iterable[str], now: float) -> bool:
        """Whether to show that these came, or went; if not, it is in the next summary."""
        who = list(who)
        if any(now - self._spoke.get(name.casefold(), float("-inf")) < LATELY for name in who):
            return True
        if now - self._since >= SUMMED_SECONDS:
            self._since, self._shown = now, 0
        if self._shown < MAX_SHOWN:
            self._shown += 1
            return True
        for name in who:
            if name in self._others or len(self._others) < MAX_NAMES:
                self._others[name] = (event, self._others.get(name, ("", 0))[1] + 1)
        return False

    def summary(self) -> str:
        """What was not shown, which is told with this; "" for nothing."""
        others, self._others = self._others, {}
        told = [f"{visible(name, 40)} {event}{f' ({n} times)' if n > 1 else ''}" for name, (event, n) in others.items()]
        if len(told) > MAX_TOLD:
            told[MAX_TOLD:] = [f"and {len(told) - MAX_TOLD} others"]
        return f"Meanwhile: {', '.join(told)}" if told else ""
