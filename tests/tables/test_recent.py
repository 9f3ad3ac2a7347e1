"""Rows are moved from a short table to a long one behind the commits, and nobody notices."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lanchat.maintenance.salvage import salvage
from lanchat.protocol.entry import COLUMNS, entry_from_row
from lanchat.store import background, open_db, schema
from lanchat.system.private_files import FileError
from lanchat.tables import recent
from tests.live import PATIENCE, until
from tests.stores import NOW, Desk, entry, raw, talk_and_be_killed

#: A server that does not get as far as to run; what it holds open is closed when the process ends.
_UNPREPARED = """
import sys
from pathlib import Path
from lanchat.store.store import Store
Store(Path(sys.argv[1]), print).open(lambda connection: 1 / 0)
"""
LOG = f"SELECT {', '.join(COLUMNS)} FROM log ORDER BY seq"  # noqa: S608 (ours)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A store that moves nothing because nobody waits."""
    monkeypatch.setattr(background, "PAUSE", 60)
    with Desk(tmp_path / "data") as one:
        yield one


def counts(desk: Desk) -> tuple[int, int]:
    """How many rows are kept, and how many are fresh."""
    ((kept, new),) = desk.ask("SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM fresh)")
    return kept, new


def move(desk: Desk) -> None:
    desk.write(lambda connection: recent.move_all(connection, desk.store.last_seq))


def test_what_is_fresh_is_moved_when_nobody_waits(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        back = desk.say(*(entry(str(n), f"c{n}", conv=f"r{n % 7}", author=n % 3) for n in range(100)))
        until(lambda: counts(desk) == (100, 0), "the rows to be moved")
        assert [entry_from_row(row) for row in desk.ask(LOG)] == back


@pytest.mark.parametrize(("bound", "most"), [("ROWS", 50), ("CHARACTERS", 500), ("BATCHES", 5)])
def test_what_is_fresh_is_moved_now_and_then_when_somebody_always_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    for _ in range(4):
        desk.say(*(entry("ten " * 2 + "ch") for _ in range(10)))
    assert counts(desk) == (0, 40)
    monkeypatch.setattr(background, bound, most)
    desk.say(*(entry("ten " * 2 + "ch") for _ in range(10)))
    until(lambda: counts(desk) == (50, 0), "the rows to be moved")


def test_a_repeat_is_known_wherever_the_first_is(desk: Desk) -> None:
    desk.say(entry("kept", "c1", ts=NOW - 2))
    move(desk)
    desk.say(entry("fresh", "c2", ts=NOW - 1))
    assert desk.say(entry("kept", "c1"))[0].dup, "though nothing else of its run was there"
    again = [entry("new", "c3"), entry("fresh", "c2"), entry("kept", "c1"), entry("new", "c3")]
    back = desk.say(*again, entry("other", "c1", author=2), entry("a guest's"))
    assert counts(desk) == (1, 4)
    known = [(one.seq, one.dup) for one in back]
    assert known == [(3, False), (2, True), (1, True), (3, True), (4, False), (5, False)]
    assert [one.ts for one in back[1:3]] == [NOW - 1, NOW - 2]


def test_the_database_itself_refuses_what_is_kept_already(desk: Desk) -> None:
    desk.say(entry("once", "c1"))
    move(desk)
    again = "SELECT 2, ts, conv, author, name, ip, target, msg, re, cid, sum, kind, about FROM kept"
    with pytest.raises(sqlite3.IntegrityError, match="it is kept already"):
        desk.write(lambda connection: connection.execute(f"INSERT INTO fresh {again}"))


def test_a_place_is_not_given_again_after_all_was_moved_and_removed(desk: Desk) -> None:
    desk.say(*(entry(f"old {n}") for n in range(10)))
    move(desk)
    desk.write(lambda connection: connection.execute("DELETE FROM kept"))
    desk.close()
    with Desk(desk.store.directory) as again:
        assert again.store.last_seq == 10
        assert again.say(entry())[0].seq == 11


def test_all_that_is_fresh_is_newer_than_what_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "ROWS", 7)
    dice = random.Random(3)  # noqa: S311 (no secret)
    for _ in range(50):
        desk.say(*(entry() for _ in range(dice.randrange(1, 5))))
        desk.write(partial(recent.move_all, upto=dice.randrange(1, desk.store.last_seq + 9)))
        ((newest_kept, oldest_fresh),) = desk.ask(
            "SELECT coalesce((SELECT max(seq) FROM kept), 0), coalesce((SELECT min(seq) FROM fresh), 9999)"
        )
        assert newest_kept < oldest_fresh
    assert [seq for (seq, *_) in desk.ask(LOG)] == list(range(1, desk.store.last_seq + 1))


def test_what_can_not_be_moved_is_read_where_it_is_and_moved_when_it_can(tmp_path: Path, logged: list[str]) -> None:
    with Desk(tmp_path) as desk:
        desk.write(
            lambda c: c.execute("CREATE TRIGGER trouble BEFORE INSERT ON kept BEGIN SELECT RAISE(ABORT, 'no room'); END")
        )
        for n in range(5):
            desk.say(entry(f"word{n}", f"c{n}"))
            until(lambda: logged, "a line in the log")
        assert counts(desk) == (0, 5)
        assert desk.say(entry("word1", "c1"))[0].seq == 2
        desk.write(lambda connection: connection.execute("DROP TRIGGER trouble"))
        desk.say(entry("at last"))
        until(lambda: counts(desk) == (6, 0), "the rows to be moved")
        until(lambda: desk.ask("SELECT rowid FROM words WHERE words MATCH 'word3'") == [(4,)], "the words")
    assert logged == ["new messages can't be searched for now: no room"]


def test_a_row_that_is_in_both_tables_after_all_is_saved_once(desk: Desk) -> None:
    desk.say(entry("one", "c1"), entry("two", "c2"))
    move(desk)
    desk.say(entry("three", "c3"))
    desk.close()
    directory = desk.store.directory
    raw(directory, "DROP TRIGGER fresh_once")
    raw(directory, "INSERT INTO fresh SELECT * FROM kept WHERE seq = 2")
    saved = salvage(directory, "then")
    assert saved.messages == (3, 0)
    assert saved.all
    with Desk(directory) as again:
        assert counts(again) == (3, 0)
        assert again.say(entry("two", "c2"))[0].dup
        assert again.say(entry())[0].seq == 4


def test_a_start_that_fails_after_a_crash_leaves_all_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = talk_and_be_killed(tmp_path, "a", 100)[-1][0]
    assert (tmp_path / "lanchat.db-wal").stat().st_size

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    for place, name in ((schema, "upgrade"), (open_db, "check_pages"), (open_db, "_mark")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, full)
            with pytest.raises(FileError, match="disk is full"):
                Desk(tmp_path)
        assert (tmp_path / "lanchat.db-wal").exists()
    with Desk(tmp_path) as desk:
        assert desk.store.last_seq >= last


def test_a_start_that_fails_at_what_is_prepared_leaves_all_for_the_next(tmp_path: Path) -> None:
    last = talk_and_be_killed(tmp_path, "a", 100)[-1][0]
    command = [sys.executable, "-c", _UNPREPARED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603 (ours)
    assert "ZeroDivisionError" in done.stderr
    with Desk(tmp_path) as desk:
        assert desk.store.last_seq >= last
