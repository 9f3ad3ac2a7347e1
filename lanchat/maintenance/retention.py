"""Retention: messages that are too old, or too many, are removed in small steps while the server runs.

A size is that of the messages: their texts, and `removal.ENVELOPE` bytes for each. It is not that of the file, which does not
shrink when messages are removed; their space is used by later ones. If SQLite gave pages back (`auto_vacuum`), it would move
others with each step, which is more to write than the removal. A smaller file comes from restoring a backup, which has no free
pages. The index of words keeps what is removed from it until its segments are merged: so that the file does not grow, they are
merged as messages are removed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from twisted.logger import Logger

from lanchat.history.closed_rooms import conversations_of_rooms
from lanchat.maintenance import removal
from lanchat.maintenance.pacing import Pace, Stopped
from lanchat.maintenance.removal import Row, Scope, Survey
from lanchat.protocol.entry import REPEAT_MS
from lanchat.protocol.errors import ChatError
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import MAX_SPELLING
from lanchat.store import word_index
from lanchat.store.message_removal import BeginSweep, RemoveMessages
from lanchat.store.store import Store
from lanchat.store.timeline import DAY_MS, Age, Timeline
from lanchat.store.word_index import MergeIndex
from lanchat.tables.recent import MoveRows

#: How many rows are moved from `fresh` to `kept` in one step.
MOVED = 200
#: How many bytes of the index of words are merged for each byte that is removed, until there is nothing to be merged.
MERGED = 2

_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_BYTES = {"M": 2**20, "G": 2**30, "T": 2**40}
# The rules for names don't matter here, as a room may have its name by older ones. If there is no such room, that is logged
# (`_convs`).
_ROOM = rf"(#[^=#\s]{{1,{MAX_SPELLING}}})\s*="
_FORM = re.compile(rf"(?:{_ROOM})?(?:([1-9][0-9]{{0,5}})([hdwyMGT])|off)")

_log = Logger("lanchat.store.retention")


class Rule(NamedTuple):
    """How long messages are kept, or how many bytes of them. If both are None, all are kept."""

    #: The name of the room that it is for, with its "#"; None for all conversations that have no rule of their own.
    room: str | None
    seconds: int | None
    #: Bytes of the messages of that room; or of all messages, including those of rooms with a rule of their own.
    size: int | None


def parse(text: str) -> Rule:
    """Parse a rule, such as `90d` or `#ops=500M`. Raises `ValueError` with a text that tells what would be right."""
    found = _FORM.fullmatch(text)
    if found is None:
        right = "write 90d or 12h (h, d, w, y), 500M or 2G (M, G, T), and for one room #ops=30d, or #ops=off to keep all"
        raise ValueError(f"{visible(text, 40)!r} is not a retention rule: {right}")
    room, number, unit = found.groups()
    times = int(number or 0)
    return Rule(room, times * _SECONDS[unit] if unit in _SECONDS else None, times * _BYTES[unit] if unit in _BYTES else None)


class Retention:
    """Removes the messages that are beyond the rules."""

    def __init__(self, store: Store, clock: Clock, rules: Sequence[Rule], now: Callable[[], float]) -> None:
        """`now` returns the time of day, in seconds since the epoch; `clock` is not affected when somebody sets that."""
        self.rules = rules
        self._store = store
        self._clock = clock
        self._now = now
        self._pace = Pace(store, clock)
        self._noted = clock.seconds()  # the time, by `clock`, of the last note in the timeline
        self._surveys: dict[Scope, Survey] = {}
        # How many steps of erasures, and how many withdrawals, there were when the surveys were made.
        self._erasures = self._withdrawn = 0
        self._merging = _Merging(self._pace)
        self._told: set[str] = set()  # texts that were logged, which are logged only once

    async def sweep(self) -> int:
        """Remove what is beyond the rules. Returns how many messages were removed. It raises nothing: failures are logged."""
        self._pace.start()
        try:
            return await self._sweep()
        except Stopped:
            pass
        except (ChatError, sqlite3.Error) as error:
            why = visible(str(error))
            _log.warn("old messages could not be removed; this will be tried again: {why}", why=why)
        except Exception:  # noqa: BLE001 (a fault of ours ends one sweep, not those that follow)
            _log.failure("old messages could not be removed; this will be tried again")
        return 0

    def stop(self) -> None:
        """End a sweep that is running, after the step that it is in; the next one will do the rest."""
        self._pace.stop()

    async def _sweep(self) -> int:
        place, known = await self._begin()
        rooms = await self._pace.read(
            partial(conversations_of_rooms, names=[rule.room for rule in self.rules if rule.room is not None])
        )
        plan = self._plan(rooms)
        used = {scope for _, scopes in plan for scope in scopes}
        self._surveys = {scope: survey for scope, survey in self._surveys.items() if scope in used}
        sweep = _Sweep(self._pace, self._merging, self._surveys, place, known, self._erasures)
        try:
            for rule, scopes in plan:
                await sweep.apply(rule, scopes)
            await sweep.forget_repeats()
        finally:
            if sweep.removed:
                _log.info("{count} old messages removed", count=sweep.removed)
        self._store.reusable = await self._pace.read(removal.reusable)
        return sweep.removed

    async def _begin(self) -> tuple[int, Timeline]:
        """Begin a sweep. Returns up to which sequence number it looks, and the timeline. All up to there is in `kept` then."""
        now = self._clock.seconds()
        begin = BeginSweep(at=int(self._now() * 1000), ran=int((now - self._noted) * 1000))
        place, known, erasures, withdrawn = await self._pace.write(begin)
        self._noted = now
        if (erasures, withdrawn) != (self._erasures, self._withdrawn):
            self._surveys.clear()
            self._erasures, self._withdrawn = erasures, withdrawn
        if days := round(known.unsettled() / DAY_MS):
            self._tell_once(
                f"the clock went ahead by {days} days: the server was off, or the clock is wrong. Messages that "
                "only this makes too old are removed after 24 hours of running; if the clock is wrong, correct it "
                "before then."
            )
        while await self._pace.maintain(MoveRows(place, MOVED)) == MOVED:
            pass
        return place, known

    def _plan(self, rooms: dict[str, list[str]]) -> list[tuple[Rule, list[Scope]]]:
        """Each rule with the messages that it is about. A size for all includes rooms with a rule of their own."""
        own = [(rule, self._convs(rule.room, rooms)) for rule in self.rules if rule.room is not None]
        spared = frozenset(conv for _, convs in own for conv in convs)
        rest = [(rule, Scope(spared=spared if rule.size is None else frozenset())) for rule in self.rules if rule.room is None]
        return [*((rule, list(map(Scope, convs))) for rule, convs in own), *((rule, [scope]) for rule, scope in rest)]

    def _convs(self, room: str, rooms: dict[str, list[str]]) -> list[str]:
        """The conversations of the rooms that have or had this name, oldest first."""
        convs = rooms[room]
        if not convs:
            self._tell_once(f"there is a rule of what to keep in {visible(room, 40)}, but no such room yet")
        return convs

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            _log.warn("{text}", text=text)


class _Merging:
    """Merges the index of words while messages are removed, so that their words are removed from the file, too."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._owed = 0  # bytes that are to be merged
        self._begun = False

    async def removed(self, size: int) -> None:
        """Note that messages of so many bytes were removed, and merge accordingly."""
        self._owed += MERGED * size
        while self._owed >= word_index.STEP_BYTES:
            self._begun = await self._pace.maintain(MergeIndex(first=not self._begun))
            self._owed = self._owed - word_index.STEP_BYTES if self._begun else 0


class _Sweep:
    """One sweep: it applies rules, one after the other."""

    def __init__(  # noqa: PLR0913, PLR0917 (what a sweep has of the retention)
        self, pace: Pace, merging: _Merging, surveys: dict[Scope, Survey], place: int, known: Timeline, erasures: int
    ) -> None:
        #: How many messages were removed so far.
        self.removed = 0
        self._pace = pace
        self._merging = merging
        self._surveys = surveys
        self._place = place
        self._timeline = known
        self._erasures = erasures
        self._day = known.older_than(REPEAT_MS)

    async def apply(self, rule: Rule, scopes: list[Scope]) -> None:
        """Remove what is beyond a rule, in these scopes together; the messages of each are older than those of the next."""
        if rule.seconds is not None:
            age = self._timeline.older_than(rule.seconds * 1000)
            for scope in scopes:
                await self._by_age(scope, age)
        elif rule.size is not None:
            await self._by_size([await self._survey(scope, self._place) for scope in scopes], rule.size)

    async def forget_repeats(self) -> None:
        """Remove what is left of emptied messages that are a day old: a repeat of them need not be recognised any more."""
        after = 0
        while found := await self._pace.read(partial(removal.emptied, age=self._day, after=after, page=removal.PAGE)):
            after, rows = found
            await self._take(rows, counted=False)

    async def _survey(self, scope: Scope, upto: int) -> Survey:
        """A survey of a scope, up to this sequence number at least."""
        survey = self._surveys.setdefault(scope, Survey(scope))
        after = survey.reopen()
        while after < upto:
            look = partial(removal.next_block, scope=scope, after=after, upto=upto, page=removal.PAGE)
            if (block := await self._pace.read(look)) is None:
                break
            survey.blocks.append(block)
            after = block.last
        return survey

    async def _by_age(self, scope: Scope, age: Age) -> None:
        survey = await self._survey(scope, min(self._place, age.upto))
        for block in survey.blocks:
            if not block.has(age):
                continue
            await self._take(await self._pace.read(partial(removal.older, scope=scope, block=block, age=age)))
            look = partial(removal.next_block, scope=scope, after=block.after, upto=block.last, page=block.rows)
            left = await self._pace.read(look)
            block.size, block.oldest = (left.size, left.oldest) if left is not None else (0, None)

    async def _by_size(self, surveys: list[Survey], size: int) -> None:
        beyond = sum(survey.size for survey in surveys) - size
        for survey in surveys:
            for block in survey.blocks:
                if beyond > 0 and block.size:
                    found = partial(removal.excess, scope=survey.scope, block=block, size=beyond)
                    beyond -= await self._take(await self._pace.read(found))

    async def _take(self, rows: Sequence[Row], counted: bool = True) -> int:
        """Remove messages, and what changed them; `counted` says whether they count in `removed`. Returns how many bytes."""
        changes = await self._pace.read(partial(removal.changes, rows=rows))
        size = 0
        for part in removal.in_steps(sorted([*rows, *changes])):
            seqs = tuple(row.seq for row in part)
            done = await self._pace.write(RemoveMessages(seqs, self._day, self._erasures))
            if done is None:
                raise Stopped  # an erasure is running, so the surveys are not right any more
            for survey in self._surveys.values():
                survey.without(part)
            self.removed += done if counted else 0
            taken = sum(row.size for row in part)
            size += taken
            await self._merging.removed(taken)
        return size
