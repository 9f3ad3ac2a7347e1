"""Mentions: names that are words of a message, of those who would read it."""

from __future__ import annotations

from lanchat.model.mentions import MOST, WORDS, mentioned
from lanchat.model.names import parse
from lanchat.model.room import Room
from lanchat.model.session import Account, Role

NAMES = ["ann", "bob", "Zoë", "o'brien", "al.b-c", "Γιώργος", "eve"]
ACCOUNTS = {name.key: Account(number, name, Role.USER) for number, name in enumerate(map(parse, NAMES))}


def found(text: str, author: int | None = None) -> list[str]:
    """Whom a text mentions in a room that all but eve are in."""
    room = Room(1, "#ops", None)
    room.members = {account.id: account for account in ACCOUNTS.values() if account.name.shown != "eve"}
    return [NAMES[number] for number in mentioned(text, room, ACCOUNTS, author)]


def test_a_name_is_found_as_a_word_in_any_spelling_with_punctuation_around_it() -> None:
    assert found("bob: ANN (or @zoë?) should look") == ["bob", "ann", "Zoë"]
    assert found("»Zoe\u0308«, Γιώργος! @o\u2019brien... al.b-c.") == ["Zoë", "Γιώργος", "o'brien", "al.b-c"]
    assert found("bobby annoys @annie, e-mail:bob@ann") == []


def test_neither_the_author_nor_who_is_no_member_is_mentioned_and_nobody_twice() -> None:
    assert found("ann, ann and bob, not @eve", author=0) == ["bob"]
    assert found("ann, ann", author=None) == ["ann"]


def test_a_message_can_mention_so_many_in_its_first_words() -> None:
    crowd = {f"user{number}": Account(number, parse(f"user{number}"), Role.USER) for number in range(MOST + 5)}
    room = Room(1, "#ops", None)
    room.members = {account.id: account for account in crowd.values()}
    assert mentioned(" ".join(crowd), room, crowd, None) == tuple(range(MOST))
    assert mentioned(f"{'so ' * WORDS} user1", room, crowd, None) == ()
