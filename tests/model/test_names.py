"""Names: what may be one, and when two are the same."""

from __future__ import annotations

import unicodedata

import pytest
from confusable_homoglyphs import confusables
from hypothesis import given, strategies as st

from lanchat.model import names, orthography
from lanchat.protocol import spelling
from lanchat.protocol.errors import BadName
from lanchat.protocol.packet import is_visible
from tests.worldwide import PEOPLE, REFUSED, spellings


@pytest.mark.parametrize("text", ["alice", "Bob-2", "a_b.c", "x" * 32, "1984", *PEOPLE])
def test_people_may_use_the_names_they_have(text: str) -> None:
    assert names.parse(text).shown == text
    assert len({spelling.key(form) for form in spellings(text)}) == 1


def test_the_names_of_the_table_are_of_all_the_world_and_no_two_are_one() -> None:
    scripts = set().union(*(orthography.scripts(name) for name in PEOPLE))
    assert len(PEOPLE) >= 150
    assert len(scripts) >= 30
    assert len({spelling.key(name) for name in PEOPLE}) == len(PEOPLE)


@pytest.mark.parametrize(("text", "reason", "hint"), REFUSED)
def test_what_is_no_name_is_refused_with_its_reason(text: str, reason: str, hint: str) -> None:
    with pytest.raises(BadName) as refused:
        names.parse(text)
    told, _, tried = str(refused.value).partition(" Try ")
    assert told.startswith(f"The name you asked for {reason}.")
    assert tried.removesuffix(".") == hint
    assert not hint or names.parse(hint)


@pytest.mark.parametrize("text", ["10.1.1.1", "ʏᴏᴜ", "you"])
def test_who_keeps_to_the_rule_of_characters_is_not_told_that_rule(text: str) -> None:
    with pytest.raises(BadName) as refused:
        names.parse(text)
    assert "Use up to" not in str(refused.value)


def test_a_missing_name_is_asked_for() -> None:
    with pytest.raises(BadName, match="missing"):
        names.parse(" ")


def test_accents_may_be_typed_as_characters_of_their_own() -> None:
    assert names.parse("e\u0301" * 32).shown == "é" * 32
    for text in ("e\u0301" * 33, "\u0958" * 17):  # (each of these becomes two in normal form)
        with pytest.raises(BadName, match="longer than 32"):
            names.parse(text)


@pytest.mark.parametrize("text", ["admin", "Operator", "ROOT", "аdmіn", "r00t", "аdmin".replace("d", "ԁ"), "Аdmin"])
def test_only_accounts_may_have_names_of_those_who_run_a_server(text: str) -> None:
    name = names.stored_name(text, spelling.key(text))
    with pytest.raises(BadName, match="reserved for the people who run"):
        names.check_guest(name)


@pytest.mark.parametrize("text", ["adam", "rooter", "operators", "админ"])
def test_other_names_are_no_roles(text: str) -> None:
    names.check_guest(names.parse(text))


def test_white_space_round_a_name_is_dropped() -> None:
    assert names.parse("  alice\r").shown == "alice"


def test_full_width_letters_are_the_letters() -> None:
    assert names.parse("Ａlice").shown == "Alice"


def test_a_name_in_another_script_looks_like_its_double_in_any_case() -> None:
    assert set(names.parse("ВОВА").skeletons) & set(names.parse("boba").skeletons)
    assert set(names.parse("ѕсоре").skeletons) & set(names.parse("scope").skeletons)
    assert not set(names.parse("вова").skeletons) & set(names.parse("alice").skeletons)


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
    assert is_visible(name.shown)


@given(st.text(alphabet="abcßçñШяあ漢한عא١۱-_. '·\u200d\u202e\u0301", max_size=40))
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
    assert names.are_confusable(names.parse(one), names.parse(other))


def test_within_ascii_only_case_makes_no_difference() -> None:
    assert names.are_confusable(names.parse("Bill"), names.parse("bILL"))
    assert not names.are_confusable(names.parse("bill"), names.parse("bi11"))


@given(st.text(max_size=40))
def test_every_name_is_found_in_every_spelling_of_it(text: str) -> None:
    try:
        name = names.parse(text)
    except BadName:
        return
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert names.key(unicodedata.normalize(form, name.shown)) == name.key
        assert names.key(unicodedata.normalize(form, f"#{name.shown}")) == f"#{name.key}"
