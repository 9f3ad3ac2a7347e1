"""Makes the key of a name, which all its spellings share (docs/protocol.md, "Opening").

A key is what RFC 8265's profile UsernameCaseMapped makes of a name (lower case, NFC), with additions: NFKC is applied first,
invisible characters are removed, and characters that keyboards type differently become one. Whether the text is a valid name is
not checked.
"""

from __future__ import annotations

import functools
import re
import unicodedata

#: The version of the rules by which `key` works; it includes Python's version of Unicode. Keys are stored: whoever changes the
#: key of any name raises the number, and they are made anew at the next start of a server (`lanchat.store.name_keys`).
KEY_RULES = f"1 {unicodedata.unidata_version}"

#: The longest spelling of a name, in characters: accents, vowel signs and joiners may be separate characters.
MAX_SPELLING = 128

#: ZERO WIDTH NON-JOINER and JOINER, which Persian and Indic scripts need.
JOINERS = "\u200c\u200d"
#: The joiners and the Mongolian vowel separator: invisible characters that do no harm in shown text.
HARMLESS = JOINERS + "\u180e"
#: Variation selectors, invisible themselves, that choose the form of a Mongolian letter or of a Han character.
MONGOLIAN_SELECTORS = "\u180b\u180c\u180d\u180e\u180f"
HAN_SELECTORS = "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))

#: The Tibetan mark between syllables, which may also be typed after the last one.
TSHEG = "\u0f0b"
#: Marks within a word that become one in a key, as keyboards have different ones; the first is the one in the key.
APOSTROPHES = "'\u2018\u2019\u02bb\u02bc\u055a\u05f3"
MIDDLE_DOTS = "\u00b7\u30fb"
HYPHENS = "-\u2010\u058a\u05be\u1400\u1806"

#: A table for `str.translate` that removes the invisible characters of names.
INVISIBLE = dict.fromkeys(map(ord, JOINERS + MONGOLIAN_SELECTORS + HAN_SELECTORS), "")
#: Letters that were once spelt with a joiner and now have characters of their own: Bengali khanda ta and the Malayalam chillus.
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
        # The final sigma and the dotless i have the same capital letter as the usual ones.
        "\u03c2": "\u03c3",
        "\u0131": "i",
        **WITHOUT_VOWEL,
    }
)
#: A lower-case Turkish capital I with a dot.
_DOTTED = re.compile("i\u0307+")


def key(text: str) -> str:
    """The key of any text; equal for two spellings of one name. It raises nothing, and the key of a key is itself."""
    if text.isascii():
        return text.lower()
    return text if len(text) > MAX_SPELLING else _key(text)


def caseless(text: str) -> str:
    """A text in lower case and NFC: equal for two spellings that differ only in case and normal form.

    It distinguishes more names than `key`. Lower case is used and not case folding, which would make one letter of the two
    small sigmas; older keys told them apart.
    """
    return unicodedata.normalize("NFC", text.lower())


def without_invisible(text: str) -> str:
    """A text without the invisible characters of names."""
    return text.translate(INVISIBLE)


@functools.lru_cache(maxsize=4096)
def _key(text: str) -> str:
    normal = unicodedata.normalize("NFKC", without_invisible(text))
    if len(normal) > MAX_SPELLING:  # no name is so long, and the cache should not store it
        return text
    return unicodedata.normalize("NFC", _DOTTED.sub("i", normal.lower().translate(_FOLDED))).rstrip(TSHEG)
