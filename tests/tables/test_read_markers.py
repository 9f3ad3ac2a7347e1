"""Read markers in the database: they go forward only, and take the mentions with them that were read."""

from __future__ import annotations

from sqlite3 import Connection

import pytest

from lanchat.tables.accounts import MoveCursors, Moved
from lanchat.tables.read_markers import Marker, MoveMarkers, SetMuted, remove_mentions
from lanchat.tables.rooms import RemoveMembers
from tests.memory_log import log_of


@pytest.fixture
def log() -> Connection:
    """Two accounts, 1 and 2, each in r1 and r2, and mentioned in both at 5 and at 10."""
    connection = log_of([])
    for account in (1, 2):
        row = (account, f"user{account}", f"user{account}")
        connection.execute("INSERT INTO accounts(id, name, key, role, password, created) VALUES (?, ?, ?, 1, '', 0)", row)
        for conv in ("r1", "r2"):
            connection.execute("INSERT INTO members(account, conv, since) VALUES (?, ?, 0)", (account, conv))
            connection.executemany("INSERT INTO mentions VALUES (?, ?, ?)", [(account, conv, 5), (account, conv, 10)])
    return connection


def markers(log: Connection) -> list[tuple[int, str, int]]:
    return log.execute("SELECT account, conv, read FROM members WHERE read > 0 ORDER BY 1, 2").fetchall()


def mentions(log: Connection, account: int) -> list[tuple[str, int]]:
    return log.execute("SELECT conv, seq FROM mentions WHERE account = ? ORDER BY 1, 2", (account,)).fetchall()


def test_a_marker_goes_forward_only_and_forgets_the_mentions_up_to_it(log: Connection) -> None:
    MoveMarkers((Marker(1, "r1", 3), Marker(1, "r1", 7), Marker(1, "r1", 6), Marker(2, "r2", 10), Marker(3, "r1", 9))).run(log)
    MoveMarkers((Marker(1, "r1", 2), Marker(1, "r3", 2))).run(log)
    assert markers(log) == [(1, "r1", 7), (2, "r2", 10)]
    assert mentions(log, 1) == [("r1", 10), ("r2", 5), ("r2", 10)]
    assert mentions(log, 2) == [("r1", 5), ("r1", 10)]


def test_a_statement_for_many_markers_looks_each_up(log: Connection) -> None:
    """Otherwise it would look through all members, while everybody waits."""
    plans = list[str]()
    log.set_trace_callback(lambda sql: plans.extend(row[3] for row in plan(log, sql)))
    MoveMarkers((Marker(1, "r1", 3),)).run(log)
    log.set_trace_callback(None)
    assert [step for step in plans if "members" in step] == ["SEARCH members USING PRIMARY KEY (account=? AND conv=?)"]
    assert {step.split()[1] for step in plans if step.startswith("SCAN")} == {"moved", "json_each"}


def plan(log: Connection, sql: str) -> list[tuple[int, int, int, str]]:
    return [] if sql.startswith("EXPLAIN") else log.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()


def test_what_a_classic_client_was_sent_is_no_mention_any_more(log: Connection) -> None:
    MoveCursors((Moved(1, "", 5, True), Moved(2, "phone", 5, True)), 0).run(log)
    assert mentions(log, 1) == [("r1", 10), ("r2", 10)]
    assert len(mentions(log, 2)) == 4


def test_who_leaves_a_room_and_messages_that_are_removed_take_mentions_with_them(log: Connection) -> None:
    RemoveMembers(1, (1,)).run(log)
    assert mentions(log, 1) == [("r2", 5), ("r2", 10)]
    remove_mentions(log, "SELECT :seq", {"seq": 5})
    assert mentions(log, 1) == [("r2", 10)]
    assert mentions(log, 2) == [("r1", 10), ("r2", 10)]


def test_a_conversation_is_muted_for_one_account(log: Connection) -> None:
    SetMuted(1, ("r1", "r3"), True).run(log)
    assert log.execute("SELECT account, conv FROM members WHERE muted = 1").fetchall() == [(1, "r1")]
    SetMuted(1, ("r1",), False).run(log)
    assert log.execute("SELECT count(*) FROM members WHERE muted = 1").fetchone() == (0,)
