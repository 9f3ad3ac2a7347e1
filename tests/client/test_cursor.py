"""The client's place in the log, against a model of a server, of a line that breaks anywhere, and of a process that ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, strategies as st

from lanchat.client.cursor import Cursor
from lanchat.protocol.extensions import AnswerX

#: Messages of a page.
PAGE = 3


class Line:
    """A server with a log, one reader, and the packets between them that the reader has not read yet.

    An `ordered` server tells of a gap before it acknowledges anything beyond it; another one when the reader has caught up.
    """

    def __init__(self, ordered: bool) -> None:
        self.ordered = ordered
        self.cursor = Cursor(ordered)
        self.own: set[int] = set()
        #: Of these, those whose acknowledgement the reader has read.
        self.known: set[int] = set()
        self.shown: list[int] = []
        self.acknowledged = 0
        self._newest = self._sent = 0
        #: The first that is to be sent of what was missed, and the newest at the welcome.
        self._begins = self._welcomed = 0
        self._waiting: deque[tuple[Callable[..., Any], Any]] = deque()
        #: The newest that was held back since the last gap; None while all is delivered live.
        self._held: int | None = None
        #: What is to be sent of what was missed, and what was said after that was read from the log.
        self._replay: deque[int] | None = None
        self._late: list[int] = []
        self._fetching = False
        self._welcome()

    # What happens at the server.

    def say(self, count: int) -> None:
        """Others say something."""
        for _ in range(count):
            self._newest += 1
            if self._replay is not None:
                self._late.append(self._newest)
            elif self._held is not None:
                self._held = self._newest
            else:
                self._send(self._see, self._newest)

    def say_own(self, count: int) -> None:
        """The reader itself says something, and is told the place."""
        for _ in range(count):
            self._newest += 1
            self.own.add(self._newest)
            if self.ordered and self._held:
                self._tell_gap()
                self._held = 0
            self._waiting.append((self._said, self._newest))
            if self._held is None and self._replay is None:
                self._sent = self._newest

    def hold_back(self, count: int) -> None:
        """The reader is too slow from here on."""
        if self._replay is None and self._held is None:
            self._held = 0

    def catch_up(self, count: int) -> None:
        """The reader is fast enough again, or a part of what was missed is sent."""
        if self._replay is not None:
            self._replay_on(count)
        elif self._held is not None:
            self._tell_gap()
            self._held = None

    # What happens on the line, and at the reader.

    def read(self, count: int) -> None:
        """The reader reads some packets."""
        for _ in range(min(count, len(self._waiting))):
            call, value = self._waiting.popleft()
            call(value)
        assert {seq for seq in range(1, self.cursor.complete_upto + 1) if seq not in self.own} <= set(self.shown)

    def acknowledge(self, count: int) -> None:
        """The reader acknowledges what it has; the server has that before anything else happens."""
        self.acknowledged = max(self.acknowledged, min(self.cursor.acknowledge(), self._sent))

    def fetch(self, count: int) -> None:
        """The reader asks for a page of what was left out."""
        if self._fetching or self.cursor.replaying or not (gap := self.cursor.gap):
            return
        self._fetching = True
        page = list(range(gap[0] + 1, min(gap[0] + PAGE, self._newest) + 1))
        for seq in page:
            self._waiting.append((self._fill, seq))
        self._waiting.append((self._fetched, page[-1] if page and page[-1] < self._newest else 2**63))

    def cut(self, count: int) -> None:
        """The line breaks: what was not read is lost. The reader connects again."""
        self._waiting.clear()
        self.cursor.disconnected()
        self._fetching, self._held, self._replay = False, None, None
        self._welcome()

    def start_anew(self, count: int) -> None:
        """The reader's process ends. The next one goes on with what was acknowledged; it shows nothing that this one showed."""
        self.cursor = Cursor(self.ordered)
        self.shown = [seq for seq in self.shown if seq <= self.acknowledged]
        self.cut(count)

    def settle(self) -> None:
        """All that is to come comes, over a line that holds."""
        for step in (self.catch_up, self.read, self.fetch, self.read) * (self._newest + 9):
            step(self._newest + 9)

    def _welcome(self) -> None:
        start = int((self.cursor.resume or {}).get("seq", self.acknowledged))
        self._sent, self._begins, self._welcomed = start, start + 1, self._newest
        self.cursor.welcomed(AnswerX(epoch="e", resumed=True, seq=self._newest), replays=True)
        self._replay, self._late = deque(range(start + 1, self._newest + 1)), []

    def _replay_on(self, count: int) -> None:
        assert self._replay is not None
        for _ in range(min(count, len(self._replay))):
            self._send(self._see, self._replay.popleft())
        if self._replay:
            return
        late, self._replay = self._late, None
        for seq in late if self.ordered else ():
            self._send(self._see, seq)
        self._waiting.append((self.cursor.replay_ended, False))
        for seq in () if self.ordered else late:
            self._send(self._see, seq)

    def fail(self, count: int) -> None:
        """The log can't be read: what was missed ends early, and what was said meanwhile comes."""
        if self._replay is None:
            return
        late, self._replay = self._late, None
        self._waiting.append((lambda begins: self.cursor.replay_ended(True, begins), self._begins))
        self._sent = max(self._sent, self._welcomed)
        for seq in late:
            self._send(self._see, seq)

    def _tell_gap(self) -> None:
        if self._held:
            self._waiting.append((lambda gap: self.cursor.gap_announced(*gap), (self._sent, self._held)))
            self._sent = self._held

    def _send(self, call: Callable[[int], None], seq: int) -> None:
        self._waiting.append((call, seq))
        self._sent = max(self._sent, seq)

    def _said(self, seq: int) -> None:
        self.known.add(seq)
        self.cursor.note_own(seq)

    def _see(self, seq: int) -> None:
        if self.cursor.note_live(seq):
            self.shown.append(seq)

    def _fill(self, seq: int) -> None:
        if self.cursor.note_fetched(seq):
            self.shown.append(seq)

    def _fetched(self, upto: int) -> None:
        self._fetching = False
        self.cursor.page_fetched(upto)


STEPS = [Line.say, Line.say_own, Line.hold_back, Line.catch_up, Line.read, Line.acknowledge, Line.fetch, Line.cut, Line.fail]
steps = st.lists(st.tuples(st.sampled_from([*STEPS, Line.start_anew]), st.integers(1, 5)), max_size=60)
#: Own words are acknowledged while others' are held back, and while others' are sent that were missed; then the line breaks.
HELD = [
    (Line.catch_up, 1),
    (Line.read, 1),
    (Line.hold_back, 1),
    (Line.say, 2),
    (Line.say_own, 1),
    (Line.read, 1),
    (Line.cut, 1),
]
#: What was missed can't be read, neither where the server had left it out nor at all.
FAILED = [
    (Line.catch_up, 1),
    (Line.say, 1),
    (Line.read, 2),
    (Line.hold_back, 1),
    (Line.say, 2),
    (Line.catch_up, 1),
    (Line.say, 1),
    (Line.read, 9),
    (Line.cut, 1),
    (Line.fail, 1),
    (Line.read, 1),
]
MISSED = [(Line.say, 1), (Line.say_own, 1), (Line.read, 1), (Line.cut, 1)]


@example(ordered=True, steps=HELD)
@example(ordered=False, steps=HELD)
@example(ordered=True, steps=MISSED)
@example(ordered=True, steps=FAILED)
@given(ordered=st.booleans(), steps=steps)
def test_whatever_happens_all_is_shown_and_nothing_is_acknowledged_that_did_not_come(
    ordered: bool, steps: list[tuple[Any, int]]
) -> None:
    line = Line(ordered)
    for step, count in steps:
        step(line, count)
    line.settle()
    assert set(line.shown) | line.own == set(range(1, line._newest + 1))


@given(ordered=st.booleans(), steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 5)), max_size=60))
def test_one_process_shows_everything_once_and_no_words_of_its_own_that_were_acknowledged(
    ordered: bool, steps: list[tuple[Any, int]]
) -> None:
    line = Line(ordered)
    for step, count in steps:
        step(line, count)
    line.settle()
    assert sorted(set(line.shown) - line.own) == [seq for seq in range(1, line._newest + 1) if seq not in line.own]
    assert len(line.shown) == len(set(line.shown))
    assert not line.known & set(line.shown)


@given(steps=st.lists(st.tuples(st.sampled_from([Line.say, Line.say_own, Line.read]), st.integers(1, 5)), max_size=60))
def test_where_nothing_is_held_back_the_acknowledgement_of_own_words_is_enough(steps: list[tuple[Any, int]]) -> None:
    line = Line(ordered=True)
    line.settle()
    for step, count in steps:
        step(line, count)
    line.settle()
    line.acknowledge(1)
    assert line.acknowledged == line._newest
