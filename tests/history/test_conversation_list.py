"""The list of conversations: the same as somebody would make who reads the whole log."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lanchat.history import conversation_list
from lanchat.history.conversation_list import of_account, of_guest
from lanchat.protocol.entry import EVENT, NOTHING, REACT, Entry
from lanchat.tables.read_markers import Marker, MoveMarkers
from tests.memory_log import log_of

#: Conversations of account 1, with a name in them, and what they are called in the list. Account 2 is bob's; 3 was removed.
CONVS = {
    "r1": ("#ops", "#ops"), "r2": ("#lab", "#lab"), "p1x2": ("bob", "@bob"), "g1xbob": ("Bob", "@bob"),
    "p1x3": ("carl", "@carl"), "g1xdan": ("Dan", "@dan"),
}  # fmt: skip
ENTRIES = st.lists(
    st.tuples(st.sampled_from([*CONVS, "p2x3", "r3"]), st.sampled_from([None, EVENT, REACT]), st.booleans()), max_size=30
)
MARKERS = st.dictionaries(st.sampled_from([*CONVS]), st.integers(0, 35))


def entry(seq: int, conv: str, kind: str | None, own: bool) -> Entry:
    other = CONVS.get(conv, ("eve", ""))[0]
    author, name, target = (1, "ann", other) if own else (None if conv.startswith("g") else 3, other, "ann")
    about = {None: None, EVENT: NOTHING, REACT: 1}[kind]
    return Entry(conv, author, name, "10.0.0.1", target, "hi", seq * 1000, seq=seq, kind=kind, about=about)


def log_with(entries: list[Entry], read: dict[str, int], since: dict[str, int]) -> sqlite3.Connection:
    connection = log_of(entries, fresh=len(entries) // 3)
    for number, name in ((1, "ann"), (2, "bob")):
        account = (number, name, name)
        connection.execute("INSERT INTO accounts(id, name, key, role, password, created) VALUES (?, ?, ?, 1, '', 0)", account)
    for number, name in ((1, "#ops"), (2, "#lab"), (3, "#others")):
        room = (number, name, name, f"about {name}")
        connection.execute("INSERT INTO rooms(id, name, key, topic, created) VALUES (?, ?, ?, ?, 0)", room)
    for conv in CONVS:
        member = (conv, since.get(conv, 0), conv == "g1xbob")
        connection.execute("INSERT INTO members(account, conv, since, muted) VALUES (1, ?, ?, ?)", member)
    connection.execute("INSERT INTO members(account, conv, since) VALUES (2, 'r1', 0)")
    connection.executemany("INSERT INTO mentions VALUES (1, ?, ?)", [(one.conv, one.seq) for one in entries])
    MoveMarkers(tuple(Marker(1, conv, seq) for conv, seq in read.items())).run(connection)
    return connection


def expected(entries: list[Entry], read: dict[str, int], since: dict[str, int], sent: int) -> list[tuple[Any, ...]]:
    """The list, made of the whole log."""
    found = []
    for shown in dict.fromkeys(shown for _, shown in CONVS.values()):
        convs = [conv for conv, (_, called) in CONVS.items() if called == shown]
        said = [one for one in entries if one.conv in convs and one.about is None]
        marker = max(sent, *(read.get(conv, 0) for conv in convs))
        unread = [one for one in said if one.seq > max(marker, since.get(one.conv, 0))]
        mentions = [one for one in entries if one.conv in convs and one.seq > max(marker, since.get(one.conv, 0))]
        last = said[-1].seq if said else 0
        if said or shown.startswith("#"):
            found.append((shown, last, last * 1000 or None, marker, len(unread), len(mentions) if unread else 0))
    return sorted(found, key=lambda one: (-one[1], one[0]))


@given(ENTRIES, MARKERS, MARKERS, st.integers(0, 35))
def test_the_list_is_what_the_log_says(
    said: list[tuple[str, str | None, bool]], read: dict[str, int], since: dict[str, int], sent: int
) -> None:
    entries = [entry(seq, *one) for seq, one in enumerate(said, 1)]
    page, total = of_account(log_with(entries, read, since), 1, {}, sent, 0, 99)
    found = [(one.shown.lower(), one.seq, one.ts, one.read, one.unread, one.mentions) for one in page]
    assert found == expected(entries, read, since, sent)
    assert total == len(page)


def test_a_page_is_a_part_of_the_list_and_only_that_is_counted() -> None:
    entries = [entry(seq, conv, None, own=False) for seq, conv in enumerate(["r1", "r2", "p1x2", "g1xbob", "g1xdan"], 1)]
    log = log_with(entries, {"r2": 2}, {})
    page, total = of_account(log, 1, {"g1xbob": 4}, 0, 1, 2)
    assert [(one.shown, one.topic, one.unread, one.muted) for one in page] == [
        ("@Bob", "", 0, True),
        ("#lab", "about #lab", 0, False),
    ]
    assert total == 4
    page, total = of_guest(log, ["r1", "r2"], 0, 9)
    assert [(one.shown, one.seq, one.unread) for one in page] == [("#lab", 2, 0), ("#ops", 1, 0)]


def test_of_very_many_the_newest_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_list, "CONVERSATIONS", 2)
    entries = [entry(seq, conv, None, own=False) for seq, conv in enumerate(["r1", "r2", "p1x2"], 1)]
    page, total = of_account(log_with(entries, {}, {}), 1, {}, 0, 0, 9)
    assert [one.shown for one in page] == ["@bob", "#lab"]
    assert total == 2


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE members SET read = x'ff00', since = 'x', muted = 'maybe' WHERE conv = 'r1'",
        "UPDATE members SET conv = x'ff00' WHERE conv = 'r1'",
        "UPDATE kept SET ts = x'ff', author = 'x', name = x'ff00', target = x'ff'",
        "UPDATE kept SET ts = 9223372036854775807",
        "UPDATE accounts SET name = x'ff' WHERE id = 2",
        "UPDATE rooms SET name = x'', topic = x'ff'",
        "UPDATE mentions SET seq = 'x'",
    ],
)
def test_what_a_disk_damaged_is_shown_as_well_as_it_can_be(damage: str) -> None:
    entries = [entry(seq, conv, None, own=False) for seq, conv in enumerate(CONVS, 1)]
    log = log_with(entries, {}, {})
    log.execute(damage)
    page, _ = of_account(log, 1, {}, 0, 0, 99)
    assert len(page) >= 2
    assert all(isinstance(one.unread + one.mentions + one.seq + one.read + (one.ts or 0), int) for one in page)
