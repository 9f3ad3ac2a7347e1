"""Search: what people type is words, whatever it looks like; and nobody finds what is not theirs to read."""

from __future__ import annotations

import datetime
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st

from lanchat.history import moments, search as module
from lanchat.history.pages import MAX_SEQ
from lanchat.history.positions import OfAccount
from lanchat.history.search import FEW, MAX_QUERY, MAX_WORDS, Query, going_on, parse_query, search
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import Usage
from lanchat.protocol.word_folding import indexed
from lanchat.store import schema, word_index
from tests.memory_log import log_of, said, seqs

NOW = datetime.datetime(2024, 6, 1, 12, tzinfo=datetime.timezone.utc).timestamp()
DAY = 86_400
DAY_MS = DAY * 1000
WORDS = ["a", "b", "the", "near", "or", "not", "and"]
CONVS = ["r1", "r11", "p1x2", "g1xbob", "g1xbob.smith", "g1xbob.smith-x"]
#: What would mean something to FTS5, in some order.
OPERATORS = ['"', "'", "*", "^", ":", "(", ")", "-", "+", "{", "}", ",", ".", "\\", "\x00", " ", "AND", "OR", "NOT", "NEAR"]
HOSTILE = st.lists(st.sampled_from([*OPERATORS, "msg", "words", "a", "the", "é", "東"]), max_size=20).map("".join)
LOGS = st.lists(
    st.tuples(st.sampled_from(CONVS), st.lists(st.sampled_from([*WORDS, "東京", "AND", "-"]), max_size=6).map(" ".join)),
    max_size=25,
).map(lambda told: [said(seq, conv, msg) for seq, (conv, msg) in enumerate(told, 1)])


def find(connection: sqlite3.Connection, typed: str, readable: Collection[str] = ("r1",)) -> list[int]:
    return seqs(search(connection, parse_query(typed, NOW), readable).entries)


def told(*texts: str) -> sqlite3.Connection:
    """A log of one room."""
    return log_of(said(seq, "r1", text) for seq, text in enumerate(texts, 1))


def words_of(text: str) -> list[str]:
    """The words as a person without an index would tell them: letters and digits, in any case."""
    return re.findall(r"[^\W_]+", text.lower())


@given(
    LOGS, st.lists(st.sampled_from([*WORDS, "NEAR", "OR", "AND", "*", '"'])), st.sets(st.sampled_from(CONVS)), st.integers(1, 9)
)
def test_found_is_what_has_every_word_and_may_be_read(log: list[Entry], typed: list[str], convs: set[str], limit: int) -> None:
    words = set(words_of(" ".join(typed[:MAX_WORDS])))
    query = Query(tuple(typed[:MAX_WORDS]))
    wanted = [entry.seq for entry in log if entry.conv in convs and words and words <= set(words_of(entry.msg))]
    connection, crowd = log_of(log), {f"r{number}" for number in range(100, 101 + FEW)}
    for readable, many in ((convs, 9), (convs | crowd, 9), (convs | crowd, 2), (convs | crowd, 0)):
        with patch.object(module, "MANY", many):
            found = search(connection, query, readable, limit=limit)
        assert seqs(found.entries) == wanted[-limit:]
        assert found.more == (len(wanted) > limit)
    belong(connection, convs | crowd)
    for few, many in ((FEW, 9), (FEW, 0), (0, 1), (0, 9)):
        with patch.multiple(module, MANY=many, SOME=few * 100):
            found = search(connection, query, OfAccount(1), limit=limit)
        assert seqs(found.entries) == wanted[-limit:]
        assert found.more == (len(wanted) > limit)


@given(LOGS, st.sets(st.sampled_from(CONVS)), st.integers(1, 5))
def test_when_time_is_up_the_next_page_of_a_search_goes_on_there(log: list[Entry], convs: set[str], limit: int) -> None:
    wanted = [entry.seq for entry in log if entry.conv in convs and "a" in words_of(entry.msg)]
    connection, found, before, more = log_of(log), list[int](), MAX_SEQ, True
    belong(connection, convs)
    with patch.multiple(module, MANY=2, SOME=0, BUDGET=0):
        while more and convs:
            page = search(connection, Query(("a",)), OfAccount(1), before=before, limit=limit)
            assert not page.more or page.edge < before
            found, before, more = [*seqs(page.entries), *found], page.edge, page.more
    assert found == wanted


def belong(connection: sqlite3.Connection, convs: Collection[str]) -> None:
    """Let account 1 read these."""
    connection.execute("INSERT INTO accounts VALUES (1, 'ann', 'ann', 1, '', 0, '')")
    connection.executemany("INSERT INTO members(account, conv, since) VALUES (1, ?, 0)", [(conv,) for conv in convs])


@given(st.integers(1, 30))
def test_before_a_place_is_a_filter_too(before: int) -> None:
    connection = told(*["hello"] * 20)
    assert find(connection, f"hello before:{before}") == [*range(1, min(before, 21))]
    assert find(connection, going_on("before:5 hello", before)) == [*range(1, min(before, 21))]


@pytest.mark.parametrize("typed", ["before:", "before:x", "before:-1"])
def test_a_place_is_a_number(typed: str) -> None:
    with pytest.raises(Usage, match="number of a message"):
        parse_query(f"hello {typed}", NOW)


@given(HOSTILE | st.text(max_size=30))
def test_no_query_is_an_error_of_the_index_or_shows_what_is_not_readable(typed: str) -> None:
    connection = log_of([said(1, "r2", f"{typed} a the é 東 near or not and msg", name="the")])
    try:
        query = parse_query(typed, NOW)
    except Usage as usage:
        assert len(str(usage).splitlines()) == 1
        return
    assert not search(connection, query, ["r1"]).entries
    assert not search(connection, query, []).entries
    assert not search(connection, query, [f"r{number}" for number in range(100, 101 + FEW)]).entries


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_a_text_is_found_by_itself(text: str) -> None:
    connection = told("before", text, "after")
    if any(char.isascii() and char.isalnum() for char in text):
        assert 2 in seqs(search(connection, Query((text,)), ["r1"]).entries)


@pytest.mark.parametrize(
    "typed",
    [
        "plan*", "^plan", "msg:plan", "plan NOT lunch", "pl", '"lunch plan"', "(plan OR dinner)", "-plan x", "conv:r2 plan",
        "*", "r1", "alice", "NEAR(plan lunch)", "{msg name} : plan", "plan\x00lunch",
    ],
)  # fmt: skip
def test_an_operator_is_no_operator(typed: str) -> None:
    connection = told("the plan for lunch", "our plans")
    try:
        found = find(connection, typed)
    except Usage:
        found = []
    wanted = {"plan*": [1], "^plan": [1], '"lunch plan"': [1]}
    assert found == wanted.get(typed, [])


def test_half_a_character_hinders_nothing() -> None:
    assert find(told("this and that"), "and\ud800that from:\udfffalice") == []
    assert find(told("this and that"), "and\ud800that") == [1]


def test_case_accents_and_width_make_no_difference() -> None:
    connection = told("Ein Café in CALI", "ein Ｃafe\u0301 in ｶﾘ")
    assert find(connection, "CAFE") == [1, 2]
    assert find(connection, "café cali") == [1]
    assert find(connection, "カリ") == [2]


def test_words_are_found_where_nothing_stands_between_them() -> None:
    connection = told("私は東京タワーに行く", "京都東", "서울에서 보다", "ฉันรักประเทศไทย")
    assert find(connection, "東京") == [1]
    assert find(connection, "東京 行く") == [1]
    assert find(connection, "서울") == [3]
    assert find(connection, "ไทย") == [4]
    assert find(connection, "京") == [1, 2]


def test_a_plain_text_is_indexed_as_it_is() -> None:
    assert indexed("plain text") == "plain text"


def test_what_was_said_by_somebody_is_found_by_the_name_in_any_spelling() -> None:
    names = ["Bob", "bob.smith", "bob", "alice", "Élise"]
    connection = log_of(said(seq, "r1", "hello bob", name) for seq, name in enumerate(names, 1))
    assert find(connection, "from:bob") == [1, 3]
    assert find(connection, "from:@BOB hello") == [1, 3]
    assert find(connection, "from:bob.smith") == [2]
    assert find(connection, "from:élise") == [5]
    assert find(connection, "from:elise") == [5]
    assert find(connection, "from:E\u0301LISE") == [5]
    assert find(connection, "from:smith") == []


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("φάρος.νότος", "ΦΆΡΟΣ.ΝΌΤΟΣ"),
        ("φάρος.νότος", "φαρος.νοτος"),
        ("Ольга-Ёж", "ольга\u2010еж"),
        ("Müller", "mueller"),
        ("Søren", "Soren"),
        ("Đặng", "dang"),
        ("Об’єднання", "Об'єднання"),
        ("ශ්\u200dරී", "ශ්රී"),
        ("ｱｲｺ", "アイコ"),
        ("احمد", "أحمد"),
        ("शर्मा", "शर्मा"),
    ],
)
def test_a_name_is_found_in_any_spelling_of_it_and_as_a_whole(name: str, typed: str) -> None:
    connection = log_of([said(1, "r1", name=name), said(2, "r1", name="bob"), said(3, "r1", name=f"{name}-2")])
    assert find(connection, f"from:{typed}") == [1]


@pytest.mark.parametrize(
    ("since", "from_day"),
    [
        ("2024-05-31", 31),
        ("2024-05-30T12:00:00Z", 30),
        ("2024-05-30T14:00:01.123456789+02:00", 31),
        ("2024-05-30t11:59z", 30),
        ("2d", 30),
        ("48H", 30),
        ("1440m", 31),
        ("1w", 25),
        ("99999w", 1),
    ],
)
def test_since_is_a_date_or_an_age(since: str, from_day: int) -> None:
    noon_of_may = NOW - 32 * DAY
    connection = log_of(said(day, "r1", ts=int(noon_of_may + day * DAY) * 1000) for day in range(1, 32))
    assert find(connection, f"hello since:{since}") == [*range(from_day, 32)]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(0, 50), st.sets(st.integers(1, 40)))
def test_since_is_right_when_the_clock_was_set_back(hours: list[int], since: int, erased: set[int]) -> None:
    """Never by more than an hour, here; and something was erased."""
    times: list[int] = []
    for hour in hours:
        times.append(max(hour, max(times, default=0) - 1))
    log = [said(seq, "r1", ts=hour * 3_600_000) for seq, hour in enumerate(times, 1) if seq not in erased]
    wanted = [entry.seq for entry in log if entry.ts >= since * 3_600_000]
    found = search(log_of(log), Query(("hello",), since=since * 3_600_000), ["r1"], limit=100)
    assert seqs(found.entries) == wanted


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(-60, 60)), max_size=12), st.integers(0, 60))
def test_since_is_right_when_the_clock_was_wrong_for_a_while(runs: list[tuple[int, int]], since: int) -> None:
    """Ahead or behind, by any number of days, for any number of messages."""
    days = [day for number, day in runs for _ in range(number)]
    log = [said(seq, "r1", ts=(60 + seq // 10 + day) * DAY_MS) for seq, day in enumerate(days, 1)]
    wanted = [entry.seq for entry in log if entry.ts >= (60 + since) * DAY_MS]
    found = search(log_of(log), Query(("hello",), since=(60 + since) * DAY_MS), ["r1"], limit=200)
    assert seqs(found.entries) == wanted


def test_since_is_right_when_the_clock_was_behind_for_very_many_messages() -> None:
    behind = range(1001, 1001 + 8 * moments.NEAR)
    log = [said(seq, "r1", ts=seq * 1000 + (0 if seq in behind else 90 * DAY_MS)) for seq in range(1, behind.stop + 10)]
    found = search(log_of(log), Query(("hello",), since=80 * DAY_MS), ["r1"], before=1001, limit=200)
    assert seqs(found.entries) == list(range(801, 1001))


def test_pages_of_what_was_found_have_everything_once() -> None:
    connection = log_of(said(seq, "r1" if seq % 3 else "r2") for seq in range(1, 50))
    found, before, more = list[int](), MAX_SEQ, True
    while more:
        turned = search(connection, Query(("hello",)), ["r1"], before=before, limit=7)
        found, before, more = seqs(turned.entries) + found, turned.edge, turned.more
    assert found == [seq for seq in range(1, 50) if seq % 3]


def test_a_damaged_row_is_not_found_but_told() -> None:
    connection = told("hello", "hello", "hello")
    connection.execute("UPDATE kept SET msg = CAST(x'ff' AS TEXT) WHERE seq = 2")
    found = search(connection, Query(("hello",)), ["r1"])
    assert (seqs(found.entries), found.damaged) == ([1, 3], [2])


@pytest.mark.parametrize("damage", ["name = x'ff'", "msg = x'ff'", "msg = CAST(x'ff' AS TEXT)", "conv = 'r2'"])
def test_a_damaged_row_hinders_neither_the_index_nor_the_search(damage: str) -> None:
    connection = told("hello", "hello", "hello")
    connection.execute(f"UPDATE kept SET {damage} WHERE seq = 2")  # noqa: S608 (ours)
    assert find(connection, "hello from:alice") == [1, 3]
    connection.execute("INSERT INTO words(words) VALUES ('delete-all')")
    word_index.add(connection, "seq <= :upto", {"upto": 3})
    assert find(connection, "hello", ["r1", "r2"]) == [1, 3]


@pytest.mark.parametrize("column", ["msg", "name"])
@pytest.mark.parametrize("texts", [["hello"], ["hello", "l'été", "hello"]])
def test_a_damaged_row_without_a_text_does_not_stop_the_index(column: str, texts: list[str]) -> None:
    connection = told(*texts)
    connection.execute("INSERT INTO words(words) VALUES ('delete-all')")
    with _nothing_required(connection):
        connection.execute(f"UPDATE kept SET {column} = NULL WHERE seq = 1")  # noqa: S608 (ours)
    schema.set_meta(connection, "indexed", 0)
    assert word_index.index_next(connection) == len(texts)
    word_index.remove(connection, "seq <= :upto", {"upto": len(texts)})
    word_index.add(connection, "seq <= :upto", {"upto": len(texts)})
    assert find(connection, "hello") == [2 + place for place, text in enumerate(texts[1:]) if text == "hello"]


@contextmanager
def _nothing_required(connection: sqlite3.Connection) -> Iterator[None]:
    """In the block SQLite takes NULL where it may not be, as a damaged page may have it."""
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'kept'").fetchone()
    _declare(connection, sql.replace(" NOT NULL", ""))
    yield
    _declare(connection, sql)


def _declare(connection: sqlite3.Connection, sql: str) -> None:
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'kept'", (sql,))
    connection.execute("PRAGMA writable_schema = RESET")


def test_a_search_leaves_nothing_open_behind_it() -> None:
    connection = told(*["hello"] * 9)
    search(connection, Query(("hello",)), ["r1"], limit=1)
    connection.execute("DROP TABLE kept")  # refused while something is read


def test_a_query_is_read_as_it_was_typed() -> None:
    typed = "Hello  FROM:@Bob in:#ops since:1h world:x http://x.y/z !!"
    assert parse_query(typed, NOW) == Query(("Hello", "world:x", "http://x.y/z"), "Bob", "#ops", int(NOW - 3600) * 1000)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Write the words"),
        ("!!! \x00", "There is no word in !!!"),
        ("\u093e \u200d", "There is no word in"),
        ("in:#ops since:1d", "only narrow a search"),
        ("before:3", "only narrow a search"),
        ("since:yesterday", "since: needs a date or an age"),
        ("from: bob", "right after it, as in from:alice"),
        ("from:@", "as in from:alice"),
        ("x in:ops", "in:#ops"),
        ("x in:#", "in:#ops"),
        ("x since:", "since:7d"),
        ("x since:yesterday", "since:7d"),
        ("x since:2024-13-01", "since:7d"),
        ("x since:0000-01-01", "since:7d"),
        ("x since:9999-99-99T99:99Z", "since:7d"),
        ("x since:-1d", "since:7d"),
        ("x since:١d", "since:7d"),
        ("x since:2024-W01-1", "since:7d"),
        ("from:a from:b", "Write from: only once in a search."),
        ("x " * (MAX_WORDS + 1), "at most 20 words"),
        ("x" * (MAX_QUERY + 1), "at most 256 characters"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(typed: str, says: str) -> None:
    with pytest.raises(Usage, match=re.escape(says)) as told:
        parse_query(typed, NOW)
    assert len(str(told.value).splitlines()) == 1


def test_the_index_finds_the_newest_first_by_itself() -> None:
    asked = ("a", 0, 9, 0, "[]")
    plan = [row[3] for row in told("a").execute(f"EXPLAIN QUERY PLAN {module._GIVEN}", asked)]
    assert not any("TEMP" in step for step in plan)
    assert any("kept USING INTEGER PRIMARY KEY" in step for step in plan)
