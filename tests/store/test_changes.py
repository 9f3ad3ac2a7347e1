"""Edits, withdrawals and reactions in the log: what they change, what they leave, and when they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lanchat.maintenance import rewrite
from lanchat.maintenance.backup import unusable_rows
from lanchat.maintenance.salvage import salvage
from lanchat.model.names import parse
from lanchat.model.session import Role
from lanchat.protocol.entry import EDIT, GONE, REACT, WITHDRAW, Entry
from lanchat.store import changes, erasure
from lanchat.store.message_removal import withdrawn
from lanchat.store.word_index import MergeIndex
from lanchat.tables import accounts
from tests.live import until
from tests.maintenance.test_retention import found, indexed, sound
from tests.stores import Desk, entry, raw


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path) as desk:
        yield desk


def change(kind: str, about: int, msg: str = "", cid: str | None = None, **members: Any) -> Entry:
    """A change of a message by account 1."""
    return entry(msg, cid, kind=kind, about=about, **members)


edit, withdraw, react = (partial(change, kind) for kind in (EDIT, WITHDRAW, REACT))


def texts(desk: Desk) -> list[str]:
    return [msg for (msg,) in desk.ask("SELECT msg FROM log ORDER BY seq")]


def test_a_search_finds_the_newest_text_only(desk: Desk) -> None:
    desk.say(entry("the red pump"), entry("it's the valve"))
    indexed(desk)
    desk.say(edit(1, "the blue pump"))
    indexed(desk)
    assert (found(desk, "red"), found(desk, "blue"), found(desk, "pump")) == ([], [3], [3])
    desk.say(edit(1, "the green pump"), edit(1, "the grey valve's pump"), edit(2, "it's the tap"), react(2, "pump"))
    indexed(desk)
    assert (found(desk, "blue"), found(desk, "green"), found(desk, "pump"), found(desk, "its")) == ([], [], [5], [6])
    sound(desk)
    assert texts(desk)[0] == "the red pump", "the log still says what it was at first"


def test_a_withdrawn_text_is_gone_with_its_edits_and_reactions(desk: Desk) -> None:
    desk.say(entry("the secret", "1"), entry("without an id"), edit(1, "the secret plan", "2"), react(1, "!"), react(2, "?"))
    indexed(desk)
    back = desk.say(withdraw(1), withdraw(2))
    assert [one.state for one in back] == ["stored"] * 2
    indexed(desk)
    rows = desk.ask("SELECT seq, conv, msg, cid, about FROM log ORDER BY seq")
    assert rows == [(1, "", "", "1", None), (3, "", "", "2", None), (6, "r1", "", None, 1), (7, "r1", "", None, 2)]
    assert found(desk, "secret") == []
    sound(desk)
    again = desk.say(entry("the secret", "1"), edit(1, "the secret plan", "2"), entry("another", "1"))
    assert [(one.seq, one.dup) for one in again] == [(1, True), (3, True), (8, False)]


def test_what_is_not_there_can_not_be_changed(desk: Desk) -> None:
    desk.say(entry("one"), entry("an event", kind="event", about=0), react(1, "!"), withdraw(1))
    refused = [edit(1, "two"), react(1, "?"), withdraw(1), edit(2, "no event"), edit(3, "no message"), react(99, "!")]
    back = desk.say(*refused, edit(4, "no"), entry("here"), edit(12, "elsewhere", conv="r2"), entry("after"))
    assert [(one.seq, one.state) for one in back] == [*[(0, GONE)] * 7, (5, "stored"), (0, GONE), (6, "stored")]
    sound(desk)


def test_a_repeated_change_is_known_by_its_cid(desk: Desk) -> None:
    first = desk.say(
        entry("one"), entry("two"), edit(1, "uno", "1"), edit(2, "uno", "1"), react(1, "!", "1"), withdraw(2, cid="4")
    )
    again = desk.say(edit(2, "uno", "1"), edit(1, "uno", "1"), react(1, "!", "1"), withdraw(2, cid="4"))
    assert [one.seq for one in first] == [1, 2, 3, 4, 5, 6]
    assert [(one.seq, one.dup, one.state) for one in again] == [(seq, True, "stored") for seq in (4, 3, 5, 6)]
    assert desk.read(withdrawn) == 1


def test_a_change_that_can_not_be_written_changes_nothing(desk: Desk) -> None:
    desk.say(entry("one"))
    indexed(desk)
    bad, good = desk.say(edit(1, "\ud800"), entry("two"))
    assert (bad.state, good.state, good.seq) == ("", "stored", 2)
    indexed(desk)
    assert found(desk, "one") == [1]
    sound(desk)


def test_nothing_of_what_was_withdrawn_is_in_the_file_once_it_is_rewritten(desk: Desk, tmp_path: Path) -> None:
    desk.write(lambda connection: connection.execute("PRAGMA secure_delete = 0") and None)
    desk.say(*(entry(f"zebra{number} " * 50) for number in range(200)), edit(2, "okapi " * 50))
    indexed(desk)
    desk.say(withdraw(2))
    assert desk.read(changes.traces) == 1
    first, number = True, desk.write(changes.CountWithdrawn())
    while desk.write(MergeIndex(first)):
        first = False
    desk.wait(rewrite.rewrite(desk.store))
    desk.write(changes.NoteErased(number))
    held = b"".join(file.read_bytes() for file in tmp_path.glob("lanchat.db*"))
    assert b"zebra2 " in held
    assert b"zebra1 " not in held
    assert b"okapi" not in held
    assert desk.read(changes.traces) == 0


def test_an_erased_account_leaves_no_change_and_no_name_in_events(desk: Desk) -> None:
    for name in ("victor", "wanda"):
        desk.write(partial(accounts.add, name=parse(name), password="", role=Role.USER, now=0, most=9))
    theirs: dict[str, Any] = {"author": 2, "name": "wanda"}
    desk.say(
        entry("mine", name="victor"), edit(1, "mine again", name="victor"), react(1, "!", **theirs), entry("theirs", **theirs),
        react(4, "?", name="victor"), edit(4, "theirs again", **theirs),
        entry('{"ev":"joined"}', kind="event", about=0, name="victor"),
        entry('{"ev":"kicked","who":"Victor","text":"victory"}', kind="event", about=0, **theirs),
        entry('{"ev":"future"', kind="event", about=0, **theirs),
    )  # fmt: skip
    indexed(desk)
    begun = desk.write(erasure.BeginErasure(parse("victor")))
    while begun.after < begun.upto:
        begun = desk.write(erasure.EraseMessages(begun, 2))
    assert begun.messages == 1
    assert texts(desk) == ["theirs", "theirs again", '{"ev":"kicked","who":"(erased)","text":"victory"}', '{"ev":"future"']
    sound(desk)


def test_entries_of_all_kinds_come_through_other_keys_a_check_and_a_salvage(tmp_path: Path) -> None:
    where = {"conv": "g1xΖΩΗ", "target": "ΖΩΗ"}
    with Desk(tmp_path) as desk:
        desk.write(partial(accounts.add, name=parse("alice"), password="", role=Role.USER, now=0, most=9))
        desk.write(accounts.AllowReading(1, "g1xΖΩΗ"))
        desk.say(
            entry("the pmup", **where), edit(1, "the pump", **where), react(1, "!", **where), entry("oops", "1", **where),
            withdraw(4, **where), entry("waves", kind="action", **where), entry("{}", kind="event", about=0),
        )  # fmt: skip
        indexed(desk)
    raw(tmp_path, "UPDATE meta SET value = 'older' WHERE name = 'keys'")
    rows = "SELECT seq, conv, msg, kind, about FROM log ORDER BY seq"
    now = [
        (1, "g1xζωη", "the pmup", None, None), (2, "g1xζωη", "the pump", "edit", 1), (3, "g1xζωη", "!", "react", 1),
        (4, "", "", None, None), (5, "g1xζωη", "", "withdraw", 4), (6, "g1xζωη", "waves", "action", None),
        (7, "r1", "{}", "event", 0),
    ]  # fmt: skip
    with Desk(tmp_path) as desk:
        assert desk.ask(rows) == now
        sound(desk)
    assert salvage(tmp_path, "then").all
    with Desk(tmp_path) as desk:
        assert desk.read(unusable_rows) == []
        until(lambda: not desk.ask("SELECT 1 FROM meta WHERE name = 'unindexed' AND value > 0"), "the words")
        assert desk.ask(rows) == now
        assert (found(desk, "pmup"), found(desk, "pump"), found(desk, "waves")) == ([], [2], [6])
        sound(desk)
