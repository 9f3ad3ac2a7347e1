"""What a user's name may be, and when two names are the same (docs/protocol.md, "Opening").

Names are compared by their key, which is the same for all spellings of one (`lanchat.protocol.spelling`). What may be in a name
is in `lanchat.protocol.orthography`. The confusables of Unicode's UTS 39 catch a name in another script that looks like one
already taken.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from confusable_homoglyphs import confusables

from lanchat.protocol import orthography
from lanchat.protocol.errors import BadName
from lanchat.protocol.orthography import MAX_NAME
from lanchat.protocol.spelling import INVISIBLE, MAX_SPELLING, key, without_invisible

__all__ = (
    "MAX_NAME",
    "RESERVED",
    "ROLES",
    "Name",
    "alike",
    "check_guest",
    "key",
    "looks",
    "may_be",
    "parse",
    "skeleton",
    "stored",
    "suggestions",
)

#: Names that the server uses itself, and what the client calls whoever sits at it.
RESERVED = ("SERVER", "Guest", "Everyone", "you")
#: Names that say that somebody runs the server: a guest can't have them, the administrator may make accounts of them.
ROLES = ("admin", "administrator", "moderator", "operator", "root", "sysadmin", "system")

#: Most names: nothing in them has to be looked at, or is to be refused.
_PLAIN = re.compile(r"[-_.]*[A-Za-z0-9][-_.A-Za-z0-9]*")

_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+", re.IGNORECASE)


class Name(NamedTuple):
    """A name that passed the rules: `shown` to people, `key` for comparing, `looks` for what it may be mistaken for."""

    shown: str
    key: str
    looks: tuple[str, ...]


def parse(text: str) -> Name:
    """Make a `Name` of what a client asked for; raises `BadName`, which tells the rule and, where it can, what would do."""
    text = text.strip()
    if not text:
        raise BadName("A name is missing: the first thing on a connection is your name, on a line of its own.")
    if _PLAIN.fullmatch(text) and len(text) <= MAX_NAME:
        name = _made(text, text.lower())
    else:
        shown = orthography.as_shown(text[: MAX_SPELLING + 1])  # (accents may have been typed as characters of their own)
        if fault := orthography.fault(shown):
            raise _bad(fault, _hints(shown))
        name = _made(shown, key(shown))
    if fault := _reserved(name):
        raise _bad(fault, [f"{name.shown}_1"] if name.key in _RESERVED_KEYS else ())
    return name


def check_guest(name: Name) -> None:
    """Raise `BadName` if only an account may have this name, as others would take a guest for whoever runs the server."""
    if not _ROLE_LOOKS.isdisjoint(name.looks):
        raise BadName(
            f"The name {name.shown} is reserved for those who run this server, or looks as if it was. Choose another name."
        )


def stored(shown: str, kept: str) -> Name:
    """The name of somebody who has it already, with the key under which it is kept; today's rules are not asked."""
    return _made(shown, kept)


def suggestions(name: Name) -> list[str]:
    """A few names like this one, to offer when it is taken."""
    return [f"{name.shown[: MAX_NAME - len(str(n))]}{n}" for n in range(2, 12)]


def looks(spellings: set[str]) -> tuple[str, ...]:
    """What the spellings of one name look like."""
    return tuple({skeleton(spelling).lower() for spelling in spellings})


def alike(one: Name, other: Name) -> bool:
    """Whether a person may take one name for the other. Within ASCII only case makes no difference: `bill` is not `bi11`."""
    if one.key == other.key:
        return True
    return not (one.shown.isascii() and other.shown.isascii()) and not set(one.looks).isdisjoint(other.looks)


def skeleton(text: str) -> str:
    """What a text looks like: equal for two texts that a person may confuse (UTS 39, section 4)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).translate(_prototypes()))


def _reserved(name: Name) -> str:
    """Why nobody can have a name that breaks no rule, as the end of a sentence about it; empty if anybody can."""
    if _like_address(name.shown):
        return "is reserved, as it looks like an IP address"
    if name.key in _RESERVED_KEYS:
        return "is reserved"
    if not name.shown.isascii() and not _RESERVED_LOOKS.isdisjoint(name.looks):
        return "is reserved, as it looks like one that lanchat uses itself"
    return ""


def _like_address(shown: str) -> bool:
    """Whether this reads as an IP address, in any digits and in the forms of inet_aton(3) too (`10.1`, `0x7f.1`)."""
    if "." not in shown:  # and the colons of IPv6 are in no name
        return False
    return all(map(_NUMBER.fullmatch, orthography.with_ascii_digits(shown).split(".")))


def _bad(fault: str, hints: Iterable[str]) -> BadName:
    """The error for a name, with a name that would do where one can be made of it."""
    hint = next(filter(may_be, hints), "")
    told = f"Try {hint}." if hint else f"A name is up to {MAX_NAME} letters and digits of one script, with '-', '_' and '.'."
    return BadName(f"The name you asked for {fault}. {told}")


def _hints(shown: str) -> Iterator[str]:
    """Names like this one, the most like it first."""
    yield shown.replace("'", "\u05f3")  # a Hebrew geresh, which most keyboards lack
    tidy = orthography.tidied(shown)[:MAX_NAME]
    yield tidy
    yield (bare := without_invisible(tidy))
    yield (plain := orthography.with_ascii_digits(bare))
    yield orthography.with_hyphens(plain)
    yield _in_latin(plain)
    yield (one := orthography.in_one_script(plain))
    yield (turned := orthography.turned(one))
    yield orthography.with_hyphens(turned)


def _in_latin(name: str) -> str:
    """A name with the letters of ASCII that its letters look like; "" if one looks like none."""
    letters = [c if c.isascii() else _prototypes().get(ord(c), c) for c in name]
    return "".join(letters) if all(a == b or (a.isascii() and a.isalpha()) for a, b in zip(letters, name, strict=True)) else ""


def may_be(text: str) -> bool:
    """Whether a text is a name as it stands."""
    return (
        0 < len(text) <= MAX_NAME
        and orthography.as_shown(text) == text
        and not orthography.fault(text)
        and not _reserved(_made(text, key(text)))
    )


def _made(shown: str, mapped: str) -> Name:
    return Name(shown, mapped, looks({shown, mapped}))


@functools.cache
def _prototypes() -> dict[int, str]:
    """Each confusable character, as `str.translate` takes it, and the text that stands for all that look like it.

    The library lists pairs in both directions; a group of look-alikes is a star round its prototype, which is the member
    with the most neighbours (in a pair either will do, but a sequence such as "rn" must be it).
    """
    data: dict[str, set[str]] = {}
    for text, others in confusables.confusables_data.items():
        data.setdefault(_unmarked(text), set()).update(_unmarked(other["c"]) for other in others)
    found = {
        char: max([char, *others], key=lambda member: (len(data[member]), len(member), member))
        for char, others in data.items()
        if len(char) == 1
    }

    def settled(text: str) -> str:
        """A prototype may be spelt with characters that have look-alikes themselves."""
        spelt = "".join(found.get(char, char) for char in unicodedata.normalize("NFD", text))
        return text if spelt == text else settled(spelt)

    return {ord(char): settled(prototype) for char, prototype in found.items()} | INVISIBLE


def _unmarked(text: str) -> str:
    """A text of the library's data. It has a mark of direction before and after each that is written from right to left."""
    return text.replace("\u200e", "")


_RESERVED_KEYS = frozenset(key(name) for name in RESERVED)
_RESERVED_LOOKS = frozenset(skeleton(form).lower() for name in RESERVED for form in (name, key(name)))
_ROLE_LOOKS = frozenset(skeleton(form).lower() for name in ROLES for form in (name, name.upper(), name.title()))
