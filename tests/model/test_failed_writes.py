"""Refusals: nothing goes past what was refused, until that is sent again, or will not be."""

from __future__ import annotations

import pytest

from lanchat.model.failed_writes import MOST, RETRY_MS, UNREAD, FailedWrites


def refused(*cids: str) -> FailedWrites:
    """These, one after the other, at 10 s."""
    refusals = FailedWrites()
    for cid in cids:
        refusals.add(cid, 10)
    return refusals


def test_where_nothing_was_refused_nothing_is_stopped() -> None:
    assert not FailedWrites().must_wait("1", 10)


def test_what_is_said_next_is_stopped_and_what_is_sent_again_is_not() -> None:
    refusals = refused("1", "2", "3")
    assert [refusals.must_wait(cid, 11) for cid in ("4", None, "1", "4", "2", "3", "4")] == [
        True,
        True,
        False,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("told", [("1", "2", "3"), ("2", "1", "3"), ("3", "2", "1")])
def test_the_order_is_that_in_which_they_are_sent_again_and_not_that_in_which_they_were_told(told: tuple[str, ...]) -> None:
    refusals = refused(*told)
    assert [refusals.must_wait(cid, 11) for cid in ("1", "2", "3")] == [False, False, False]


def test_what_is_refused_again_stops_what_was_sent_again_behind_it() -> None:
    refusals = refused("1", "2", "3")
    assert not refusals.must_wait("1", 11)
    refusals.add("1", 11)
    assert refusals.must_wait("2", 11)
    refusals.add("2", 11)
    assert refusals.must_wait("3", 11)
    refusals.add("3", 11)
    assert [refusals.must_wait(cid, 13) for cid in ("1", "2", "3")] == [False, False, False]


def test_a_place_is_kept_when_the_refusals_are_told_in_another_order() -> None:
    refusals = refused("1", "2")
    assert [refusals.must_wait(cid, 11) for cid in ("1", "2")] == [False, False]
    refusals.add("2", 11)  # at once
    refusals.add("1", 11)  # with its transaction
    assert refusals.must_wait("2", 13)
    assert [refusals.must_wait(cid, 13) for cid in ("1", "2")] == [False, False]


def test_each_is_waited_for_as_long_as_the_others() -> None:
    refusals = refused("1")
    refusals.add("2", 10 + UNREAD - 0.1)
    assert refusals.must_wait("3", 10 + UNREAD)
    refusals.add("3", 10 + UNREAD)
    assert not refusals.must_wait("1", 10 + UNREAD + 0.1)  # late, but before the others
    assert not refusals.must_wait("4", 20)


def test_who_never_sends_anything_again_is_held_up_for_a_while_only() -> None:
    refusals, refused_at = refused("0"), []
    for second in range(1, 10):
        if refusals.must_wait(str(second), 10 + second):
            refusals.add(str(second), 10 + second)
            refused_at.append(second)
    assert refused_at == [1, 2, 3, 4, 5]


def test_what_is_stored_stops_nothing() -> None:
    refusals = refused("1", "2")
    refusals.stored("2")
    assert refusals.must_wait("3", 11)
    refusals.stored("1")
    refusals.stored(None)
    assert not refusals.must_wait("3", 11)


def test_time_in_which_nothing_is_served_does_not_count() -> None:
    refusals = refused("1")
    refusals.extend(20)
    assert refusals.must_wait("2", 10 + 20 + UNREAD - 0.1)
    assert not refusals.must_wait("2", 10 + 20 + UNREAD)


def test_who_sends_again_when_it_is_told_to_is_in_time() -> None:
    assert RETRY_MS / 1000 < UNREAD


def test_a_session_is_remembered_so_many_at_most() -> None:
    refusals = refused(*map(str, range(MOST + 1)))
    assert [refusals.must_wait(str(n), 11) for n in range(MOST)] == [False] * MOST
    assert not refusals.must_wait("another", 11)
    refusals = refused(*map(str, range(MOST)))
    refusals.add("late", 10 + UNREAD)
    assert refusals.must_wait("another", 10 + UNREAD)
