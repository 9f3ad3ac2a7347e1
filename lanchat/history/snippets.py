"""Snippets: a short piece of a message that was found, around the first of the words that were looked for."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection

from lanchat.protocol.word_folding import indexed, pieces, spellings

#: How many characters of a text a snippet has, and how many of them are before the word.
MOST, BEFORE = 120, 40
#: So many pieces of a text are looked at together, which takes less time than one by one.
TOGETHER = 32

_NO_LETTER = re.compile(r"[^\w\s]|_")


def snippet(text: str, words: Collection[str]) -> str:
    """The piece of a text around the first of these words, cut between words; "..." stands for what is left out.

    The words are compared as in the index (`lanchat.protocol.word_folding`). Without one, it is the beginning of the text.
    Blanks and ends of lines become single blanks.
    """
    text = " ".join(text.split())
    if len(text) <= MOST:
        return text
    spans = [*pieces(text)]
    rows = {_as_row(form) for word in words for form in spellings(word)}
    first = spans[_found(text, spans, rows)][0]
    earliest = max(0, min(first - BEFORE, len(text) - MOST))
    start = next(begin for begin, _ in spans if begin >= min(first, earliest))
    end = max((end for _, end in spans if start < end <= start + MOST), default=start + MOST)
    return f"{'...' * (start > 0)}{text[start:end].strip()}{'...' * (end < len(text))}"


def _found(text: str, spans: list[tuple[int, int]], rows: Collection[str]) -> int:
    """The index of the first of these pieces of a text at which one of the rows of words begins; 0 if none does."""
    longest = max((row.count(" ") for row in rows), default=0)

    def has(first: int, last: int) -> bool:
        """Whether there is one from one piece to another."""
        folded = f" {_as_row(indexed(text[spans[first][0] : spans[last][1]]))} "
        return any(f" {row} " in folded for row in rows)

    for begin in range(0, len(spans), TOGETHER):
        end = min(begin + TOGETHER + longest, len(spans)) - 1
        if has(begin, end):
            last = bisect_left(range(begin, end), True, key=lambda last: has(begin, last)) + begin
            return bisect_left(range(begin, last), True, key=lambda first: not has(first + 1, last)) + begin
    return 0


def _as_row(text: str) -> str:
    """The words of a text as SQLite's FTS5 divides it, with a blank between two of them."""
    return " ".join(_NO_LETTER.sub(_kept, text.lower()).split())


def _kept(found: re.Match[str]) -> str:
    """A character that is no letter or digit, if it is a part of a word all the same; otherwise a blank."""
    return found[0] if unicodedata.category(found[0]) in {"Mn", "Mc", "Me", "Co"} else " "
