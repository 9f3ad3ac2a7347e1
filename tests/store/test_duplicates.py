"""Repeats: the same message is stored once, and another message is never taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.entry import COLUMNS, ERASED, NO_CONVERSATION, REPEAT_MS, Entry, entry_from_row
from lanchat.store import duplicates
from lanchat.store.duplicates import Known, digest, sent_cid
from tests.stores import NOW, Desk, entry

#: When what was said now is no more recognised.
LATER = NOW + REPEAT_MS + 1


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path) as desk:
        yield desk


def log(desk: Desk) -> list[Entry]:
    """What is in the log; every row must be as it was written."""
    entries = [entry_from_row(row) for row in desk.ask(f"SELECT {', '.join(COLUMNS)} FROM log ORDER BY seq")]  # noqa: S608 (ours)
    assert None not in entries
    return [one for one in entries if one is not None]


def test_another_text_under_the_same_cid_is_another_message(desk: Desk) -> None:
    first, second, third = desk.say(entry("a note", "1"), entry("the pump is on fire", "1"), entry("it is out", "1"))
    assert [(one.seq, one.dup, one.state, one.cid) for one in (first, second, third)] == [
        (1, False, "stored", "1"), (2, False, "stored", "1"), (3, False, "stored", "1"),
    ]  # fmt: skip
    again = desk.say(entry("it is out", "1"), entry("a note", "1"), entry("the pump is on fire", "1"))
    assert [(one.seq, one.dup) for one in again] == [(3, True), (1, True), (2, True)]
    assert [(one.msg, sent_cid(one.cid)) for one in log(desk)] == [
        ("a note", "1"), ("the pump is on fire", "1"), ("it is out", "1"),
    ]  # fmt: skip


def test_another_addressee_makes_another_message(desk: Desk) -> None:
    back = desk.say(entry("yes", "1", target="bob"), entry("yes", "1", target="zoe"), entry("yes", "1", target="BOB"))
    assert [(one.seq, one.dup) for one in back] == [(1, False), (2, False), (1, True)]


def test_a_repeat_is_one_whatever_conversation_its_addressee_is_in_by_now(desk: Desk) -> None:
    back = desk.say(entry("yes", "1", conv="g1xtom", target="tom"), entry("yes", "1", conv="p1x2", target="tom"))
    assert [(one.seq, one.dup) for one in back] == [(1, False), (1, True)]


def test_a_repeat_is_one_for_a_day_and_not_for_ever(desk: Desk) -> None:
    desk.say(entry("good morning", "1", ts=NOW))
    last = entry("good morning", "1", ts=NOW + REPEAT_MS)
    new = entry("good morning", "1", ts=LATER)
    assert [(one.seq, one.dup) for one in (*desk.say(last), *desk.say(new))] == [(1, True), (2, False)]
    assert [(one.cid, one.ts) for one in log(desk)] == [(None, NOW), ("1", LATER)]
    assert desk.say(entry("good morning", "1", ts=LATER + 1))[0].seq == 2


def test_what_is_too_old_makes_way_for_another_message_too(desk: Desk) -> None:
    desk.say(entry("monday", "1", ts=NOW))
    desk.say(entry("tuesday", "1", ts=LATER))
    assert [one.cid for one in log(desk)] == [None, "1"]


def test_a_repeat_is_one_also_when_what_was_said_first_under_its_cid_is_too_old(desk: Desk) -> None:
    first, second = entry("in the morning", "1", ts=NOW), entry("at noon", "1", ts=NOW + 1000)
    assert [one.seq for one in (*desk.say(first), *desk.say(second))] == [1, 2]
    again, new = entry("at noon", "1", ts=LATER), entry("at night", "1", ts=LATER)
    assert [(one.seq, one.dup) for one in (*desk.say(again), *desk.say(new))] == [(2, True), (3, False)]


def test_two_of_one_batch_that_are_a_day_apart_are_both_stored(desk: Desk) -> None:
    back = desk.say(entry("monday", "1", ts=NOW), entry("tuesday", "1", ts=LATER))
    assert [(one.seq, one.dup) for one in back] == [(1, False), (2, False)]


def test_the_end_of_an_older_repeat_is_that_of_its_content(desk: Desk) -> None:
    desk.say(entry("a", "1"), entry("b", "1"))
    desk.say(entry("b", "1", ts=LATER))
    assert [(one.msg, one.cid) for one in log(desk)] == [("a", None), ("b", f"1\0{digest(entry('b'))}"), ("b", "1")]


def test_a_cid_that_looks_like_one_with_a_digest_loses_nothing(desk: Desk) -> None:
    odd = f"1\0{digest(entry('b'))}"
    back = desk.say(entry("a", "1"), entry("c", odd), entry("b", "1"), entry("b", "1"))
    assert [one.dup for one in back] == [False, False, False, False]
    assert [one.msg for one in log(desk)] == ["a", "c", "b", "b"]


def test_a_clock_that_went_back_makes_nothing_new(desk: Desk) -> None:
    desk.say(entry("a", "1", ts=NOW))
    assert desk.say(entry("a", "1", ts=NOW - 40 * REPEAT_MS))[0].dup


def test_a_repeat_whose_addressee_was_erased_is_still_one() -> None:
    assert Known(1, NOW, False, ERASED, "hello").says(entry("hello", target="eve"))
    assert not Known(1, NOW, False, ERASED, "hello").says(entry("goodbye", target="eve"))


def test_a_damaged_row_is_no_reason_to_lose_a_message(desk: Desk) -> None:
    desk.say(entry("a", "1"))
    desk.write(lambda c: [c.execute(f"UPDATE {table} SET msg = CAST(x'ff61' AS TEXT)") for table in ("kept", "fresh")])  # noqa: S608 (ours)
    (back,) = desk.say(entry("a", "1"))
    assert (back.dup, back.seq) == (False, 2)
    desk.say(entry("b", "1", ts=LATER))
    assert desk.ask("SELECT cid FROM log ORDER BY seq")[0] == (None,)


def test_it_can_be_asked_whether_a_message_is_in_the_log(desk: Desk) -> None:
    desk.say(entry("a", "1"), entry("b", "1"))

    def find(**members: object) -> int:
        sent = entry(**{"msg": "b", "cid": "1", "ts": NOW, **members})  # type: ignore[arg-type]  # each test knows its members
        known = desk.read(duplicates.FindRepeated(sent).run)
        return known.seq if known else 0

    assert find() == 2
    assert find(msg="a") == 1
    assert find(target="#OPS") == 2
    assert [find(msg="c"), find(cid="2"), find(author=2), find(author=None), find(target="bob")] == [0] * 5
    assert find(ts=LATER) == 0


def test_many_are_looked_up_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_ASKED_AT_ONCE", 7)
    desk.say(*(entry(f"text {n}", f"c{n}") for n in range(20)))
    back = desk.say(*(entry(f"text {n}", f"c{n}") for n in range(30)))
    assert [one.seq for one in back] == [*range(1, 21), *range(21, 31)]
    assert [one.dup for one in back] == [True] * 20 + [False] * 10


def test_what_was_emptied_before_there_were_digests_is_taken_for_the_same() -> None:
    assert Known(1, NOW, True, NO_CONVERSATION, "").says(entry("anything", target="bob"))
