"""Refusals: nothing goes past what was refused, until that is sent again, or will not be."""

from __future__ import annotations

from lanchat.refusals import MOST, RETRY_MS, UNREAD, Refusals


def refused(*cids: str) -> Refusals:
    """These, one after the other, at 10 s."""
    refusals = Refusals()
    for cid in cids:
        refusals.add(cid, 10)
    return refusals


def test_where_nothing_was_refused_nothing_is_stopped() -> None:
    assert not Refusals().stop("1", 10)


def test_what_is_said_next_is_stopped_and_what_is_sent_again_is_not() -> None:
    refusals = refused("1", "2", "3")
    assert [refusals.stop(cid, 11) for cid in ("4", None, "1", "4", "2", "3", "4")] == [
        True,
        True,
        False,
        True,
        False,
        False,
        False,
    ]


def test_what_was_told_before_what_is_sent_again_is_waited_for_no_longer() -> None:
    refusals = refused("1", "2", "3")
    assert [refusals.stop(cid, 11) for cid in ("2", "4", "3", "4")] == [False, True, False, False]


def test_what_is_refused_again_was_told_last() -> None:
    refusals = refused("1", "2", "1")
    assert [refusals.stop(cid, 11) for cid in ("1", "4")] == [False, False]


def test_all_is_over_a_while_after_the_first_whatever_was_refused_meanwhile() -> None:
    refusals = refused("1")
    refusals.add("2", 10 + UNREAD - 0.1)
    assert refusals.stop("3", 10 + UNREAD - 0.1)
    assert not refusals.stop("3", 10 + UNREAD)
    refusals.add("4", 20)
    assert refusals.stop("5", 20)


def test_who_sends_again_when_it_is_told_to_is_in_time() -> None:
    assert RETRY_MS / 1000 < UNREAD


def test_a_session_is_remembered_so_many_at_most() -> None:
    refusals = refused(*map(str, range(MOST + 1)))
    assert not refusals.stop(str(MOST - 1), 11)
    assert not refusals.stop("another", 11)
