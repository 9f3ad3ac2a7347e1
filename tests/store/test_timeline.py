"""Timeline: clocks that are wrong, or were; what is old goes all the same, and what is new stays."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lanchat.store import timeline
from lanchat.store.timeline import DAY_MS, HOUR_MS, MOST, NEVER, Note, Timeline
from tests.maintenance.test_retention import DAY, Keeper, left, sweep
from tests.stores import NOW, Desk, entry

pytestmark = pytest.mark.slow

#: What servers do: run for some hours, be off for some days, have their clock set; and so many messages are said.
LIVES = st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0, 0, 0, 1, 3, 40]), st.integers(-400, 400), st.integers(0, 3)))


def test_what_is_old_goes_whatever_stands_before_it(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(*(entry(f"from the future {n}", ts=NOW + 300 * DAY) for n in range(520)))
        desk.say(entry("old", ts=NOW - 40 * DAY), entry("new"), entry("old too", ts=NOW - 31 * DAY), entry("new too"))
        assert sweep(desk, "30d") == 2
        assert left(desk)[520:] == ["new", "new too"]


def test_what_carries_a_time_to_come_goes_when_the_server_has_run_for_as_long(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("from the future", ts=NOW + 1000 * DAY))
        keeper = Keeper(desk, "3d")
        assert keeper.run(2.9) == 0
        desk.say(entry("new", ts=keeper.now))
        keeper.run(0.5)
        assert left(desk) == ["new"]


def test_a_clock_that_is_behind_ends_nothing(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("before"))
        keeper = Keeper(desk, "3d", now=NOW - 300 * DAY)
        assert keeper.run(1) == 0
        desk.say(entry("later", ts=keeper.now))
        assert keeper.run(2.5) == 1
        assert left(desk) == ["later"]
        assert keeper.run(1.5) == 1


def test_what_was_said_while_the_clock_was_behind_is_not_old(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        keeper = Keeper(desk, "30d")
        keeper.run(2)
        keeper.now -= 40 * DAY
        desk.say(entry("new", ts=keeper.now))
        keeper.run(0.5)
        keeper.now += 40 * DAY
        assert keeper.run(1) == 0
        assert keeper.run(26) == 0
        assert keeper.run(6) == 1


def test_a_clock_that_is_ahead_is_not_believed_at_once(tmp_path: Path, logged: list[str]) -> None:
    with Desk(tmp_path) as desk:
        keeper = Keeper(desk, "30d")
        keeper.run(2)
        desk.say(entry("new", ts=keeper.now))
        keeper.now += 300 * DAY
        assert keeper.run(0.5) == 0
        keeper.now -= 300 * DAY
        assert keeper.run(2) == 0
        assert left(desk) == ["new"]
    (line,) = logged
    assert "300 days" in line
    assert "if the clock is wrong, correct it" in line


def test_what_is_old_by_a_clock_that_went_ahead_goes_a_day_later(tmp_path: Path) -> None:
    """A server that was off for a month looks the same; nobody has to do anything."""
    with Desk(tmp_path) as desk:
        keeper = Keeper(desk, "30d")
        keeper.run(1)
        desk.say(entry("old", ts=keeper.now), entry("short", conv="r2", ts=keeper.now))
        keeper.run(0.5)
        again = Keeper(desk, "30d", now=keeper.now + 35 * DAY)
        desk.say(entry("new", ts=again.now))
        assert again.sweep() == 0
        assert again.run(0.9) == 0
        assert again.run(0.2) == 2
        assert left(desk) == ["new"]


def test_a_short_span_is_not_waited_for_longer_than_it_is(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        keeper = Keeper(desk, "2h")
        keeper.run(1.1)
        desk.say(entry("old", ts=keeper.now))
        again = Keeper(desk, "2h", now=keeper.now + 35 * DAY)
        assert again.sweep() == 0
        assert again.run(2 / 24) == 1


def test_a_server_that_is_off_every_night_waits_for_nothing(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        now, gone = NOW, 0
        for day in range(12):
            keeper = Keeper(desk, "5d", now=now)
            gone += keeper.sweep()
            desk.say(entry(f"day {day}", ts=keeper.now))
            gone += keeper.run(8 / 24)
            now = keeper.now + 16 * HOUR_MS
        assert gone == 12 - len(left(desk))
        assert left(desk) == [f"day {day}" for day in range(7, 12)]


def test_a_clock_that_goes_ahead_takes_no_repeat_for_something_new(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        keeper = Keeper(desk, "1h")
        keeper.run(1.5)
        desk.say(entry("said", "c1", ts=keeper.now))
        keeper.now += 300 * DAY
        keeper.run(0.5)
        assert left(desk) == []
        (again,) = desk.say(entry("said", "c1", ts=keeper.now))
        assert again.dup
        keeper.run(2)
        assert desk.ask("SELECT count(*) FROM log") == [(0,)]


def test_what_was_emptied_goes_though_it_carries_a_time_to_come(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("ahead", "c1", ts=NOW + 300 * DAY))
        keeper = Keeper(desk, "1h")
        assert keeper.run(0.5) == 1
        assert desk.ask("SELECT count(*) FROM log") == [(1,)]
        keeper.run(1)
        assert desk.ask("SELECT count(*) FROM log") == [(0,)]


@given(LIVES, st.sampled_from([2 * HOUR_MS, 3 * DAY_MS, 30 * DAY_MS]))
def test_nothing_is_taken_for_older_than_it_is_and_all_ends(lives: list[tuple[int, int, int, int]], span: int) -> None:
    """The true time of each place is known here; clocks say what they like."""
    true, place, notes, said = 0, 0, [Note(0, NOW, 0)], dict[int, int]()
    for hours, days_off, wrong, messages in lives:
        true += days_off * DAY_MS
        for _ in range(hours + 1):
            true += HOUR_MS
            for _ in range(messages):
                place += 1
                said[place] = true
            notes = Timeline([*notes, Note(place, NOW + true + wrong * DAY_MS, notes[-1].ran + HOUR_MS)]).thinned()
    known = Timeline(notes)
    proven = known.older_than(span).proven
    assert all(true - said[one] >= span - HOUR_MS for one in range(1, proven + 1))
    assert len(notes) <= MOST
    first = min((note.place for note in notes), default=0)
    much_later = Timeline([*notes, Note(place, NOW, notes[-1].ran + 2 * span)])
    assert much_later.older_than(span).proven >= max(place, first)


@given(LIVES)
def test_notes_are_few_and_no_jump_is_lost_for_a_day(lives: list[tuple[int, int, int, int]]) -> None:
    at, ran, every = NOW, 0, [Note(0, NOW, 0)]
    notes = every
    for hours, days_off, wrong, _ in lives:
        at += (days_off + wrong) * DAY_MS
        for _ in range(hours + 1):
            at, ran = at + HOUR_MS, ran + HOUR_MS
            every = [*every, Note(0, at, ran)]
            notes = Timeline([*notes, Note(0, at, ran)]).thinned()
    assert Timeline(notes).unsettled() == Timeline(every).unsettled()
    assert [*notes] == sorted(notes, key=lambda note: note.ran)
    assert all(second.ran - first.ran >= HOUR_MS for first, second in pairwise(notes))


def test_years_take_few_notes() -> None:
    notes = [Note(0, NOW, 0)]
    for hour in range(1, 2 * 365 * 24, 3):
        notes = Timeline([*notes, Note(hour, NOW + hour * HOUR_MS, hour * HOUR_MS)]).thinned()
    assert len(notes) < 200
    age = Timeline(notes).older_than(365 * DAY_MS)
    assert 0 < age.proven <= age.recent
    assert age.recent - age.proven < 365 * 24 / 4


def test_a_new_log_knows_nothing() -> None:
    assert Timeline([Note(7, NOW, 0)]).older_than(DAY_MS) == (NOW - DAY_MS, 7, 0)
    assert Timeline([Note(7, NOW - 9 * DAY_MS, 0), Note(7, NOW, 0)]).older_than(DAY_MS).recent == 7
    assert timeline.Age(5).upto == NEVER


@pytest.mark.parametrize("kept", ["", "x", "7", "[7]", "[[1, 2]]", '{"a": 1}', "[null]"])
def test_notes_that_are_damaged_are_none(tmp_path: Path, kept: str) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("old", ts=NOW - 40 * DAY))
        desk.write(lambda connection: connection.execute("INSERT OR REPLACE INTO meta VALUES ('timeline', ?)", (kept,)))
        assert sweep(desk, "30d") == 1
