"""History: pages of the log, whole, in order, and only of what was asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, strategies as st

from benchmarks import history as measuring
from benchmarks.talk import Reader, Talk
from lanchat.history import pages
from lanchat.history.pages import MAX_PAGE, MAX_SEQ, MAX_TEXT, Page, missed, newest, page, replay
from lanchat.history.positions import Found, Places
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import Usage
from tests.memory_log import log_of, said, seqs

CONVS = ["r1", "r2", "p1x2", "g1xbob.smith"]
#: A log with holes, as it is after something was erased.
LOGS = st.dictionaries(st.integers(1, 60), st.sampled_from(CONVS), max_size=40).map(
    lambda places: [said(seq, conv) for seq, conv in sorted(places.items())]
)
PLACES = st.integers(-2, 65)
LIMITS = st.integers(1, 12)
ASKED = st.sets(st.sampled_from([*CONVS, "r99"]))
OWED = st.dictionaries(st.sampled_from([*CONVS, "r99"]), st.integers(0, 60))


def places(found: Page) -> list[int]:
    assert not found.damaged
    return seqs(found.entries)


def half_fresh(entries: Iterable[Entry]) -> sqlite3.Connection:
    """A log in both its tables: what is asked must be the same as if it was one."""
    said_so_far = list(entries)
    return log_of(said_so_far, fresh=len(said_so_far) // 2)


def room(*numbers: int) -> sqlite3.Connection:
    return half_fresh(said(number, "r1") for number in numbers)


def all_pages(turn: Callable[[int], Page], start: int) -> list[list[int]]:
    """Every page until there is no more."""
    pages, edge, more = [], start, True
    while more:
        found = turn(edge)
        pages.append(seqs(found.entries))
        edge, more = found.edge, found.more
        assert len(pages) < 100
    return pages


def joined(pages: Iterable[list[int]]) -> list[int]:
    return [*chain.from_iterable(pages)]


@given(LOGS, ASKED, PLACES, LIMITS)
def test_before_a_seq_are_the_newest_below_it(log: list[Entry], convs: set[str], before: int, limit: int) -> None:
    wanted = [entry.seq for entry in log if entry.conv in convs and entry.seq < before]
    found = page(half_fresh(log), convs, before=before, limit=limit)
    assert places(found) == wanted[-limit:]
    assert found.more == (len(wanted) > limit)


@given(LOGS, ASKED, PLACES, LIMITS)
def test_after_a_seq_are_the_oldest_above_it(log: list[Entry], convs: set[str], after: int, limit: int) -> None:
    wanted = [entry.seq for entry in log if entry.conv in convs and entry.seq > after]
    found = page(half_fresh(log), convs, after=after, limit=limit)
    assert places(found) == wanted[:limit]
    assert found.more == (len(wanted) > limit)


@given(LOGS, ASKED, PLACES, LIMITS)
def test_around_a_seq_is_it_with_what_is_before_and_after(log: list[Entry], convs: set[str], seq: int, limit: int) -> None:
    older = [entry.seq for entry in log if entry.conv in convs and entry.seq < seq]
    newer = [entry.seq for entry in log if entry.conv in convs and entry.seq >= seq]
    found = page(half_fresh(log), convs, around=seq, limit=limit)
    assert places(found) == [*older[max(0, len(older) - limit // 2) :], *newer[: limit - limit // 2]]
    assert found.more == (len(older) > limit // 2)


@given(LOGS, ASKED, LIMITS)
def test_from_around_a_seq_pages_go_on_in_both_directions(log: list[Entry], convs: set[str], limit: int) -> None:
    connection, wanted = half_fresh(log), [entry.seq for entry in log if entry.conv in convs]
    middle = page(connection, convs, around=30, limit=limit)
    last = places(middle)[-1] if middle.entries else 29
    onward = joined(all_pages(lambda edge: page(connection, convs, after=edge), last))
    back = all_pages(lambda edge: page(connection, convs, before=edge), middle.edge) if middle.more else []
    assert [*joined(reversed(back)), *places(middle), *onward] == wanted


@given(LOGS, ASKED, LIMITS)
def test_pages_one_after_another_have_everything_once(log: list[Entry], convs: set[str], limit: int) -> None:
    connection, wanted = half_fresh(log), [entry.seq for entry in log if entry.conv in convs]
    onward = all_pages(lambda edge: page(connection, convs, after=edge, limit=limit), 0)
    assert joined(onward) == wanted
    back = all_pages(lambda edge: page(connection, convs, before=edge, limit=limit), MAX_SEQ)
    assert joined(reversed(back)) == wanted


@given(LOGS, OWED, PLACES, PLACES, LIMITS)
def test_what_is_owed_is_above_both_marks(log: list[Entry], owed: dict[str, int], after: int, upto: int, limit: int) -> None:
    wanted = [entry.seq for entry in log if entry.conv in owed and max(after, owed[entry.conv]) < entry.seq <= upto]
    connection = half_fresh(log)
    assert missed(connection, owed, after, upto) == (len(wanted), False)
    assert joined(all_pages(lambda edge: replay(connection, owed, edge, upto, limit), after)) == wanted
    last, count = newest(connection, owed, after, upto, limit)
    assert (places(last), count.number, last.more) == (wanted[-limit:], len(wanted), len(wanted) > limit)


def test_without_a_seq_a_page_has_what_was_said_last() -> None:
    found = page(room(1, 2, 3), ["r1"], limit=2)
    assert (places(found), found.more, found.edge) == ([2, 3], True, 2)


def test_an_entry_is_what_was_said() -> None:
    entry = Entry("p1x2", 2, "José", "10.0.0.7", "bob", "né\x00\n'x'", 123, re="a.1", cid="c", seq=9, state="stored")
    assert page(half_fresh([entry]), ["p1x2"]).entries == [entry]


def test_a_page_is_before_after_or_around() -> None:
    with pytest.raises(Usage, match="only one of"):
        page(room(), ["r1"], before=3, around=3)


def test_where_nothing_is_there_is_nothing_to_go_on_to() -> None:
    connection = room(5)
    assert page(connection, ["r2"]) == Page()
    assert newest(connection, {"r2": 0}, 3) == (Page(), (0, False))
    assert page(connection, ["r1"], before=5) == Page()
    assert page(connection, ["r1"], after=5) == Page(edge=5)
    assert page(connection, ["r1"], around=5).edge == 5


@pytest.mark.parametrize("limit", [-(10**30), 0, 10**30])
def test_a_limit_out_of_bounds_is_the_bound(limit: int) -> None:
    found = page(room(*range(1, MAX_PAGE + 9)), ["r1"], limit=limit)
    assert len(found.entries) == (1 if limit < 1 else MAX_PAGE)
    assert found.more


def test_a_seq_that_no_log_has_is_before_or_behind_everything() -> None:
    connection, far = room(1, 2, 3), 10**30
    assert places(page(connection, ["r1"], before=far)) == [1, 2, 3]
    assert places(page(connection, ["r1"], after=-far)) == [1, 2, 3]
    assert places(page(connection, ["r1"], around=-far)) == [1, 2, 3]
    assert places(page(connection, ["r1"], around=far)) == [1, 2, 3]
    assert missed(connection, {"r1": 0}, -far, far).number == 3
    assert missed(connection, {"r1": 0}, far).number == 0


def test_long_texts_make_more_pages() -> None:
    longest = MAX_TEXT // 8
    connection = half_fresh(said(seq, "r1", "é" * (longest // 2)) for seq in range(1, 20))
    found = page(connection, ["r1"], after=0)
    assert (places(found), found.more, found.edge) == ([*range(1, 9)], True, 8)
    assert places(page(connection, ["r1"], before=20)) == [*range(12, 20)]
    assert places(page(connection, ["r1"], around=10)) == [*range(6, 14)]
    assert joined(all_pages(lambda edge: replay(connection, {"r1": 0}, edge), 0)) == [*range(1, 20)]


def test_a_text_that_fills_a_page_has_one_for_itself() -> None:
    connection = half_fresh(said(seq, "r1", "x" * (MAX_TEXT + 1)) for seq in (1, 2))
    assert all_pages(lambda edge: page(connection, ["r1"], after=edge), 0) == [[1], [2]]


@pytest.mark.parametrize("at", [3, 4])
@pytest.mark.parametrize(
    "damage",
    [
        "msg = 'h\x65llp'",
        "msg = CAST(x'ff68' AS TEXT)",
        "conv = 'r1'",
        "ts = 'x'",
        "sum = sum + 1",
        "name = x'00'",
    ],
)
def test_a_damaged_row_is_left_out_and_told(damage: str, at: int) -> None:
    connection = half_fresh(said(seq, "r2" if seq == at else "r1") for seq in range(1, 7))
    whole = [seq for seq in range(1, 7) if seq != at]
    for table in ("kept", "fresh"):
        connection.execute(f"UPDATE {table} SET {damage} WHERE seq = {at}")  # noqa: S608 (ours)
    convs = ["r1", "r2"]
    for found in (page(connection, convs), page(connection, convs, after=0), page(connection, convs, around=4)):
        assert seqs(found.entries) == whole
        assert found.damaged == [at]
    assert joined(all_pages(lambda edge: page(connection, convs, after=edge, limit=1), 0)) == whole
    back = all_pages(lambda edge: page(connection, convs, before=edge, limit=1), 7)
    assert joined(reversed(back)) == whole


def test_a_row_that_an_index_took_for_another_conversations_is_not_shown() -> None:
    connection = room(1)
    with mock.patch.object(Places, "find", return_value=Found({1: "r2"})):
        found = page(connection, ["r2"])
    assert not found.entries
    assert found.damaged == [1]


def test_what_is_owed_is_counted_so_far_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_COUNT", 5)
    connection = half_fresh(said(seq, CONVS[seq % 2]) for seq in range(1, 20))
    assert missed(connection, {"r1": 0, "r2": 0}, 0) == (5, True)
    assert missed(connection, {"r1": 0, "r2": 0}, 16) == (3, False)


@pytest.mark.slow
def test_the_measuring_of_a_long_log_asks_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "TIMES", 2)
    measured = measuring.run(500, tmp_path)
    assert [asked.title for asked in measured.asked] == [*Reader(Talk(), 500).questions()]
    assert all(asked.quiet.most > 0 and asked.busy.most > 0 for asked in measured.asked)
    assert measured.rate > 0
    assert "500 messages" in measuring.shown(measured)
