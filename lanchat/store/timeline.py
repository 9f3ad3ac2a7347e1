"""Timeline: how far the log had come at what time, noted again and again, so that a wrong clock does little harm.

A message carries the time that the server's clock showed when it was said. That clock may have been wrong then, or be wrong
now: a machine without a network that lost its time while it was off, or somebody who set another date. Two things don't
depend on it: the places in the log, which only go up, and for how long the server has run. A note has both, and the time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.store import schema

#: Larger than any time or place.
NEVER = 2**63 - 1
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
#: A clock that is further ahead than this since the last note, beyond what the server ran, is not believed at once.
FAR_MS = 7 * DAY_MS
#: It is believed when the server has run for so long since.
GRACE_MS = DAY_MS
#: Notes are about this far apart (in running time), and the further the older they are: by up to a sixteenth of their age. Two
#: between which the clock went a day further than the server ran are both kept.
APART_MS, SHARE = HOUR_MS // 2, 16
#: So many notes are kept at the most.
MOST = 500
#: The name of the notes in `meta`.
_NAME = "timeline"


class Note(NamedTuple):
    """What was so at one moment."""

    #: The newest place in the log.
    place: int
    #: What the clock showed, in milliseconds since the epoch.
    at: int
    #: For how long servers had run with this log, all in all, in milliseconds.
    ran: int


class Age(NamedTuple):
    """Which messages are older than some span: all up to `proven`; of the others up to `recent` those said before `before`."""

    #: In milliseconds since the epoch.
    before: int
    #: What was said after this place is not that old, whatever time it carries.
    recent: int = NEVER
    #: What was said up to this place is that old, whatever time it carries.
    proven: int = 0

    @property
    def upto(self) -> int:
        """No message after this place is that old."""
        return max(self.recent, self.proven)


class Timeline:
    """The notes of one log, the oldest first; the last one is of now."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self.notes = list(notes)
        self._now = self.notes[-1]

    def older_than(self, span: int) -> Age:
        """What counts as older than so many milliseconds."""
        at = self._now.at - self.unsettled(span)
        before = at - span
        recent = min((note.place for note in self.notes if before <= note.at <= at), default=NEVER)
        proven = max((note.place for note in self.notes if note.ran <= self._now.ran - span), default=0)
        return Age(before, recent, proven)

    def unsettled(self, span: int = GRACE_MS) -> int:
        """By how many milliseconds the clock went ahead lately, without the server having run for as long; 0 is usual.

        The server may have been off, or the clock is wrong. What is older than `span` need not wait for longer than that, and
        what nobody knew for a day is no measure.
        """
        settled = self._now.ran - min(span, GRACE_MS)
        known = self.notes[0].ran + GRACE_MS
        jumps = (_jump(*pair) for pair in pairwise(self.notes) if pair[1].ran > settled and pair[0].ran >= known)
        return max(0, sum(jump for jump in jumps if abs(jump) > FAR_MS))

    def thinned(self) -> list[Note]:
        """The notes that are worth keeping: of each span of running time the first, and those before and after a jump."""
        kept = self.notes[:1]
        for before, after in pairwise(self.notes):
            jumped = abs(_jump(before, after)) > DAY_MS
            if jumped and kept[-1] is not before:
                kept.append(before)
            times = max(1, (self._now.ran - after.ran) // SHARE // APART_MS)
            span = APART_MS << times.bit_length() - 1  # it doubles with the age, so that a note that was kept stays the first
            if jumped or after.ran // span != kept[-1].ran // span or after is self._now:
                kept.append(after)
        if len(kept) > MOST:
            del kept[1 : len(kept) - MOST + 1]  # the oldest stays: it says since when the clock is known
        return kept


def load(connection: Connection) -> list[Note]:
    """The notes that were kept; none when there are none, or what is there is damaged."""
    try:
        return [Note(*map(int, note)) for note in json.loads(str(schema.get(connection, _NAME)))]
    except (LookupError, ValueError, TypeError):
        return []


def note(connection: Connection, place: int, at: int, ran: int) -> Timeline:
    """Note what is so now, and keep it. `ran` is for how many milliseconds the server has run since the last note was made."""
    known = [one for one in load(connection) if one.place <= place]
    timeline = Timeline([*known, Note(place, at, (known[-1].ran if known else 0) + ran)])
    schema.put(connection, _NAME, json.dumps(timeline.thinned()))
    return timeline


def seen(notes: Sequence[Note], place: int, at: int) -> Timeline:
    """What is known of the time by these notes, when the log has come to `place` and the clock shows `at`."""
    return Timeline([*notes, Note(place, at, notes[-1].ran if notes else 0)])


def _jump(first: Note, second: Note) -> int:
    """By how many milliseconds the clock went further than the server ran."""
    return (second.at - first.at) - (second.ran - first.ran)
