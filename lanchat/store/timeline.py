"""Timeline: notes of how far the log had come at what time, so that a wrong clock does little harm.

A message carries the time that the server's clock showed when it arrived. That clock may have been wrong then, or be wrong now:
on a machine without a network that lost its time while it was off, or after somebody set another date. Two things don't depend
on the clock: sequence numbers, which only go up, and for how long the server has run. A note has both, and the time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.protocol.entry import Milliseconds, Seq
from lanchat.store import schema

#: Larger than any time and any sequence number.
NEVER = 2**63 - 1
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
#: If the clock went ahead by more than this since the last note, beyond the time that the server ran, it is not trusted at
#: once.
FAR_MS = 7 * DAY_MS
#: It is trusted after the server has run for this long.
GRACE_MS = DAY_MS
#: Notes are at least this far apart (in running time), and the further the older they are: by up to a sixteenth of their age.
#: Two notes are both kept if between them the clock went a day further than the server ran.
APART_MS, SHARE = HOUR_MS // 2, 16
#: How many notes are kept.
MOST = 500
#: The name of the notes in `meta`.
_NAME = "timeline"


class Note(NamedTuple):
    """What the clock showed when the log had come to a place, and for how long servers had run until then."""

    #: The newest sequence number at that moment.
    place: Seq
    #: What the clock showed, in milliseconds since the epoch.
    at: int
    #: For how many milliseconds servers had run with this log, in all.
    ran: int


class Age(NamedTuple):
    """Which messages are older than some span: all up to `proven`; of the others up to `recent`, those from before `before`."""

    #: Milliseconds since the epoch.
    before: Milliseconds
    #: Messages after this sequence number are not that old, whatever time they carry.
    recent: Seq = NEVER
    #: Messages up to this sequence number are that old, whatever time they carry.
    proven: Seq = 0

    @property
    def upto(self) -> int:
        """The last sequence number that may be that old."""
        return max(self.recent, self.proven)


class Timeline:
    """The notes of one log, oldest first; the last one is of now."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self.notes = list(notes)
        self._now = self.notes[-1]

    def older_than(self, span: int) -> Age:
        """Which messages count as older than `span` milliseconds."""
        at = self._now.at - self.unsettled(span)
        before = at - span
        recent = min((note.place for note in self.notes if before <= note.at <= at), default=NEVER)
        proven = max((note.place for note in self.notes if note.ran <= self._now.ran - span), default=0)
        return Age(before, recent, proven)

    def unsettled(self, span: int = GRACE_MS) -> int:
        """By how many milliseconds the clock went ahead lately without the server having run for as long; usually 0.

        The server may have been off, or the clock is wrong: nobody can tell until the server has run for `GRACE_MS`, or for
        `span` milliseconds if that is less. Of a log with which no server has run for a day yet, no jump is counted.
        """
        settled = self._now.ran - min(span, GRACE_MS)
        known = self.notes[0].ran + GRACE_MS
        jumps = (_jump(*pair) for pair in pairwise(self.notes) if pair[1].ran > settled and pair[0].ran >= known)
        return max(0, sum(jump for jump in jumps if abs(jump) > FAR_MS))

    def thinned(self) -> list[Note]:
        """The notes that are to be kept: the first one of each span of running time, and those before and after a jump."""
        kept = self.notes[:1]
        for before, after in pairwise(self.notes):
            jumped = abs(_jump(before, after)) > DAY_MS
            if jumped and kept[-1] is not before:
                kept.append(before)
            times = max(1, (self._now.ran - after.ran) // SHARE // APART_MS)
            span = APART_MS << times.bit_length() - 1  # (a power of two, so that the same notes stay the first of theirs)
            if jumped or after.ran // span != kept[-1].ran // span or after is self._now:
                kept.append(after)
        if len(kept) > MOST:
            del kept[1 : len(kept) - MOST + 1]  # the oldest stays: it tells since when the clock is watched
        return kept


def load(connection: Connection) -> list[Note]:
    """The notes in the database; none if they are damaged."""
    try:
        return [Note(*map(int, note)) for note in json.loads(str(schema.get_meta(connection, _NAME)))]
    except (LookupError, ValueError, TypeError):
        return []


def add_note(connection: Connection, place: int, at: int, ran: int) -> Timeline:
    """Add a note of now to those in the database. `ran` is for how many milliseconds the server ran since the last note."""
    known = [one for one in load(connection) if one.place <= place]
    timeline = Timeline([*known, Note(place, at, (known[-1].ran if known else 0) + ran)])
    schema.set_meta(connection, _NAME, json.dumps(timeline.thinned()))
    return timeline


def at_moment(notes: Sequence[Note], place: int, at: int) -> Timeline:
    """The timeline of these notes, if the newest sequence number is now `place`, and the clock shows `at`."""
    return Timeline([*notes, Note(place, at, notes[-1].ran if notes else 0)])


def _jump(first: Note, second: Note) -> int:
    """By how many milliseconds the clock went further than the server ran."""
    return (second.at - first.at) - (second.ran - first.ran)
