"""What a user's name may be, and when two names are the same (docs/protocol.md, "Opening").

Names are compared by what a person would take for one: PRECIS (RFC 8264, 8265) settles width, case and normal form, and the
confusables of Unicode's UTS 39 catch a name in another script that looks like one already taken.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import NamedTuple

from confusable_homoglyphs import categories, confusables
from precis_i18n import get_profile

from lanchat.errors import BadName

#: Characters in a name, at the most.
MAX_NAME = 32

#: Characters in any spelling of a name (accents may be written as characters of their own).
MAX_SPELLING = 4 * MAX_NAME
#: Characters of what may be looked up: a name, or the mark of a room and its name.
MAX_KEY = MAX_NAME + 1

#: Names that the server uses itself.
RESERVED = ("SERVER", "Guest", "Everyone")

_PUNCTUATION = frozenset("-_.")
#: Most names: nothing in them is for PRECIS to change, or for us to refuse.
_PLAIN = re.compile(r"[-_.]*[A-Za-z0-9][-_.A-Za-z0-9]*")
_shown = get_profile("UsernameCasePreserved")
_mapped = get_profile("UsernameCaseMapped")

# Scripts that one name may mix (UTS 39, section 5.1: the augmented script sets of Japanese, Korean and Taiwanese).
_MIXES = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "HANGUL"}),
    frozenset({"HAN", "BOPOMOFO"}),
)

_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+", re.IGNORECASE)


class Name(NamedTuple):
    """A name that passed the rules: `shown` to people, `key` for comparing, `looks` for what it may be mistaken for."""

    shown: str
    key: str
    looks: tuple[str, ...]


def key(text: str) -> str:
    """What two spellings of one name have in common; for looking a name up, so it raises nothing."""
    if text.isascii():
        return text.lower()
    # PRECIS takes time in the square of the length, and a cache keeps what it is given. Nothing that PRECIS accepts is longer
    # than its compatibility form (NFKC), which is quickly made.
    too_long = len(text) > MAX_SPELLING or (len(text) > MAX_KEY and len(unicodedata.normalize("NFKC", text)) > MAX_KEY)
    return text if too_long else _key(text)


def parse(text: str) -> Name:
    """Make a `Name` of what a client asked for; raises `BadName`, which tells the rule and, where it can, what would do."""
    text = text.strip()
    if not text:
        raise BadName("A name is missing: the first thing on a connection is your name, on a line of its own.")
    if len(text) > MAX_NAME:
        raise _bad(text, f"is longer than {MAX_NAME} characters")
    shown, mapped = (text, text.lower()) if _PLAIN.fullmatch(text) else _enforced(text)
    name = Name(shown, mapped, looks({shown, mapped}))
    if _reserved(name):
        raise _bad(text, "is reserved", f"{shown}_1" if shown.isascii() and not _like_address(shown) else "")
    return name


def stored(shown: str, kept: str) -> Name:
    """The name of somebody who has it already, with the key under which it is kept; today's rules are not asked."""
    return Name(shown, kept, looks({shown, kept}))


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


def _enforced(text: str) -> tuple[str, str]:
    """The two forms of a name that needs more than a look."""
    try:
        shown, mapped = str(_shown.enforce(text)), str(_mapped.enforce(text))
    except UnicodeEncodeError:
        raise _bad(text, "has characters that names may not have") from None
    if fault := _fault(shown):
        raise _bad(text, fault)
    return shown, mapped


def _fault(shown: str) -> str:
    """Why this is no name, as the end of a sentence about it; empty when it is one."""
    if len(shown) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if not all(c in _PUNCTUATION or unicodedata.category(c)[0] in "LM" or c.isdecimal() for c in shown):
        return "has other characters than letters, digits, '-', '_' and '.'"
    if not any(c.isalnum() for c in shown):
        return "has no letter and no digit"
    if _mixed(shown):
        return "mixes scripts"
    return ""


def _mixed(shown: str) -> bool:
    scripts = categories.unique_aliases(shown) - {"COMMON", "INHERITED"}
    zeros = {ord(c) - unicodedata.decimal(c) for c in shown if c.isdecimal()}
    return len(zeros) > 1 or (len(scripts) > 1 and not any(scripts <= mix for mix in _MIXES))


def _reserved(name: Name) -> bool:
    if _like_address(name.shown) or name.key in _RESERVED_KEYS:
        return True
    return not name.shown.isascii() and not _RESERVED_LOOKS.isdisjoint(name.looks)


def _like_address(shown: str) -> bool:
    """Whether this reads as an IP address, in any digits and in the forms of inet_aton(3) too (`10.1`, `0x7f.1`)."""
    if "." not in shown:  # and the colons of IPv6 are in no name
        return False
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in shown)
    return all(map(_NUMBER.fullmatch, plain.split(".")))


def _bad(text: str, fault: str, instead: str | None = None) -> BadName:
    """The error for a name, with a name that would do where one can be made of it."""
    if instead is None:
        kept = "".join(c if c.isascii() and (c.isalnum() or c in _PUNCTUATION) else "_" for c in text[:MAX_NAME])
        kept = kept.strip("_")
        instead = kept if kept and not _fault(kept) and not _like_address(kept) and key(kept) not in _RESERVED_KEYS else ""
    hint = f" Try {instead}." if instead else " A name is up to 32 letters and digits of one script, with '-', '_' and '.'."
    return BadName(f"The name you asked for {fault}.{hint}")


@functools.lru_cache(maxsize=4096)
def _key(text: str) -> str:
    try:
        return str(_mapped.enforce(text))
    except UnicodeEncodeError:
        return text  # no name at all: it will be found nowhere


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

    return {ord(char): settled(prototype) for char, prototype in found.items()}


def _unmarked(text: str) -> str:
    """A text of the library's data. It has a mark of direction before and after each that is written from right to left."""
    return text.replace("\u200e", "")


_RESERVED_KEYS = frozenset(key(name) for name in RESERVED)
_RESERVED_LOOKS = frozenset(skeleton(form).lower() for name in RESERVED for form in (name, key(name)))
