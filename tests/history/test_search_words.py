"""Words of the world: what is found in each language, and what is not, in a real store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lanchat.history.search import parse_query, search
from lanchat.protocol import word_folding
from tests.live import until
from tests.stores import Desk, entry

SEARCHES = [
    (*line.split("\t"), "")[:5]
    for line in (Path(__file__).parents[1] / "searches.tsv").read_text().splitlines()
    if not line.startswith("#")
]


def written(text: str) -> str:
    """A text of the table, as it is meant."""
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Each message in a room of its own."""
    with Desk(tmp_path_factory.mktemp("data")) as desk:
        desk.say(*(entry(written(said), conv=f"r{number}") for number, (_, said, *_) in enumerate(SEARCHES)))
        until(lambda: desk.ask("SELECT 1 FROM meta WHERE name = 'indexed' AND value = ?", len(SEARCHES)), "the words")
        yield desk


@pytest.mark.parametrize(
    "number", range(len(SEARCHES)), ids=[ascii(f"{language} {typed}") for language, _, typed, *_ in SEARCHES]
)
def test_a_word_is_found_as_people_write_it(desk: Desk, number: int) -> None:
    _, said, typed, found, remark = SEARCHES[number]
    query = parse_query(written(typed), 0)
    page = desk.read(partial(search, query=query, readable=[f"r{number}"]))
    assert [one.msg for one in page.entries] == ([written(said)] if found == "yes" else []), remark


def test_the_table_is_large_enough_to_tell() -> None:
    assert len(SEARCHES) >= 80
    assert len({language for language, *_ in SEARCHES}) >= 15
    assert {found for _, _, _, found, _ in SEARCHES} == {"yes", "no"}


def test_a_long_run_of_marks_is_indexed_as_a_short_one_is() -> None:
    marks = "\u0345" * 4000 + "\u0344" * 4000
    assert word_folding.indexed(f"caf\u00e9 {marks}").split() == ["cafe"]
