"""Which characters a name may have, and where, in all scripts of the world; each rule names the character that breaks it.

PRECIS (RFC 8264, 8265) decides which letters, marks and digits are allowed, where joiners may stand (RFC 5892, appendix A), and
in which directions a name may be written (RFC 5893). Added here are marks that belong to words, such as apostrophes.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from confusable_homoglyphs import categories
from precis_i18n import get_profile

from lanchat.protocol import spelling

#: The greatest length of a name, in characters of its shown form.
MAX_NAME = 32

#: Punctuation that is allowed anywhere in a name.
PUNCTUATION = frozenset("-_.")
#: Marks that are allowed between two letters of a word: apostrophes (those that Unicode calls letters are allowed anywhere),
#: middle dots, hyphens of many scripts, and the word space of Ethiopic.
BETWEEN = frozenset("'\u2018\u2019\u055a" + "\u00b7\u30fb" + "\u2010\u2011\u058a\u05be\u1400\u1806\u30a0" + "\u1361")
#: Signs that are allowed after a letter: Hebrew geresh and gershayim, two of Sindhi, the Hindi abbreviation sign, the Tibetan
#: marks between syllables (with and without a break), and the Greek sign before a number.
_SIGNS = frozenset("\u05f3\u05f4\u06fd\u06fe\u0970\u0f0b\u0f0c\u0375")
#: A numeral that is written among Han characters as one of them.
_LETTERS = frozenset("\u3007")
#: Characters that lengthen, emphasise or repeat, but belong to no word; PRECIS disallows them (RFC 8264, section 9.6).
_ORNAMENTS = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
_SELECTORS = {
    **dict.fromkeys(spelling.MONGOLIAN_SELECTORS, "MONGOLIAN"),
    **dict.fromkeys(spelling.HAN_SELECTORS, "HAN"),
}
#: Invisible characters that belong to some words.
_UNSEEN = frozenset(spelling.JOINERS).union(_SELECTORS)
#: How a text about disallowed characters begins, and how many characters it lists.
NOT_ALLOWED, MAX_LISTED = "has characters that are not allowed in names", 2
#: How many accents one letter may have.
MAX_ACCENTS = 4

#: Scripts that may be mixed in a name (UTS 39, section 5.1: the augmented script sets of Japanese, Korean and Taiwanese).
_MIXES = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "HANGUL"}),
    frozenset({"HAN", "BOPOMOFO"}),
)
_ANY_SCRIPT = frozenset({"COMMON", "INHERITED"})

_shown = get_profile("UsernameCasePreserved")
_mapped = get_profile("UsernameCaseMapped")
_ignorable = _mapped.base.ucd.default_ignorable
#: Characters for which PRECIS has no fitting rule, and what it checks instead: "_", which is allowed anywhere, or nothing.
_UNKNOWN_TO_PRECIS = str.maketrans(
    dict.fromkeys([*BETWEEN - {"\u30fb"}, "\u0970"], "_") | dict.fromkeys(map(ord, _SELECTORS), None)
)
#: A joiner for which RFC 5892 has no rule: it keeps the Bengali letter ra in its full form before another consonant.
_BENGALI_RA = re.compile("(?<=\u09b0)[\u200c\u200d](?=\u09cd)")


def as_shown(text: str) -> str:
    """The form in which a name is shown: as typed, but with standard widths and in normal form (NFC)."""
    return str(_shown.normalization_rule(_shown.width_mapping_rule(text)))


def fault(name: str) -> str:
    """What is wrong with a name in its shown form, as the end of a sentence that begins with the name; "" if nothing is."""
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    return _wrong_character(name) or _wrong_mark(name) or _wrong_scripts(name) or _wrong_for_precis(name)


def scripts(text: str) -> set[str]:
    """The scripts of the letters of a text, such as {"LATIN"}."""
    return set(categories.unique_aliases(unicodedata.normalize("NFKC", text))) - _ANY_SCRIPT


def without_disallowed(name: str) -> str:
    """The name with disallowed characters replaced by "_" or removed, and without what can't be at its beginning or end."""
    no_blank = "".join("_" if c.isspace() else c for c in name)
    allowed = "".join("" if _is_invisible(c) or c in _ORNAMENTS else c if _is_allowed(c) else "_" for c in no_blank)
    ends = "".join(BETWEEN | _UNSEEN | {"_", spelling.TSHEG})
    return allowed.rstrip(ends).lstrip(ends + "".join(filter(_is_mark, allowed)))


def with_hyphens(name: str) -> str:
    """The name with "-" for each mark that is only allowed in words of some scripts."""
    return "".join("-" if c in BETWEEN or c in _SIGNS else c for c in name)


def with_ascii_digits(name: str) -> str:
    """The name with its digits as ASCII digits."""
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in name)


def in_one_script(name: str) -> str:
    """The name without the letters of all scripts but the one that most of its letters have."""
    letters = [script for c in name for script in scripts(c)]
    main = max(letters, key=letters.count, default="")
    return "".join(c for c in name if scripts(c) <= {main}).strip("_")


def digits_to_end(name: str) -> str:
    """A name written from right to left whose leading digits, which are not allowed there, are moved to its end."""
    start = next((at for at, c in enumerate(name) if c.isalpha()), 0)
    return name[start:].rstrip("-_.") + "".join(filter(str.isdecimal, name[:start]))


def describe(character: str) -> str:
    """A character for an error text: its code point, and itself if it can be seen alone."""
    alone = character.isprintable() and not character.isspace() and not _is_mark(character) and not _ignorable(ord(character))
    return f"{character} (U+{ord(character):04X})" if alone else f"U+{ord(character):04X}"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def _is_invisible(character: str) -> bool:
    """Whether a character is invisible and belongs to no word."""
    if character in _UNSEEN:
        return False
    return unicodedata.category(character) in {"Cc", "Cf"} or _ignorable(ord(character))


def _is_allowed(character: str) -> bool:
    """Whether a character may be somewhere in a name."""
    in_table = (
        character in PUNCTUATION or character in BETWEEN or character in _SIGNS or character in _LETTERS or character in _UNSEEN
    )
    return in_table or unicodedata.category(character)[0] in "LM" or character.isdecimal()


def _wrong_character(name: str) -> str:
    wrong = [f"{c} {why}" if why else c for c, why in {describe(c): _why_not(c) for c in name}.items() if why is not None]
    if wrong:
        return f"{NOT_ALLOWED}: {', '.join(wrong[:MAX_LISTED])}"
    return "" if any(map(str.isalnum, name)) else "has no letter and no digit"


def _why_not(character: str) -> str | None:
    """Why a character is disallowed: "" if that is obvious, else a remark in brackets. None if it is allowed."""
    if character.isspace():
        return "(a blank)"
    if _is_invisible(character):
        return "(invisible)"
    if unicodedata.category(character) in {"Cn", "Co"}:
        return "(unknown here)"
    plain = unicodedata.normalize("NFKC", character)
    return None if character not in _ORNAMENTS and all(map(_is_allowed, (character, *plain))) else ""


def _wrong_mark(name: str) -> str:
    """What is wrong with a mark or sign that stands in the wrong place, or ""; texts are as for `fault`."""
    if _is_mark(name[0]):
        return f"begins with {describe(name[0])}, a mark that belongs on a letter"
    accents = 0
    around = ["", *spelling.without_invisible(name), ""]
    for before, c, after in zip(around, around[1:], around[2:], strict=False):
        accents = accents + 1 if unicodedata.combining(c or "_") else 0
        if accents > MAX_ACCENTS:
            return f"has more than {MAX_ACCENTS} accents on one letter, the last is {describe(c)}"
        if c in BETWEEN and not (_in_a_word(before) and after.isalpha()):
            return f"has {describe(c)}, which is allowed only between two letters"
        if c in _SIGNS - {"\u0375"} and not _in_a_word(before):
            return f"has {describe(c)} without a letter before it"
    for before, c in pairwise(name):
        if c in _SELECTORS and not (before in _SELECTORS or _SELECTORS[c] in scripts(before)):
            return f"has invisible characters that do not change the form of a letter: {describe(c)}"
    return ""


def _in_a_word(character: str) -> bool:
    return character in _SIGNS or character.isalpha() or (character != "" and _is_mark(character))


def _wrong_scripts(name: str) -> str:
    found = {c: scripts(c) for c in name}
    used = set().union(*found.values())
    if len(used) > 1 and not any(used <= mix for mix in _MIXES):
        main = scripts(in_one_script(name))
        other = next(c for c in name if found[c] and found[c] != main)
        return f"mixes scripts: {describe(other)} is {_title(found[other])}, the others are {_title(main)}"
    zeros: dict[int, str] = {}
    for c in filter(str.isdecimal, name):
        zeros.setdefault(ord(c) - unicodedata.decimal(c), c)
    if len(zeros) > 1:
        one, other, *_ = zeros.values()
        return f"mixes two kinds of digits: {describe(one)} and {describe(other)}"
    return ""


def _title(names: set[str]) -> str:
    return " or ".join(sorted(names)).replace("_", " ").title()


def _wrong_for_precis(name: str) -> str:
    form = _BENGALI_RA.sub("", unicodedata.normalize("NFKC", name).lower().translate(_UNKNOWN_TO_PRECIS))
    try:
        _mapped.enforce(form)
    except UnicodeEncodeError as error:
        if error.reason.endswith("bidi_rule"):
            return _wrong_direction(name)
        wrong = form[error.start]
    else:
        return ""
    c = next((c for c in name if wrong in unicodedata.normalize("NFKC", c).lower()), wrong)
    if c in spelling.JOINERS:
        return f"has invisible characters that join or separate nothing: {describe(c)}"
    return f"has {describe(c)} where it does not belong" if c in BETWEEN or c in _SIGNS else f"{NOT_ALLOWED}: {describe(c)}"


def _wrong_direction(name: str) -> str:
    """What is wrong with a name that is written from right to left, or has digits that are only used there (RFC 5893)."""
    if any(unicodedata.bidirectional(c) in {"R", "AL"} for c in name):
        return "has right-to-left letters, so it must begin with one, and end with one or with a digit"
    digit = next(c for c in name if unicodedata.bidirectional(c) == "AN")
    return f"has {describe(digit)}, a digit that is allowed only after letters written from right to left"
