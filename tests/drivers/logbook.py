"""Logbook: the model of the log. It is a dict of what must be there, and answers pages and searches by looking at all of it."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from lanchat.protocol.entry import EDIT, GONE, REACT, WITHDRAW, Entry
from tests.drivers.wrong import check, same

#: Milliseconds for which a repeat is promised to be known.
DAY = 86_400_000
#: Entries on a page, and bytes of their texts (docs/protocol.md, "What is kept").
MAX_PAGE, MAX_TEXT = 200, 128 * 1024
#: What repeats have in common: author, their id for it, the name it was said to, and the text.
Content = tuple[int, str, str, str, "str | None", "int | None"]


class OutgoingMessage(NamedTuple):
    """A message as it must be in the log."""

    ts: int
    conv: str
    author: int | None
    name: str
    target: str
    msg: str
    kind: str | None = None
    #: The place of the message that it changes; 0 if it says what was done with a room, None if it is a message.
    about: int | None = None


def said_of(entry: Entry) -> OutgoingMessage:
    """An entry as the model has it."""
    said = (entry.ts, entry.conv, entry.author, entry.name, entry.target, entry.msg)
    return OutgoingMessage(*said, entry.kind, entry.about)


def content_of(entry: Entry) -> Content | None:
    """What a repeat of this has in common with it; None if it can't be repeated."""
    if entry.author is None or entry.cid is None:
        return None
    return entry.author, entry.cid, "" if entry.changes else entry.target, entry.msg, entry.kind, entry.about


class First(NamedTuple):
    """Where a message went that may be repeated."""

    seq: int
    ts: int
    #: Whether it must be known still. It need not be once retention took it after its day, or the clock was set.
    sure: bool


class Logbook:
    """What was stored, and what may be asked of it."""

    def __init__(self) -> None:
        self.rows: dict[int, OutgoingMessage] = {}
        #: When each was really said, in the driver's seconds, whatever the server's clock showed.
        self.said_at: dict[int, float] = {}
        #: The newest place that was given in this epoch.
        self.newest = 0
        self.firsts: dict[Content, list[First]] = {}
        #: A word of each text that was withdrawn.
        self.withdrawn: list[str] = []

    def copy(self) -> Logbook:
        """The same, to come back to."""
        return copy.deepcopy(self)

    # What comes in.

    def came_back(self, entry: Entry, seconds: float) -> str:
        """Compare what the store made of an entry with what is promised, and take note of it; what became of it, in a word.

        `seconds` is the driver's time.
        """
        said = said_of(entry)
        if not entry.state:
            check(not entry.seq, "refused with a place", f"{said} was refused and has the place {entry.seq}")
            return "refused"
        if entry.dup:
            self._check_repeat(entry, said)
            return "repeated"
        known = self._must_know(entry)
        about = self.rows.get(entry.about or 0)
        there = about is not None and about.about is None and about.conv == entry.conv
        if entry.state == GONE:
            check(not there, "a change is refused", f"{said}, of {about}")
            check(known is None, "a repeated change is refused", f"{said}, which is at {known}")
            return "gone"
        check(not entry.changes or there, "a change of nothing is stored", f"{said}, of {about}")
        check(known is None, "a repeat is stored again", f"{said} is at {entry.seq}, and at {known} already")
        check(entry.seq > self.newest, "a place is given again", f"{said} got {entry.seq} after {self.newest}")
        self.rows[entry.seq], self.said_at[entry.seq], self.newest = said, seconds, entry.seq
        if (content := content_of(entry)) is not None:
            self.firsts.setdefault(content, []).append(First(entry.seq, entry.ts, sure=True))
        if entry.kind == WITHDRAW:
            self._withdraw(entry.about or 0)
        return "stored"

    def _withdraw(self, seq: int) -> None:
        """Forget a message with its edits and the reactions to it."""
        for place in [seq, *self.changes({seq})]:
            if (row := self.rows.pop(place)).msg and row.kind != REACT:
                self.withdrawn.append(row.msg.split()[0])

    def changes(self, seqs: Collection[int]) -> list[int]:
        """The places of the edits of these messages, and of the reactions to them."""
        return [place for place, row in self.rows.items() if row.about in seqs and row.kind in {EDIT, REACT}]

    def text(self, seq: int) -> str:
        """The newest text of a message."""
        return self.rows[max([seq, *(place for place in self.changes({seq}) if self.rows[place].kind == EDIT)])].msg

    def _check_repeat(self, entry: Entry, said: OutgoingMessage) -> None:
        firsts = self._firsts(entry)
        places = {first.seq: first.ts for first in firsts}
        told = f"{said} was taken for a repeat of {entry.seq}, {self.rows.get(entry.seq, 'which is gone')}"
        check(entry.seq in places, "another message is taken for a repeat", told)
        if entry.seq in self.rows:
            same(entry.ts, self.rows[entry.seq].ts, "a repeat has another time", told)

    def _firsts(self, entry: Entry) -> list[First]:
        content = content_of(entry)
        return [] if content is None else self.firsts.get(content, [])

    def _must_know(self, entry: Entry) -> int | None:
        """The place of what this certainly repeats."""
        for first in self._firsts(entry):
            if first.sure and 0 <= entry.ts - first.ts < DAY - 60_000:
                return first.seq
        return None

    def doubt(self, before: int) -> None:
        """Repeats of what was said before this time need not be known any more."""
        for firsts in self.firsts.values():
            firsts[:] = [first._replace(sure=first.sure and first.ts >= before) for first in firsts]

    # What is asked.

    def at(self, convs: Mapping[str, int], after: int = 0, upto: int = 2**62, events: bool = False) -> list[int]:
        """The places in these conversations, each above its own floor, and above `after` and up to `upto`.

        With `events` they are not only those of messages, but also of events and of changes.
        """
        rows = [(seq, said) for seq, said in sorted(self.rows.items()) if events or said.about is None]
        return [seq for seq, said in rows if after < seq <= upto and seq > convs.get(said.conv, 2**62)]

    def fit(self, seqs: Iterable[int], limit: int) -> tuple[list[int], bool]:
        """Those of these places, in this order, that fit on a page, and whether there is more."""
        page: list[int] = []
        room = MAX_TEXT
        for seq in seqs:
            room -= len(self.rows[seq].msg.encode())
            if len(page) == min(max(limit, 1), MAX_PAGE) or (room < 0 and page):
                return page, True
            page.append(seq)
        return page, False

    def found(self, words: Collection[str], convs: Collection[str], sender: str | None = None, since: int = 0) -> list[int]:
        """The places of the newest texts of messages that have all these words, the newest first."""
        edits = [(said.about, seq) for seq, said in self.rows.items() if said.kind == EDIT]
        newest = {about: max(seq for other, seq in edits if other == about) for about, _ in edits}
        return [
            seq
            for seq, said in sorted(self.rows.items(), reverse=True)
            if said.conv in convs
            and (said.kind == EDIT or said.about is None)
            and newest.get(seq if said.about is None else said.about, seq) == seq
            and said.ts >= since
            and (sender is None or said.name.lower() == sender)
            and set(words) <= set(said.msg.split())
        ]
