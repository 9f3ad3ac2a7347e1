"""Modes: the rules of rooms, and the ranks that people have in them, as IRC writes them in letters (RFC 2812, 3.2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lanchat.model.room import Room
from lanchat.model.room_rules import RANKS, Rank


class Rule(NamedTuple):
    """A rule of the core (docs/protocol.md, "Ranks and rules"), and what turns it on and off."""

    name: str
    on: str = "on"
    off: str = "off"


#: The rules by their letters. Those with a parameter have it as their value.
KEY, LIMIT = "k", "l"
RULES = {
    "R": Rule("accounts"),
    "i": Rule("invited"),
    "k": Rule("key"),
    "l": Rule("limit"),
    "m": Rule("moderated"),
    "s": Rule("secret"),
    "t": Rule("topic", "operators", "anyone"),
}
#: Only those in a room may write to it. That is so in all rooms, and can't be changed.
NO_EXTERNAL = "n"
#: What stands for a key that is not told.
HIDDEN_KEY = "*"
_LETTERS = {rule.name: letter for letter, rule in RULES.items()}
#: The letters of ranks. Clients with `multi-prefix` know all that a rank implies, and others the highest.
_HIGHEST = {Rank.OWNER: "o", Rank.OPERATOR: "o", Rank.VOICED: "v", Rank.NONE: ""}
_ALL = {Rank.OWNER: "ov", Rank.OPERATOR: "ov", Rank.VOICED: "v", Rank.NONE: ""}
#: How they are shown before names.
_SIGNS = {"o": "@", "v": "+"}


class Change(NamedTuple):
    """A change of a mode: `+` or `-`, a letter, and its parameter; "" if it has none."""

    sign: str
    letter: str
    parameter: str = ""


def rank_letters(rank: Rank, multi: bool) -> str:
    """The letters of a rank; all of them for clients that know several (`multi`)."""
    return (_ALL if multi else _HIGHEST)[rank]


#: What stands before the names of people with each rank, by whether the client knows several.
PREFIXES = {
    multi: {rank: "".join(map(_SIGNS.__getitem__, rank_letters(rank, multi))) for rank in Rank} for multi in (False, True)
}


def rank_changes(name: str, before: str | None, after: str | None, multi: bool) -> list[Change]:
    """The changes that tell of another rank, given the words for both (None: no rank). They may be none."""
    old, new = (rank_letters(RANKS.get(word or "none", Rank.NONE), multi) for word in (before, after))
    lost = [Change("-", letter, name) for letter in old if letter not in new]
    return lost + [Change("+", letter, name) for letter in new if letter not in old]


def rule_changes(told: str, key: str = HIDDEN_KEY) -> list[Change]:
    """The changes in the text of an event, such as "moderated on, key on, limit 20". Rules without a letter are left out.

    `key` is written for the key, which events do not tell.
    """
    found = []
    for change in told.split(", "):
        name, _, value = change.partition(" ")
        if (letter := _LETTERS.get(name)) is None:
            continue
        sign = "-" if value == RULES[letter].off else "+"
        parameter = key if letter == KEY else value if letter == LIMIT and sign == "+" else ""
        found.append(Change(sign, letter, parameter))
    return found


def room_modes(room: Room, with_key: bool) -> list[str]:
    """All modes of a room: the letters, and their parameters. Not everybody may know the key."""
    rules = room.rules
    is_on = {
        "R": rules.accounts_only,
        "i": room.private,
        "k": bool(rules.key),
        "l": bool(rules.limit),
        "m": rules.moderated,
        NO_EXTERNAL: True,
        "s": rules.secret,
        "t": rules.topic_by_operators,
    }
    letters = "".join(letter for letter, on in is_on.items() if on)
    key = [rules.key if with_key else HIDDEN_KEY] if rules.key else []
    return [f"+{letters}", *key, *([str(rules.limit)] if rules.limit else [])]


def written(changes: Iterable[Change]) -> list[str]:
    """Changes as the parameters of a MODE line after its target: `+o-v ann bob`."""
    letters, sign, parameters = "", "", []
    for change in changes:
        if change.sign != sign:
            letters, sign = letters + change.sign, change.sign
        letters += change.letter
        if change.parameter:
            parameters.append(change.parameter)
    return [letters, *parameters]
