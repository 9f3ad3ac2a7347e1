"""Moments: the first message at or after a time is found in both tables, with holes, and where clocks were wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lanchat.history import moments
from lanchat.history.moments import Moment, parse_place, place_of, shortly_before
from lanchat.protocol.errors import NoSuchTarget, Usage
from tests.memory_log import log_of, said

NOW = 1_795_183_402.5
HOUR_MS = 3_600_000


@given(
    st.lists(st.integers(-3, 9), max_size=60),
    st.sets(st.integers(1, 60)),
    st.integers(0, 200),
    st.integers(0, 20),
)
def test_a_moment_is_the_first_message_from_then_on(steps: list[int], erased: set[int], hour: int, fresh: int) -> None:
    """The clock is set back at any time, by some hours."""
    times = [sum(steps[:n]) + 20 for n in range(1, len(steps) + 1)]
    log = [said(seq, "r1", ts=time * HOUR_MS) for seq, time in enumerate(times, 1) if seq not in erased]
    found = place_of(log_of(log, fresh=min(fresh, len(log))), Moment(hour * HOUR_MS))
    first = next((entry.seq for entry in log if entry.ts >= hour * HOUR_MS), None)
    following = [entry.seq for entry in log if entry.seq >= found]
    assert (following[0] if following else None) == first


def test_a_moment_is_right_when_the_clock_was_set_back_for_very_many_messages() -> None:
    """By an hour, in which twice as many were said as are looked at one by one."""
    hour = 2 * moments.NEAR
    times = [*range(1, 3 * hour), *range(2 * hour, 6 * hour)]
    connection = log_of((said(seq, "r1", ts=time) for seq, time in enumerate(times, 1)), fresh=100)
    for time in (1, hour, 2 * hour, 2 * hour + 7, 3 * hour - hour // 8, 3 * hour, 5 * hour, 6 * hour):
        first = next((seq for seq, then in enumerate(times, 1) if then >= time), len(times) + 1)
        assert place_of(connection, Moment(time)) == first


def test_a_message_with_a_damaged_time_stamp_hinders_nothing() -> None:
    connection = log_of(said(seq, "r1") for seq in range(1, 20))
    connection.execute("UPDATE kept SET ts = 'x' WHERE seq = 10")
    assert place_of(connection, Moment(15_000)) in (10, 15)


def test_what_may_be_before_a_moment_is_not_far() -> None:
    connection = log_of(said(seq, "r1") for seq in range(1, 5000))
    assert shortly_before(connection, 3000 * 1000 + moments.SETBACK) == 2999
    assert shortly_before(connection, 1) == 0
    assert shortly_before(log_of([]), 1) == 0


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (17, 17),
        ("17", 17),
        ("١٧", 17),
        (-3, -3),
        (" e1.17 ", 17),
        ("2026-11-20T14:03:22.700Z", Moment(1_795_183_402_700)),
        ("2026-11-20T15:03:22.7+01:00", Moment(1_795_183_402_700)),
        ("2h", Moment(1_795_176_202_500)),
        ("1W", Moment(1_794_578_602_500)),
    ],
)
def test_a_place_is_a_number_an_id_or_a_moment(given: int | str, place: moments.Place) -> None:
    assert parse_place(given, NOW, "e1") == place


@pytest.mark.parametrize("given", ["", "yesterday", "1.5.2", "-1", "2026-13-01", "e1.", "9" * 20, "-2h", "x" * 999])
def test_what_is_no_place_is_told_in_a_line(given: str) -> None:
    with pytest.raises(Usage, match="is no place in the log") as told:
        parse_place(given, NOW, "e1")
    assert len(str(told.value)) < 250


def test_a_message_of_another_log_is_not_there() -> None:
    with pytest.raises(NoSuchTarget, match="no message e2"):
        parse_place("e2.17", NOW, "e1")
