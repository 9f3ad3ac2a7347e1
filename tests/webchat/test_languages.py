"""The texts of the chat page: every language has all of them, and the modules use no other."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lanchat.webchat.files import STATIC

LANGUAGES = json.loads((STATIC / "lang" / "index.json").read_text())
#: The categories of plural forms of each language (CLDR 48) that numbers without decimals have.
PLURALS = {
    "en": {"one", "other"},
    "de": {"one", "other"},
    "it": {"one", "many", "other"},
    "es": {"one", "many", "other"},
    "fr": {"one", "many", "other"},
}
#: Matches a text between quotes, and the start of one in backquotes up to its first value.
_TEXT = re.compile(r'"([a-z]+(?:\.\w+)+)"')
_BEGINNING = re.compile(r"`([a-z]+\.[\w.]*)\$\{")


def texts(code: str) -> dict[str, Any]:
    """The file of a language."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(pairs) == len(dict(pairs)), f"a text is there twice in {code}.json"
        return dict(pairs)

    found: dict[str, Any] = json.loads((STATIC / "lang" / f"{code}.json").read_text(), object_pairs_hook=unique)
    return found


def forms(text: str | dict[str, str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def places(text: str | dict[str, str]) -> set[str]:
    return {name for form in forms(text) for name in re.findall(r"\{(\w+)\}", form)}


def source() -> str:
    return "".join(path.read_text() for path in sorted(STATIC.rglob("*.js")))


def test_there_is_a_file_for_each_language_that_can_be_chosen() -> None:
    assert set(LANGUAGES) == {path.stem for path in (STATIC / "lang").glob("*.json")} - {"index"}


@pytest.mark.parametrize("code", sorted(set(LANGUAGES) - {"en"}))
def test_a_language_has_all_texts_with_the_same_values(code: str) -> None:
    english, other = texts("en"), texts(code)
    assert list(other) == list(english), "the same texts, in the same order"
    assert {key: places(text) for key, text in other.items()} == {key: places(text) for key, text in english.items()}
    assert {key for key in english if isinstance(english[key], dict)} == {key for key in other if isinstance(other[key], dict)}


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_texts_are_whole(code: str) -> None:
    for key, text in texts(code).items():
        assert all(form.strip() == form != "" for form in forms(text)), key
        if isinstance(text, dict):
            assert "other" in text, key
            assert set(text) <= PLURALS.get(code, set(text)), key


def test_the_modules_use_all_texts_and_no_others() -> None:
    english, modules = set(texts("en")), source()
    groups = {key.split(".")[0] for key in english}
    used = {key for key in _TEXT.findall(modules) if key.split(".")[0] in groups}
    beginnings = {found for found in _BEGINNING.findall(modules) if found.split(".")[0] in groups}
    assert used <= english, "texts that are not in en.json"
    unused = {key for key in english - used if not any(key.startswith(beginning) for beginning in beginnings)}
    assert not unused, "texts that no module uses"
    for beginning in beginnings:
        assert any(key.startswith(beginning) for key in english), beginning
