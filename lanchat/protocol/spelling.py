"""Spelling: what all spellings of one name have in common, its key (docs/protocol.md, "Opening").

It is what RFC 8265's profile UsernameCaseMapped makes of a name (lower case, and NFC), with additions: NFKC comes first; what
nobody can see is left out; and what is typed in several ways becomes one of them. Whether a text may be a name is not asked.
"""

from __future__ import annotations

import functools
import re
import unicodedata

#: Which rules `key` goes by. Whoever changes what it makes of any name raises the number: keys are kept, and are made anew at
#: the next start of a server (`lanchat.store.keys`). The version of Unicode that Python has is a part of the rules.
KEYS = f"1 {unicodedata.unidata_version}"

#: Characters in any spelling of a name: accents, vowel signs and joiners may be characters of their own.
MAX_SPELLING = 128

#: ZERO WIDTH NON-JOINER and JOINER, which Persian and Indic scripts need.
JOINERS = "\u200c\u200d"
#: Those, and the vowel separator of Mongolian: there is no harm in what can't be seen when it is one of these.
HARMLESS = JOINERS + "\u180e"
#: What chooses the form of a Mongolian letter, or of a Han character; it can't be seen itself.
MONGOLIAN_SELECTORS = "\u180b\u180c\u180d\u180e\u180f"
HAN_SELECTORS = "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))

#: Tibetan's mark between syllables, which may be typed after the last one, too.
TSHEG = "\u0f0b"
#: Marks within a word, by what they are in a key: different keyboards have different ones.
APOSTROPHES = "'\u2018\u2019\u02bb\u02bc\u055a\u05f3"
MIDDLE_DOTS = "\u00b7\u30fb"
HYPHENS = "-\u2010\u058a\u05be\u1400\u1806"

#: All that can't be seen, for `str.translate` to take away.
INVISIBLE = dict.fromkeys(map(ord, JOINERS + MONGOLIAN_SELECTORS + HAN_SELECTORS), "")
#: What was spelt with a joiner at first and has a character of its own: Bengali khanda ta, and the chillus of Malayalam.
WITHOUT_VOWEL = {
    "\u09ce": "\u09a4\u09cd",
    "\u0d7a": "\u0d23\u0d4d",
    "\u0d7b": "\u0d28\u0d4d",
    "\u0d7c": "\u0d30\u0d4d",
    "\u0d7d": "\u0d32\u0d4d",
    "\u0d7e": "\u0d33\u0d4d",
    "\u0d7f": "\u0d15\u0d4d",
}

_FOLDED = str.maketrans(
    {
        **dict.fromkeys(APOSTROPHES, "'"),
        **dict.fromkeys(MIDDLE_DOTS, "\u00b7"),
        **dict.fromkeys(HYPHENS, "-"),
        # The sigma at the end of a word, and the i without a dot, have the capital letter of those that have it.
        "\u03c2": "\u03c3",
        "\u0131": "i",
        **WITHOUT_VOWEL,
    }
)
#: The small letter of a Turkish capital I with a dot.
_DOTTED = re.compile("i\u0307+")


def key(text: str) -> str:
    """What two spellings of one name have in common, whatever the text is; it raises nothing, and is its own key."""
    if text.isascii():
        return text.lower()
    return text if len(text) > MAX_SPELLING else _key(text)


def caseless(text: str) -> str:
    """What two spellings have in common that differ in nothing but case and normal form (NFC): fewer than `key` takes as one.

    It is lower case, not case folding: that makes one letter of the two small sigmas, which older keys told apart.
    """
    return unicodedata.normalize("NFC", text.lower())


def without_invisible(text: str) -> str:
    """A text without what nobody can see in a name."""
    return text.translate(INVISIBLE)


@functools.lru_cache(maxsize=4096)
def _key(text: str) -> str:
    whole = unicodedata.normalize("NFKC", without_invisible(text))
    if len(whole) > MAX_SPELLING:  # no name is so long; and a cache keeps what it is given
        return text
    return unicodedata.normalize("NFC", _DOTTED.sub("i", whole.lower().translate(_FOLDED))).rstrip(TSHEG)
