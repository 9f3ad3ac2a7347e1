"""Whom a line is for that names nobody: before and after the server says whether it has a lobby."""

from __future__ import annotations

import pytest

from lanchat.protocol.typed_lines import TypedLine, UnclearLine, parse
from lanchat.terminal.target import Target


class Told(Target):
    """A target that remembers what it told the user."""

    def __init__(self, name: str = "Everyone", lobby_first: bool = True) -> None:
        self.told: list[str] = []
        super().__init__(name, lobby_first, self.told.append)


def completed(target: Target, line: str) -> TypedLine | None:
    """What becomes of a typed line."""
    return target.complete(parse(line))


@pytest.mark.parametrize(
    ("lobby", "first"), [("#hall", "#hall"), (None, "Everyone"), ("hall", "Everyone"), ("#a b", "Everyone")]
)
def test_lines_that_are_typed_before_the_welcome_wait_for_it_and_go_to_the_first_target(lobby: str | None, first: str) -> None:
    target = Told()
    assert not target.is_known
    assert (completed(target, "good morning"), completed(target, "/me waves")) == (None, None)
    assert completed(target, "@bob lunch?") == TypedLine("bob", "lunch?")
    target.choose("bob")
    assert completed(target, "to one") == TypedLine("bob", "to one")
    assert target.welcomed(lobby, stores=True) == [TypedLine(first, "good morning"), TypedLine("/me", f"{first} waves")]
    assert target.name == "bob"
    assert target.welcomed(lobby, stores=True) == []


def test_a_line_that_says_nothing_does_not_wait() -> None:
    target = Told()
    with pytest.raises(UnclearLine):
        completed(target, "/me ")
    assert target.welcomed("#hall", stores=True) == []


def test_another_welcome_does_not_change_the_target() -> None:
    target = Told()
    target.welcomed("#hall", stores=True)
    assert (target.is_known, target.name) == (True, "#hall")
    target.choose("bob")
    target.welcomed("#hall", stores=True)
    assert target.name == "bob"
    target.choose("")
    target.welcomed("#hall", stores=True)
    assert target.name == "Everyone"


def test_a_target_that_the_user_names_is_the_first_one() -> None:
    target = Told("Everyone", lobby_first=False)
    assert completed(target, "hi") == TypedLine("Everyone", "hi")
    target.welcomed("#hall", stores=True)
    assert target.name == "Everyone"


def test_who_speaks_to_everyone_is_told_once_that_it_is_not_stored() -> None:
    target = Told()
    target.welcomed("#hall", stores=True)
    target.said_to("#hall")
    target.said_to("bob")
    target.choose("@bob")
    assert target.told == []
    target.choose("")
    target.said_to("everyone")
    target.welcomed("#hall", stores=True)
    target.choose("")
    assert target.told == ["Messages to everyone are not stored; those to #hall are (/to #hall)."]


@pytest.mark.parametrize(("lobby", "stores"), [(None, True), ("#hall", False)])
def test_nothing_is_told_where_no_lobby_would_store_it(lobby: str | None, stores: bool) -> None:
    target = Told()
    target.welcomed(lobby, stores)
    target.choose("")
    target.said_to("Everyone")
    assert target.told == []
