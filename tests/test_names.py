"""Names: what may be one, and when two are the same."""

from __future__ import annotations

import unicodedata

import pytest
from confusable_homoglyphs import confusables
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


def test_letters_written_from_right_to_left_have_look_alikes_too() -> None:
    """The library writes each of them between two marks of direction."""
    pairs = [
        (char.strip("\u200e"), other["c"].replace("\u200e", ""))
        for char, others in confusables.confusables_data.items()
        if len(char.strip("\u200e")) == 1 and unicodedata.bidirectional(char.strip("\u200e")) in {"R", "AL", "AN"}
        for other in others
    ]
    assert len({char for char, _ in pairs}) > 1000
    for char, other in pairs:
        assert ord(char) in names._prototypes()
        if all(unicodedata.is_normalized("NFD", text) for text in (char, other)):  # UTS 39 compares what is decomposed
            assert names.skeleton(char) == names.skeleton(other), (char, other)


def test_what_looks_alike_looks_the_same_whatever_it_is_spelt_with() -> None:
    """A prototype may itself be spelt with characters that have another."""
    for char, others in confusables.confusables_data.items():
        for other in (other["c"] for other in others):
            one, two = (text.replace("\u200e", "") for text in (char, other))
            if unicodedata.is_normalized("NFD", one) and unicodedata.is_normalized("NFD", two):
                assert names.skeleton(one) == names.skeleton(two), (one, two)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0645\u0644\u0643", "\u0645\u0644\u06a9"),  # Malik, with the kaf of an Arabic and of a Persian keyboard
        ("\u0639\u0644\u064a", "\u0639\u0644\u06cc"),  # Ali, with either yeh
        (
            "\u05d9\u05e8\u05d5",
            "\u05d9\u05e8\u05df",
        ),  # vav and final nun: to UTS 39 both look like l
    ],
)
def test_names_written_on_another_keyboard_are_alike(one: str, other: str) -> None:
    assert names.alike(names.parse(one), names.parse(other))


def test_within_ascii_only_case_makes_no_difference() -> None:
    assert names.alike(names.parse("Bill"), names.parse("bILL"))
    assert not names.alike(names.parse("bill"), names.parse("bi11"))


@pytest.mark.parametrize("text", ["\u3042" * 34, "\u4e00" * 128, "\uff76\uff9e" * 34, "a\u0301" * 34])
def test_precis_is_not_asked_about_what_is_longer_than_a_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_key", None)
    assert names.key(text) == text


@given(st.text(max_size=40))
def test_every_name_is_found_in_every_spelling_of_it(text: str) -> None:
    try:
        name = names.parse(text)
    except BadName:
        return
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert names.key(unicodedata.normalize(form, name.shown)) == name.key
        assert names.key(unicodedata.normalize(form, f"#{name.shown}")) == f"#{name.key}"
