"""Snippets: the text around what was found, cut between words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from lanchat.history.search import parse_query, search
from lanchat.history.snippets import MOST, snippet
from tests.fakes import User, log_in, make_router
from tests.history.test_pages import index
from tests.memory_log import log_of, said

FAR = "lorem ipsum dolor sit amet " * 20


@pytest.mark.parametrize(
    ("before", "found", "after", "typed"),
    [
        (FAR, "pump", FAR, ["Pump"]),
        (FAR, "pump", "", ["pump"]),
        ("", "pump", FAR, ["pump"]),
        (FAR, "Müller's", FAR, ["mueller"]),
        (FAR, "e-mail", FAR, ["e-mail"]),
        (FAR, "дон’т", FAR, ["ДОНТ"]),
        ("漢字" * 200, "東京", "漢字" * 200, ["東京"]),
        (FAR, "दान", FAR, ["दान"]),
        (FAR, "pump", "valve " + FAR, ["valve", "pump"]),
        (FAR + "pumps " * 30, "(pump)", FAR, ["pump"]),
        (FAR, "🚰", FAR, ["🚰"]),
    ],
)
def test_a_snippet_is_around_the_first_word_that_was_found(before: str, found: str, after: str, typed: list[str]) -> None:
    text = f"{before}{found} {after}".strip()
    shown = snippet(text, typed)
    bare = shown.removeprefix("...").removesuffix("...")
    assert found in bare
    assert bare.index(found) <= 40 or text.endswith(bare)
    assert MOST - 30 <= len(bare) <= MOST
    assert (shown.startswith("..."), shown.endswith("...")) == (bool(before), bool(after))
    assert f" {bare} " in f" {text} " or "漢" in text


@given(st.text(max_size=400), st.lists(st.text(max_size=9), max_size=3))
def test_a_snippet_of_any_text_is_a_piece_of_it(text: str, typed: list[str]) -> None:
    shown = snippet(text, typed)
    bare = shown[3 * shown.startswith("...") :]
    bare = bare[: len(bare) - 3 * bare.endswith("...")]
    assert bare in " ".join(text.split())
    assert len(shown) <= MOST + 6


@given(st.lists(st.sampled_from(["pump", "the", "é", "l'homme", "東京", "-", "x" * 130, "\n"]), max_size=60).map(" ".join))
def test_what_a_search_finds_is_in_the_snippet(text: str) -> None:
    connection = log_of([said(1, "r1", text)])
    for typed in ("PUMP", "homme", "京"):
        for entry in search(connection, parse_query(typed, 0), ["r1"]).entries:
            assert typed.lower() in snippet(entry.msg, [typed])


@pytest.mark.parametrize("text", ["漢" * 5000, "é " * 5000, "x" * 16_000, "a'" * 8000, "́" * 8000])
def test_the_longest_text_takes_no_long_time(text: str) -> None:
    began = time.process_time()
    snippet(text, ["pump", "東京", "l'homme"])
    assert time.process_time() - began < 0.2


def test_programs_are_told_a_snippet_and_people_the_whole_text() -> None:
    router, clock = make_router()
    router.chat.limits.set("packets", "off")
    ann = User(router, "ann").register()
    for word in ("pump", "valve"):
        ann.send("ann", f"{FAR}{word} {FAR}")
        clock.advance(60)
    ann.shown()
    index(router)
    ann.send("/search", "pump")
    assert f"{FAR}pump {FAR}" in ann.told().msg
    phone = log_in(router, "ann", "id", dev="phone")
    phone.shown()
    phone.send("/search", "amet", cid="c")
    assert ["snippet" in x for x in phone.xs()] == [True, True, False]
    for before in ("1m", "e1.2", 2):
        phone.send("/search", "amet", cid="c", before=before)
        hit, end = phone.xs()
        assert (hit["seq"], hit["snippet"], end["n"]) == (1, snippet(FAR, []), 1)
        ann.shown()
        ann.send("/search", f"amet before:{before}")
        assert "pump" in ann.told().msg


def test_a_packet_stays_within_its_limit_without_its_snippet() -> None:
    router, _ = make_router()
    ann = User(router, "ann").register()
    text = "pump" + (" " + "\x01" * 9) * 1180
    ann.send("ann", text)
    ann.shown()
    index(router)
    phone = log_in(router, "ann", "id", dev="phone")
    phone.shown()
    phone.send("/search", "pump", cid="c")
    hit, _ = phone.shown()
    assert hit.msg == text
    assert hit.x is not None
    assert hit.x.snippet is None
    assert len(hit.line) <= 65_537
