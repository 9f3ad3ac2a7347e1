"""Retention: what is kept for how long, or up to which size; the rest goes, in small steps, while the server runs.

The place of what goes is used again by what comes: the file does not grow, and does not shrink either. To let SQLite give
pages back (`auto_vacuum`) would move others about with each step, which is more to write than to remove is; whoever wants a
smaller file makes a backup, which is as small as can be, and restores it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from sqlite3 import Connection
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lanchat.entry import NOWHERE, REPEAT_MS
from lanchat.errors import ChatError
from lanchat.interfaces import Clock
from lanchat.names import key
from lanchat.packet import visible
from lanchat.store.removal import NEVER, Cut, overflow, step, used
from lanchat.store.store import Store

#: Seconds between two steps, so that others have the disk.
BREATH = 0.1

_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_BYTES = {"M": 2**20, "G": 2**30, "T": 2**40}
_FORM = re.compile(r"(?:(#[^=]+)=)?(?:([1-9][0-9]{0,5})([hdwyMGT])|off)")

_log = Logger()


class Rule(NamedTuple):
    """How long, or how much; None is no bound."""

    #: The room that it is for, by name, with its "#"; None for all that have no rule of their own.
    room: str | None
    seconds: int | None
    #: Bytes: for a room of what was said in it, for all of what is used of the file (rooms with a rule included).
    size: int | None


def parse(text: str) -> Rule:
    """The rule that somebody wrote; raises `ValueError` that tells what would be right."""
    found = _FORM.fullmatch(text)
    if found is None:
        right = "write 90d or 12h (h, d, w, y), 500M or 2G (M, G, T), and for one room #ops=30d, or #ops=off to keep all"
        raise ValueError(f"{visible(text, 40)!r} does not say what to keep: {right}")
    room, number, unit = found.groups()
    times = int(number or 0)
    return Rule(room, times * _SECONDS[unit] if unit in _SECONDS else None, times * _BYTES[unit] if unit in _BYTES else None)


class Retention:
    """Keeps the log within the rules."""

    def __init__(self, store: Store, clock: Clock, rules: Sequence[Rule], now: Callable[[], float]) -> None:
        """`now` tells the time of day, in seconds since the epoch."""
        self.rules = rules
        self._store = store
        self._clock = clock
        self._now = now

    async def sweep(self) -> int:
        """Go through the log once, and let go what is beyond the rules; how many messages that were. It raises nothing."""
        try:
            removed = await self._sweep()
        except ChatError as error:
            _log.warn("what was not to be kept any longer is still there: {why}", why=str(error))
            return 0
        if removed:
            _log.info("{count} messages were not to be kept any longer", count=removed)
        return removed

    async def _sweep(self) -> int:
        own = await self._store.read(self._rooms)
        removed = 0
        for conv, rule in own:
            removed += await self._apply(rule, Cut(conv))
        spared = tuple(conv for conv, _ in own)
        for rule in self.rules:
            if rule.room is None:
                removed += await self._apply(rule, Cut(spared=spared if rule.size is None else ()))
        await self._cut(Cut(NOWHERE, before=self._ms() - REPEAT_MS))
        return removed

    def _rooms(self, connection: Connection) -> list[tuple[str, Rule]]:
        """The conversations of the rooms that have a rule of their own."""
        found: list[tuple[str, Rule]] = []
        for rule in self.rules:
            if rule.room is not None:
                rooms = connection.execute("SELECT 'r' || id FROM rooms WHERE key = ?", (key(rule.room),))
                found += [(conv, rule) for (conv,) in rooms]
        return found

    async def _apply(self, rule: Rule, cut: Cut) -> int:
        if rule.seconds is not None:
            cut.before = self._ms() - rule.seconds * 1000
            return await self._cut(cut)
        if rule.size is None:
            return 0
        if cut.conv is None:
            return await self._cut(cut, rule.size)
        cut.upto = await self._beyond(cut.conv, rule.size)
        return await self._cut(cut)

    async def _cut(self, cut: Cut, size: int = -1) -> int:
        """Step by step to the end, or until no more than `size` bytes are used; how many messages went."""
        removed = 0
        while await self._store.read(used) > size:
            done = await self._store.write(partial(step, cut=cut, now=self._ms()))
            if done is None:
                break
            cut.after, removed = done[0], removed + done[1]
            await self._pause()
        return removed

    async def _beyond(self, conv: str, size: int) -> int:
        """The newest place in a conversation at which it is larger than it may be; 0 if it is not."""
        lowest, counted = NEVER, 0
        while found := await self._store.read(partial(overflow, conv=conv, size=size, before=lowest, sofar=counted), slow=True):
            lowest, counted, beyond = found
            if beyond is not None:
                return beyond
        return 0

    async def _pause(self) -> None:
        while True:
            over: Deferred[None] = Deferred()
            self._clock.callLater(BREATH, over.callback, None)
            await over
            if not self._store.full:
                return

    def _ms(self) -> int:
        return int(self._now() * 1000)
