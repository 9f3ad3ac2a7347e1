"""Folding: what two spellings of a word have in common, for the index of words and for whoever looks for one.

SQLite's FTS5 divides a text into words; this module gives it a text in which equal words are written in the same way. What
people leave out when they type is left out (accents, points, apostrophes), and what they can't see (invisible characters).
What makes another word stays: the vowel signs of India and Thailand, the tone marks of Thailand, the breve of a Cyrillic short
i. docs/protocol.md ("Search") has the rules; tests/searches.tsv has examples in many languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from lanchat.protocol.spelling import APOSTROPHES, WITHOUT_VOWEL

# What keyboards and editors write for an apostrophe, and what else may stand inside of a word: the Ukrainian and the Hawaiian
# apostrophe, the Hebrew geresh, the prime, the Catalan middle dot.
_APOSTROPHES = re.compile(
    f"[{APOSTROPHES}`\u00b4\u00b7\u02b9\u2032\uff07]"
    '|(?<=[\u0590-\u05ff])["\u05f4\u201d](?=[\u0590-\u05ff])'  # a Hebrew acronym has a gershayim, or a quotation mark
)
#: Texts of more characters may take long to be normalized, because of runs of marks: those are neither letters nor blanks.
LONG, _RUN = 1000, re.compile(r"([^\w\s]{30})(?=[^\w\s])")

# Characters that count for nothing. Invisible ones: soft hyphens, joiners, marks of direction, variation selectors, fillers.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\U000e0000-\U000e0fff"
)
# Accents and other marks that people leave out: of Latin, Greek and Cyrillic letters, Hebrew points, Arabic vowel signs and
# tatweel, Syriac points, the nukta of Devanagari and its Vedic accents, Armenian marks of intonation, colours of emoji.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u08ca-\u08e1\u08e3-\u08ff\u093c\u0951-\u0954"
    "\u055b\u055c\u055e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufb1e\ufe20-\ufe2f\U0001f3fb-\U0001f3ff"
)
# Letters with a mark that makes another letter of them (in NFD): Cyrillic short i and u, Ukrainian yi, Macedonian gje and kje;
# Arabic waw and yeh with a hamza.
_LETTERS_WITH_MARK = "\u0438\u0306|\u0443\u0306|\u0456\u0308|\u0433\u0301|\u043a\u0301|\u0648\u0654|\u064a\u0654"
_NOTHING = re.compile(f"[{_INVISIBLE}{_MARKS}](?<!{_LETTERS_WITH_MARK})")

#: Croatian and Vietnamese d, Icelandic eth and thorn, Maltese h, Turkish i, Polish l, Danish o, Sami t, ligatures; and how they
#: are written where they are not on the keyboard.
_LATIN = {"đ": "d", "ð": "d", "þ": "th", "ħ": "h", "\u0131": "i", "ł": "l", "ø": "o", "ŧ": "t", "æ": "ae", "œ": "oe"}
# Arabic letters: as Persian and Urdu keyboards have them, alef wasla, teh marbuta. Of Devanagari, the two signs for a nasal
# vowel.
_OTHER = "\u06cc=\u064a \u0649=\u064a \u06a9=\u0643 \u06c1=\u0647 \u06d5=\u0647 \u0671=\u0627 \u0629=\u0647 \u0901=\u0902"
_LETTERS = _LATIN | WITHOUT_VOWEL | dict(pair.split("=") for pair in _OTHER.split())
_LETTER = re.compile(f"[{''.join(_LETTERS)}]|[^\\D0-9]")  # the latter are digits of other scripts
#: Letters for which two are written where they are not on the keyboard; elsewhere the accent is left out.
_TWO_LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
_HAS_TWO = re.compile(f"[{''.join(_TWO_LETTERS)}]")
_VARIED = re.compile(f"['{''.join(_TWO_LETTERS)}]")

#: A word between those that do not follow each other in the text, so that they are not found as a row. Nobody looks for it.
_SEAM = " \ue000 "

# In Thai and Lao a tone mark may be typed before or after the ring of the vowel am.
_TONE_LAST = re.compile("(\u0e4d|\u0ecd)([\u0e48-\u0e4b\u0ec8-\u0ecb])")
#: Scripts written without spaces, or with few: Thai, Lao, Burmese, Khmer; kana, ideographs, Hangul.
_OF_SYLLABLES = [*range(0x0E00, 0x0F00), *range(0x1000, 0x10A0), *range(0x1780, 0x1800)]
_SIGNS = "".join(char for char in map(chr, _OF_SYLLABLES) if unicodedata.category(char).startswith("M"))
_OF_THEM = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_UNSPACED = re.compile(f"([{_OF_THEM}][{_SIGNS}]*)")
_PIECE = re.compile(rf"{_UNSPACED.pattern}|[^\s{_OF_THEM}]+")
#: Emoji, arrows and the like.
_PICTURE = re.compile("[\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]")


def is_plain(text: str) -> bool:
    """Whether `indexed` leaves a text as it is. A text is plain if, and only if, all its parts are."""
    return text.isascii() and "'" not in text and "`" not in text and "\0" not in text


def indexed(text: str) -> str:
    """A text as it is put into the index of words. To remove it from the index, FTS5 needs this same text.

    A word that may be written in several ways is there in all of them: "l'homme" as "l", "homme" and "lhomme", "Müller" as
    "muller" and "mueller". Where there are no spaces, each character is a word: what is looked for is then found as a row of
    them. A picture is a word, too.
    """
    if is_plain(text):
        return text
    text = _prepared(text)
    forms = [text.replace("'", " ")]
    if _VARIED.search(text):
        words = [word for word in (part.strip("'") for part in text.split()) if _VARIED.search(word)]
        joined = [word for word in words if "'" in word]
        double = _SEAM.join([word for word in words if _HAS_TWO.search(word)])
        forms += [_SEAM.join(joined).replace("'", ""), _in_two(double).replace("'", " ")]
        if joined and double:
            forms.append(_in_two(_SEAM.join([word for word in joined if _HAS_TWO.search(word)])).replace("'", ""))
    return _bare(_SEAM.join(forms))


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where the pieces of a text begin and end between which it can be cut: words with their punctuation, or syllables."""
    return (found.span() for found in _PIECE.finditer(text))


def spellings(word: str) -> list[str]:
    """What is looked for in the index to find a word: one of these, each a row of words; none if there is no word in it."""
    joined = _prepared(word).replace("'", "")
    forms = (" ".join(_bare(form).split()) for form in (joined, _in_two(joined)))
    return [form for form in dict.fromkeys(forms) if any(map(str.isalnum, form))]


def _prepared(text: str) -> str:
    """A text in one normal form (NFKC), in small letters, with one kind of apostrophe."""
    # Some characters have one only in the normal form; the acute accent, which may serve as one, is lost there.
    return _APOSTROPHES.sub("'", _normalized("NFKC", _APOSTROPHES.sub("'", text).replace("\0", " "))).lower()


def _normalized(form: Literal["NFC", "NFD", "NFKC"], text: str) -> str:
    """A text in a normal form, in time that grows with the text: a long run of marks is sorted in pieces.

    They are made as stream-safe text is (UAX #15, section 13), with a COMBINING GRAPHEME JOINER, which counts for nothing.
    """
    if len(text) <= LONG or text.isascii():
        return unicodedata.normalize(form, text)
    return unicodedata.normalize(form, _RUN.sub("\\1\u034f", text)).replace("\u034f", "")


def _bare(text: str) -> str:
    """The same, without what counts for nothing, and with pictures as words."""
    if not text.isascii():
        apart = _normalized("NFD", text)
        if (bare := _NOTHING.sub("", apart)) != apart:
            text = _normalized("NFC", bare)
        text = _LETTER.sub(_letter, text.casefold())
        text = _PICTURE.sub(_picture, " ".join(_UNSPACED.split(_TONE_LAST.sub(r"\2\1", text))))
    return text


def _in_two(text: str) -> str:
    """A text with two letters for those for which that is done."""
    return _HAS_TWO.sub(_two_letters, text)


def _two_letters(found: re.Match[str]) -> str:
    return _TWO_LETTERS[found[0]]


def _letter(found: re.Match[str]) -> str:
    return _LETTERS.get(found[0]) or str(unicodedata.decimal(found[0]))


def _picture(found: re.Match[str]) -> str:
    """A word of letters: which characters SQLite takes for a part of a word depends on its version."""
    return f" u{ord(found[0]):x} "
