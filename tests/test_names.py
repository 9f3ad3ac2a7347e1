"""Names: what may be one, and when two are the same."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lanchat import names
from lanchat.errors import BadName


@pytest.mark.parametrize("text", ["alice", "Bob-2", "a_b.c", "Éric", "вова", "山田たろう", "김철수", "עברית", "x" * 32, "1984"])
def test_people_may_use_the_names_they_have(text: str) -> None:
    assert names.parse(text).shown == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing"),
        ("x" * 33, "longer than 32"),
        ("a b", "Try a_b"),
        ("a\x1bb", "characters"),
        ("\u0958" * 17, "longer than 32"),  # each becomes two in normal form
        ("/list", "Try list"),
        ("#ops", "Try ops"),
        ("...", "no letter"),
        ("Аlice", "mixes scripts"),  # the first letter is Cyrillic
        ("١2", "characters"),  # digits of two systems (and a bidi rule)
        ("x\u200d", "characters"),
        ("\u202ebob", "Try bob"),
        ("server", "reserved"),
        ("GUEST", "reserved"),
        ("everyone", "reserved"),
        ("ꓢꓰꓣꓦꓰꓣ", "reserved"),  # Lisu letters
        ("10.0.0.1", "reserved"),
        ("10.1", "reserved"),
        ("0x7F.1", "reserved"),
    ],
)
def test_what_is_no_name_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(BadName, match=why):
        names.parse(text)


def test_white_space_round_a_name_is_dropped() -> None:
    assert names.parse("  alice\r").shown == "alice"


def test_full_width_letters_are_the_letters() -> None:
    assert names.parse("Ａlice").shown == "Alice"


def test_looking_up_what_is_no_name_finds_nothing() -> None:
    assert names.key("\u202eéa b") == "\u202eéa b"


def test_long_texts_are_no_names_and_take_no_time_and_no_memory() -> None:
    hard = "\u30fb" * 20_000 + "\u3042"  # PRECIS looks through the whole of it for each character
    assert names.key(hard) == hard
    before = names._key.cache_info().currsize
    assert names.key("é" * 200) == "é" * 200
    assert names._key.cache_info().currsize == before
    assert names.key("e\u0301" * 32) == "é" * 32


def test_case_does_not_make_a_difference() -> None:
    assert names.key("ALICE") == names.parse("alice").key
    assert names.key("ВОВА") == names.parse("вова").key


def test_a_name_in_another_script_looks_like_its_double_in_any_case() -> None:
    assert set(names.parse("ВОВА").looks) & set(names.parse("boba").looks)
    assert set(names.parse("ѕсоре").looks) & set(names.parse("scope").looks)
    assert not set(names.parse("вова").looks) & set(names.parse("alice").looks)


def test_sequences_that_look_like_one_letter_have_its_skeleton() -> None:
    assert names.skeleton("rn") == names.skeleton("m")


@given(st.text(max_size=40))
def test_whatever_is_accepted_is_accepted_again_as_it_is_shown(text: str) -> None:
    try:
        name = names.parse(text)
    except BadName as error:
        assert len(str(error)) < 200
        return
    assert names.parse(name.shown) == name
    assert names.key(name.shown) == name.key
    assert len(name.shown) <= names.MAX_NAME
    assert name.shown.isprintable()


@given(st.text(alphabet="abcßçñШяあ漢한١۱-_. \u202e", max_size=40))
def test_what_is_suggested_would_do(text: str) -> None:
    try:
        names.parse(text)
    except BadName as error:
        _, tried, suggestion = str(error).rpartition(" Try ")
        if tried:
            assert names.parse(suggestion.removesuffix("."))
