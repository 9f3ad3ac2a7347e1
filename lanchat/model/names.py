"""Decides what may be a user's name, and whether two names are the same or look the same (docs/protocol.md, "Opening").

Names are compared by their key, which all spellings of a name share (`lanchat.protocol.spelling`). Which characters a name may
have is in `lanchat.model.orthography`. A name in another script that looks like a taken one is found with the confusables of
Unicode's UTS 39.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from confusable_homoglyphs import confusables

from lanchat.model import orthography
from lanchat.model.orthography import MAX_NAME
from lanchat.protocol.errors import BadName
from lanchat.protocol.spelling import INVISIBLE, MAX_SPELLING, key, without_invisible

__all__ = (
    "MAX_NAME",
    "RESERVED",
    "ROLES",
    "Name",
    "are_confusable",
    "check_guest",
    "is_valid",
    "key",
    "parse",
    "skeleton",
    "skeletons",
    "stored_name",
    "suggestions",
)

#: Names that nobody can have: the server uses them, and "you" is what the client calls its own user.
RESERVED = ("SERVER", "Guest", "Everyone", "you")
#: Names that suggest authority: guests can't have them, administrators can create accounts with them.
ROLES = ("admin", "administrator", "moderator", "operator", "root", "sysadmin", "system")

#: What is said to somebody whose name has characters that are not allowed, if no other name can be derived from it.
RULE = f"Use up to {MAX_NAME} letters and digits of one script, '-', '_' and '.'."

#: Names in plain ASCII, as most are: they need no further check but the length.
_PLAIN = re.compile(r"[-_.]*[A-Za-z0-9][-_.A-Za-z0-9]*")

_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+", re.IGNORECASE)


class Name(NamedTuple):
    """A valid name.

    `shown` is its spelling as shown to people, `key` is for comparing, `skeletons` are what its spellings look like (UTS 39).
    """

    shown: str
    key: str
    skeletons: tuple[str, ...]


def parse(text: str, is_free: Callable[[str], bool] = lambda hint: True) -> Name:
    """Check the name that a client asked for; raises `BadName`, which names the broken rule and, where it can, a valid name.

    Of the valid names that are like it, `is_free` says which would be accepted, for example as nobody has them.
    """
    text = text.strip()
    if not text:
        raise BadName("Your name is missing: send it first, alone on a line.")
    if _PLAIN.fullmatch(text) and len(text) <= MAX_NAME:
        name = _name(text, text.lower())
    else:
        shown = orthography.as_shown(text[: MAX_SPELLING + 1])  # (accents may be separate characters)
        if fault := orthography.fault(shown):
            raise _bad(fault, _hints(shown), is_free)
        name = _name(shown, key(shown))
    if fault := _reserved(name):
        raise _bad(fault, [f"{name.shown}_1"] if name.key in _RESERVED_KEYS else [name.shown.replace(".", "-")], is_free, "")
    return name


def check_guest(name: Name) -> None:
    """Raise `BadName` if only accounts may have this name, as others would think that a guest with it runs the server."""
    if not _ROLE_SKELETONS.isdisjoint(name.skeletons):
        raise BadName(
            f"The name {name.shown} is reserved for the people who run this server, or looks like such a name. Choose another."
        )


def stored_name(shown: str, key: str) -> Name:
    """The `Name` of a stored account or room, with its stored key. It is not checked: today's rules may be stricter."""
    return _name(shown, key)


def suggestions(name: Name) -> list[str]:
    """Up to ten names like this one, to offer when it is taken."""
    return [f"{name.shown[: MAX_NAME - len(str(n))]}{n}" for n in range(2, 12)]


def skeletons(spellings: set[str]) -> tuple[str, ...]:
    """The skeletons (UTS 39) of the spellings of one name, in lower case and without duplicates."""
    return tuple({skeleton(spelling).lower() for spelling in spellings})


def are_confusable(one: Name, other: Name) -> bool:
    """Whether people may confuse two names. Two names in ASCII are confusable only if they differ in nothing but case.

    So `bill` and `bi11` are different names.
    """
    if one.key == other.key:
        return True
    return not (one.shown.isascii() and other.shown.isascii()) and not set(one.skeletons).isdisjoint(other.skeletons)


def skeleton(text: str) -> str:
    """The skeleton of a text: equal for two texts that look alike (UTS 39, section 4)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).translate(_prototypes()))


def _reserved(name: Name) -> str:
    """Why nobody can have a name that breaks no other rule, as the end of a sentence; "" if it is not reserved."""
    if _is_like_address(name.shown):
        return "is reserved because it looks like an IP address"
    if name.key in _RESERVED_KEYS:
        return "is reserved"
    if not name.shown.isascii() and not _RESERVED_SKELETONS.isdisjoint(name.skeletons):
        return "is reserved because it looks like one that lanchat uses itself"
    return ""


def _is_like_address(shown: str) -> bool:
    """Whether a name reads as an IP address, in any digits, and also as inet_aton(3) reads it (`10.1`, `0x7f.1`)."""
    if "." not in shown:  # no name can have the colons of IPv6
        return False
    return all(map(_NUMBER.fullmatch, orthography.with_ascii_digits(shown).split(".")))


def _bad(fault: str, hints: Iterable[str], is_free: Callable[[str], bool], rule: str = RULE) -> BadName:
    """The error for a name, with a free one as a hint if one can be derived from it, else with the rule that was broken."""
    valid = next(filter(is_valid, hints), "")
    free = filter(is_free, [valid, *suggestions(_name(valid, key(valid)))] if valid else ())
    hint = next(filter(is_valid, free), "")
    return BadName(f"The name you asked for {fault}. {f'Try {hint}.' if hint else rule or 'Choose another.'}")


def _hints(shown: str) -> Iterator[str]:
    """Names derived from a wrong one, the most similar first; they need not be valid."""
    yield shown.replace("'", "\u05f3")  # a Hebrew geresh, which most keyboards lack
    tidy = orthography.without_disallowed(shown)[:MAX_NAME]
    yield tidy
    yield (bare := without_invisible(tidy))
    yield (plain := orthography.with_ascii_digits(bare))
    yield orthography.with_hyphens(plain)
    yield _in_latin(plain)
    yield (one := orthography.in_one_script(plain))
    yield (turned := orthography.digits_to_end(one))
    yield orthography.with_hyphens(turned)


def _in_latin(name: str) -> str:
    """The name with each letter replaced by the ASCII letter that it looks like; "" if one looks like none."""
    letters = [c if c.isascii() else _prototypes().get(ord(c), c) for c in name]
    return "".join(letters) if all(a == b or (a.isascii() and a.isalpha()) for a, b in zip(letters, name, strict=True)) else ""


def is_valid(text: str) -> bool:
    """Whether a text is a valid name in the spelling that is shown."""
    return (
        0 < len(text) <= MAX_NAME
        and orthography.as_shown(text) == text
        and not orthography.fault(text)
        and not _reserved(_name(text, key(text)))
    )


def _name(shown: str, mapped: str) -> Name:
    return Name(shown, mapped, skeletons({shown, mapped}))


@functools.cache
def _prototypes() -> dict[int, str]:
    """A table for `str.translate` that replaces each confusable character by the prototype of its group (UTS 39).

    The library lists pairs in both directions. A group is a star around its prototype, which is the member with the most
    neighbours; in a pair either will do, but a sequence such as "rn" must be chosen.
    """
    data: dict[str, set[str]] = {}
    for text, others in confusables.confusables_data.items():
        data.setdefault(_without_direction_marks(text), set()).update(_without_direction_marks(other["c"]) for other in others)
    found = {
        char: max([char, *others], key=lambda member: (len(data[member]), len(member), member))
        for char, others in data.items()
        if len(char) == 1
    }

    def settled(text: str) -> str:
        """Replace a prototype's own confusable characters until nothing changes."""
        spelt = "".join(found.get(char, char) for char in unicodedata.normalize("NFD", text))
        return text if spelt == text else settled(spelt)

    return {ord(char): settled(prototype) for char, prototype in found.items()} | INVISIBLE


def _without_direction_marks(text: str) -> str:
    """A text of the library's data without the direction marks around characters that are written from right to left."""
    return text.replace("\u200e", "")


_RESERVED_KEYS = frozenset(key(name) for name in RESERVED)
_RESERVED_SKELETONS = frozenset(skeleton(form).lower() for name in RESERVED for form in (name, key(name)))
_ROLE_SKELETONS = frozenset(skeleton(form).lower() for name in ROLES for form in (name, name.upper(), name.title()))
