"""Places: the same are found in whatever way they are looked for, and looking ends in time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import pytest
from hypothesis import given, strategies as st

from lanchat.history import pages, positions
from lanchat.history.positions import OfAccount, Places
from lanchat.protocol.entry import Entry
from tests.memory_log import log_of, said, seqs

CONVS = ["r1", "r2", "p1x2", "g1xbob.smith"]
LOGS = st.dictionaries(st.integers(1, 40), st.sampled_from(CONVS), max_size=30).map(
    lambda found: [said(seq, conv) for seq, conv in sorted(found.items())]
)
OWED = st.dictionaries(st.sampled_from([*CONVS, "r99"]), st.integers(0, 40))
PLACES = st.integers(0, 45)
#: So few conversations are looked up at once, and after a piece was gone through: none are, one is, all are.
WAYS = st.sampled_from([(0, 0), (0, 100), (100, 100)])


def log_with(entries: list[Entry], owed: dict[str, int]) -> sqlite3.Connection:
    """A log, half of it fresh, and an account (7) that may read these conversations, as others may."""
    connection = log_of(entries, fresh=len(entries) // 2)
    for account in (7, 8):
        connection.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, 1, '', 0, '')",
            (account, f"user{account}", f"user{account}"),
        )
    connection.executemany("INSERT INTO members(account, conv, since) VALUES (7, ?, ?)", owed.items())
    connection.executemany("INSERT INTO members(account, conv, since) VALUES (8, ?, 0)", [(conv,) for conv in CONVS])
    return connection


@contextmanager
def limits(few: int, some: int, piece: int = 3, budget: float = 60) -> Iterator[None]:
    with ExitStack() as patched:
        for name, value in {"FEW": few, "SOME": some, "PIECE": piece, "BUDGET": budget}.items():
            patched.enter_context(mock.patch.object(positions, name, value))
        yield


@given(LOGS, OWED, PLACES, PLACES, st.integers(1, 9), WAYS, st.booleans())
def test_the_same_is_found_in_each_way(
    log: list[Entry], owed: dict[str, int], above: int, upto: int, most: int, way: tuple[int, int], newest: bool
) -> None:
    wanted = [entry.seq for entry in log if entry.conv in owed and max(above, owed[entry.conv]) < entry.seq <= upto]
    connection = log_with(log, owed)
    with limits(*way):
        for convs in (owed, OfAccount(7)):
            looked = Places(connection, convs, owed=True)
            found = looked.find(above, upto, most, newest)
            assert [*found.places] == (wanted[::-1] if newest else wanted)[:most]
            assert all(entry.conv == found.places[entry.seq] for entry in log if entry.seq in found.places)
            assert found.stopped is None
            assert looked.count(above, upto, most) == (min(len(wanted), most), len(wanted) > most)


@given(LOGS, OWED, st.integers(1, 9), st.booleans())
def test_when_time_is_up_the_next_page_goes_on_there(log: list[Entry], owed: dict[str, int], limit: int, back: bool) -> None:
    wanted = [entry.seq for entry in log if entry.conv in owed]
    connection, found, edge, more = log_with(log, owed), list[int](), 50 if back else 0, True
    with limits(0, 0, budget=0):
        while more:
            place = {"before": edge} if back else {"after": edge}
            page = pages.page(connection, OfAccount(7), **place, limit=limit)
            found = [*seqs(page.entries), *found] if back else [*found, *seqs(page.entries)]
            assert not page.more or (page.edge < edge if back else page.edge > edge)
            edge, more = page.edge, page.more
    assert found == wanted


def test_what_is_counted_when_time_is_up_is_a_part_and_said_to_be() -> None:
    connection = log_with([said(seq, "r1") for seq in range(1, 11)], {"r1": 0})
    with limits(0, 0, budget=0):
        assert pages.missed(connection, OfAccount(7), 0) == (3, True)
        page, count = pages.newest(connection, OfAccount(7), 0)
    assert (seqs(page.entries), page.more, page.edge, count.more) == ([8, 9, 10], True, 8, True)


def test_for_a_page_it_does_not_matter_since_when_one_belongs_to_a_room() -> None:
    connection = log_with([said(1, "r1"), said(2, "r1")], {"r1": 1})
    for way in ((0, 0), (100, 100)):
        with limits(*way):
            assert seqs(pages.page(connection, OfAccount(7)).entries) == [1, 2]
            assert seqs(pages.replay(connection, OfAccount(7), 0).entries) == [2]


@pytest.mark.parametrize("newest", [True, False])
def test_places_are_found_in_the_index_alone(newest: bool) -> None:
    connection = log_with([said(1, "r1")], {})
    statement = (positions._BACK if newest else positions._ONWARD)[1]
    asked = {"convs": json.dumps({"r1": 0}), "above": 0, "upto": 9, "most": 9, "kinds": positions.SAID}
    for query in (statement, positions._COUNT):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {positions._GIVEN} {query}", asked)]
        for table in ("kept", "fresh"):
            assert f"SEARCH {table} USING COVERING INDEX {table}_conv (conv=? AND seq>? AND seq<?)" in plan
            assert f"SCAN {table}" not in plan


def test_many_conversations_take_no_more_statements_than_one() -> None:
    owed = {f"g7xguest{number}": 0 for number in range(3000)}
    connection = log_with([said(seq, f"g7xguest{seq}") for seq in range(1, 3000)], owed)
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    page, count = pages.newest(connection, OfAccount(7), 0, limit=1)
    assert (seqs(page.entries), count) == ([2999], (2999, False))
    assert len(asked) < 10
