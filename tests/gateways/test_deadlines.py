"""One timer for many who have the same time for something."""

from __future__ import annotations

from twisted.internet.task import Clock

from lanchat.gateways.deadlines import MAX_PAUSE, Deadlines


class Rig:
    """Deadlines of ten seconds, and who was too slow when."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.seconds = 10.0
        self.told: list[tuple[str, float]] = []
        self.deadlines = Deadlines(self.clock, lambda: self.seconds)

    def begin(self, name: str) -> object:
        """Somebody begins; what ends it again."""

        def too_slow() -> None:
            self.told.append((name, self.clock.seconds()))

        self.deadlines.begin(too_slow)
        return lambda: self.deadlines.end(too_slow)


def test_each_has_its_own_time_and_all_one_timer() -> None:
    rig = Rig()
    for name in "abc":
        rig.begin(name)
        rig.clock.advance(2)
    assert len(rig.clock.getDelayedCalls()) == 1
    rig.clock.pump([0.5] * 40)
    assert rig.told == [("a", 10), ("b", 12), ("c", 14)]
    assert rig.clock.getDelayedCalls() == []


def test_who_was_quick_enough_is_not_called_and_leaves_no_timer() -> None:
    rig = Rig()
    ends = [rig.begin(name) for name in "abc"]
    for end in ends:
        assert callable(end)
        end()
    assert rig.clock.getDelayedCalls() == []
    rig.clock.advance(20)
    assert rig.told == []


def test_a_longer_time_counts_for_those_who_have_begun() -> None:
    rig = Rig()
    rig.begin("a")
    rig.clock.advance(5)
    rig.seconds = 30
    rig.clock.advance(20)
    assert rig.told == []
    rig.clock.advance(5)
    assert rig.told == [("a", 30)]


def test_a_shorter_time_counts_within_seconds() -> None:
    rig = Rig()
    rig.seconds = 1e6
    rig.begin("a")
    rig.seconds = 10
    rig.begin("b")
    rig.clock.pump([0.5] * (2 * round(10 + MAX_PAUSE)))
    assert [name for name, _ in rig.told] == ["a", "b"]


def test_who_begins_anew_when_called_has_one_timer_still() -> None:
    rig = Rig()

    def again() -> None:
        rig.told.append(("again", rig.clock.seconds()))
        rig.deadlines.begin(again)

    rig.deadlines.begin(again)
    rig.clock.advance(1)
    rig.begin("b")
    rig.clock.pump([0.5] * 70)
    assert rig.told == [("again", 10), ("b", 11), ("again", 20), ("again", 30)]
    assert len(rig.clock.getDelayedCalls()) == 1
