"""The log: what is handed in comes back in its order, with its place, and stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection, OperationalError

import pytest

from lanchat.protocol.entry import COLUMNS, Entry, entry_from_row
from lanchat.protocol.errors import NotStored, RateLimited, TooSlow
from lanchat.store import reading, writing
from lanchat.store.store import ENVELOPE, WAITING_CHARACTERS
from tests.live import PATIENCE
from tests.stores import Call, Desk, entry

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def log(desk: Desk) -> list[Entry | None]:
    return [entry_from_row(row) for row in desk.ask(f"SELECT {', '.join(COLUMNS)} FROM log ORDER BY seq")]  # noqa: S608 (ours)


def count(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM log").fetchone()[0])


def forget(connection: Connection) -> None:
    connection.execute("DELETE FROM kept")
    connection.execute("DELETE FROM fresh")


def test_what_is_said_is_stored_as_it_was_said(tmp_path: Path) -> None:
    said = [entry("grüße\0\n😀 'x'", "c1", re="1.2"), entry("", author=None, conv="g1xbob")]
    with Desk(tmp_path) as desk:
        back = desk.say(*said)
        assert [(one.seq, one.state, one.dup) for one in back] == [(1, "stored", False), (2, "stored", False)]
        assert log(desk) == back
        assert desk.store.last_seq == 2
    with Desk(tmp_path) as desk:
        assert log(desk) == back
        assert desk.store.last_seq == 2


def test_what_belongs_to_the_sender_comes_back_and_is_not_stored(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        sender = object()
        (back,) = desk.say(entry(source=sender))
        assert back.source is sender


def test_entries_and_jobs_come_back_in_the_order_in_which_they_were_handed_in(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        order: list[object] = []
        desk.store.committed = lambda run: order.extend(one.msg for one in run)
        for number in range(50):
            desk.store.append(entry(f"say {number}"))
            desk.store.maintain(Call(count)).addCallback(order.append)
        desk.write(count)
        assert order == [what for number in range(50) for what in (f"say {number}", number + 1)]


def test_what_came_back_is_taken_over_several_turns_in_the_same_order(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        order: list[object] = []

        def committed(entries: Iterator[Entry]) -> bool:
            for one in entries:
                order.append(one.msg)
                assert desk.store.last_seq == one.seq, "what comes later is not there yet"
                return True
            return False

        desk.store.committed = committed
        for number in range(5):
            desk.store.append(entry(f"say {number}"))
            desk.store.append(entry(f"and {number}"))
            desk.store.maintain(Call(count)).addCallback(order.append)
        expected = [what for n in range(5) for what in (f"say {n}", f"and {n}", 2 * n + 2)]
        turns = 0
        while desk.store.waiting:
            desk.turn()
            turns += 1
        assert turns >= 10
        assert order == expected
        desk.store.append(entry("last"))
        desk.store.append(entry("of all"))
    assert order == [*expected, "last", "of all"]


def test_an_epoch_lasts_and_a_place_is_never_given_twice(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        epoch = desk.store.epoch
        desk.say(entry(), entry())
        desk.write(forget)
        assert desk.say(entry())[0].seq == 3
        desk.write(forget)
    with Desk(tmp_path) as desk:
        assert len(epoch) == 8
        assert desk.store.epoch == epoch
        assert desk.store.last_seq == 3
        assert desk.say(entry())[0].seq == 4


def test_what_is_sent_twice_is_stored_once(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("one", "c1", ts=5))
        back = desk.say(
            entry("two", "c2", ts=6), entry("two", "c2", ts=7), entry("one", "c1", ts=8), entry("three", "c1", author=2),
            entry("four", "c1", author=None), entry("five", "c1", author=None), entry("six"), entry("seven"),
        )  # fmt: skip
        assert [(one.seq, one.ts, one.dup, one.state) for one in back[:3]] == [
            (2, 6, False, "stored"), (2, 6, True, "stored"), (1, 5, True, "stored"),
        ]  # fmt: skip
        assert [one.seq for one in back[3:]] == [3, 4, 5, 6, 7]
        assert [one.msg for one in log(desk) if one] == ["one", "two", "three", "four", "five", "six", "seven"]
    with Desk(tmp_path) as desk:
        (again,) = desk.say(entry("one", "c1", ts=9))
        assert (again.seq, again.ts, again.dup) == (1, 5, True)


def test_more_than_a_batch_is_stored_and_found_again(tmp_path: Path) -> None:
    many = writing.BATCH + 10
    with Desk(tmp_path, waiting=lambda: 10 * many) as desk:
        for again in (False, True):
            back = desk.say(*(entry(str(number), f"c{number}") for number in range(many)))
            assert [one.seq for one in back] == list(range(1, many + 1))
            assert {one.dup for one in back} == {again}


def test_what_can_not_be_written_costs_nobody_else_anything(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        back = desk.say(entry("before"), entry("half a pair: \ud83d"), entry(ts=2**70), entry("after"))
        assert [(one.seq, one.state) for one in back] == [(1, "stored"), (0, ""), (0, ""), (2, "stored")]
        assert len(log(desk)) == 2


def test_a_job_that_fails_undoes_only_itself(tmp_path: Path) -> None:
    def fails(connection: Connection) -> None:
        forget(connection)
        raise ZeroDivisionError

    with Desk(tmp_path) as desk:
        desk.store.append(entry("before"))
        failing = desk.store.maintain(Call(fails))
        desk.store.append(entry("after"))
        with pytest.raises(ZeroDivisionError):
            desk.wait(failing)
        assert desk.write(count) == 2
        assert [one.state for one in desk.back] == ["stored", "stored"]


def test_a_reader_sees_what_is_committed_and_can_not_write(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry())
        assert desk.read(count) == desk.read(count, slow=True) == 1
        with pytest.raises(OperationalError, match="readonly"):
            desk.read(forget)


def test_a_query_sees_one_moment(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        begun, go = threading.Event(), threading.Event()

        def twice(connection: Connection) -> tuple[int, int]:
            first = count(connection)
            begun.set()
            go.wait(PATIENCE)
            return first, count(connection)

        asked = desk.store.read(twice)
        assert begun.wait(PATIENCE)
        desk.say(entry())
        go.set()
        assert desk.wait(asked) == (0, 0)
        assert desk.read(count) == 1


def test_a_query_that_takes_too_long_is_ended_and_the_next_is_answered(tmp_path: Path) -> None:
    began = time.monotonic()
    with Desk(tmp_path) as desk:
        endless = desk.store.read(lambda connection: connection.execute(FOREVER).fetchone(), slow=True)
        assert desk.read(count) == 0, "pages are not behind searches"
        with pytest.raises(TooSlow, match="too long"):
            desk.wait(endless)
        assert time.monotonic() - began >= 1
        assert desk.read(count, slow=True) == 0


def test_only_so_many_queries_wait(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        go = threading.Event()
        answers = [desk.store.read(lambda connection: go.wait(PATIENCE), slow=True) for _ in range(reading.SEARCHES + 2)]
        is_refused = answers[-1].called
        go.set()
        assert is_refused
        with pytest.raises(RateLimited):
            desk.wait(answers[-1])
        assert all(desk.wait(answer) for answer in answers[: reading.SEARCHES])


@pytest.mark.parametrize(("each", "most"), [(10, 20), (WAITING_CHARACTERS // 10, 10**6)])
def test_a_store_is_full_until_what_waits_is_written(tmp_path: Path, each: int, most: int) -> None:
    with Desk(tmp_path, waiting=lambda: most) as desk:
        go = threading.Event()
        first = desk.store.maintain(Call(lambda connection: go.wait(PATIENCE)))
        handed_in = 0
        while not desk.store.full:
            desk.store.append(entry("x" * each))
            handed_in += 1
        assert handed_in == min(most, WAITING_CHARACTERS // (each + ENVELOPE) + 1)
        go.set()
        desk.wait(first)
        desk.write(count)
        assert not desk.store.full


def test_far_too_much_is_not_taken(tmp_path: Path) -> None:
    with Desk(tmp_path, waiting=lambda: 5) as desk:
        go = threading.Event()
        desk.store.maintain(Call(lambda connection: go.wait(PATIENCE)))
        for _ in range(20):
            desk.store.append(entry())
        with pytest.raises(NotStored):
            desk.store.append(entry())
        with pytest.raises(NotStored):
            desk.wait(desk.store.maintain(Call(count)))
        go.set()
        assert desk.store.full


def test_one_who_takes_what_came_back_and_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.store.committed = lambda run: 1 / 0
        desk.store.append(entry())
        assert desk.write(count) == 1


def test_the_last_things_handed_in_are_stored_before_it_is_closed(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        for _ in range(100):
            desk.store.append(entry())
    assert [one.seq for one in desk.back] == list(range(1, 101))
    with pytest.raises(NotStored):
        desk.store.append(entry())


def test_an_ephemeral_store_hands_on_in_order_and_keeps_only_what_jobs_write(tmp_path: Path) -> None:
    with Desk(tmp_path, ephemeral=True) as desk:
        order: list[object] = []
        desk.store.committed = lambda run: order.extend((one.msg, one.state, one.seq) for one in run)
        desk.store.append(entry("a"))
        desk.store.append(entry("b"))
        assert not order, "it does not come back before it was handed in"
        done = desk.store.maintain(Call(lambda connection: connection.execute("INSERT INTO meta VALUES ('x', 7)").rowcount))
        done.addCallback(order.append)
        desk.store.append(entry("c"))
        desk.wait(done)
        assert order == [("a", "relayed", 0), ("b", "relayed", 0), 1, ("c", "relayed", 0)]
    with Desk(tmp_path) as desk:
        assert log(desk) == []
        assert desk.ask("SELECT value FROM meta WHERE name = 'x'") == [(7,)]
