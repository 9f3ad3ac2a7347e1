"""What became of messages, as pages show it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lanchat.history.changes import MOST_REACTIONS, changed_before, fold, original
from lanchat.history.pages import page
from lanchat.protocol.entry import EDIT, REACT, WITHDRAW, Entry
from tests.stores import NOW, Desk, entry


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path) as desk:
        yield desk


def shown(desk: Desk) -> list[tuple[Any, ...]]:
    def read(connection: Any) -> list[Entry]:
        return fold(connection, page(connection, ["r1"]).entries)

    return [(one.msg, one.edited, one.reactions) for one in desk.read(read)]


def test_a_page_has_the_newest_texts_and_reactions(desk: Desk) -> None:
    desk.say(entry("one"), entry("two"), entry("three"), entry("four"))
    desk.say(
        entry("uno", kind=EDIT, about=1, ts=NOW + 1), entry("eins", kind=EDIT, about=1, ts=NOW + 2),
        entry("!", kind=REACT, about=2), entry("?", kind=REACT, about=2, author=2, name="bob"),
        entry("!", kind=REACT, about=2, author=3, name="cat"), entry("+", kind=REACT, about=2),
        entry("+", kind=REACT, about=3), entry("", kind=REACT, about=3), entry("", kind=WITHDRAW, about=4),
    )  # fmt: skip
    assert shown(desk) == [
        ("eins", NOW + 2, None),
        ("two", None, {"?": ["bob"], "!": ["cat"], "+": ["alice"]}),
        ("three", None, None),
    ]


def test_so_many_reactions_are_shown_and_no_more(desk: Desk) -> None:
    desk.say(entry("one"), *(entry("!", kind=REACT, about=1, author=n, name=f"user{n}") for n in range(MOST_REACTIONS + 5)))
    ((_, _, reactions),) = shown(desk)
    assert reactions == {"!": [f"user{n}" for n in range(MOST_REACTIONS)]}


def test_a_damaged_edit_is_not_shown(desk: Desk) -> None:
    desk.say(entry("one"), entry("uno", kind=EDIT, about=1))
    desk.write(lambda c: c.execute("UPDATE fresh SET msg = 'xxx' WHERE seq = 2") and None)
    assert shown(desk) == [("one", None, None)]


def test_an_original_is_what_is_said_and_not_withdrawn(desk: Desk) -> None:
    desk.say(entry("one", "1"), entry("uno", "2", kind=EDIT, about=1), entry("{}", kind="event", about=0), entry("two", "3"))
    desk.say(entry("!", kind=REACT, about=1), entry("!", kind=REACT, about=1, author=2), entry("", kind=WITHDRAW, about=4))
    found = desk.read(lambda c: original(c, 1, 1))
    assert found is not None
    assert (found.entry.msg, found.changes) == ("uno", 2)
    assert [desk.read(partial(original, seq=seq, author=1)) for seq in (2, 3, 4, 5, 99)] == [None] * 5
    assert desk.read(lambda c: changed_before(c, 1, "2", EDIT, NOW)) == 1
    assert desk.read(lambda c: changed_before(c, 1, "2", REACT, NOW)) is None
    assert desk.read(lambda c: changed_before(c, 1, "2", EDIT, NOW + 1)) is None
