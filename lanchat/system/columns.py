"""Fold: rows that fit a terminal, so that no row of a long text can look like the beginning of somebody else's message."""

from __future__ import annotations

from functools import lru_cache

#: Columns of a row at least, on however small a terminal: two for the indent, two for one wide character.
MIN_COLUMNS = 4
#: Columns that must be free for a word that is longer than a row to begin on the row where it stands.
WORTH_FILLING = 8
#: It makes the character before it an emoji, which newer terminals show one column wider, and older ones do not.
_EMOJI = "\N{VARIATION SELECTOR-16}"


def width(text: str) -> int:
    """How many columns of a terminal a text takes at most."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fold(text: str, columns: int, indent: int) -> list[str]:
    """Break a text into rows of at most so many columns, each but the first after so many blanks.

    It is broken between words, and a word that is longer than a row within itself: what is left to the terminal to break
    begins at the left edge, where the time and the name of a sender stand. The indent is at most half of a row.
    """
    columns = max(columns, MIN_COLUMNS)
    if len(text) <= columns and text.isascii():
        return [text]
    blanks = " " * min(max(indent, 1), columns // 2)
    longest = columns - len(blanks)
    rows: list[str] = []
    row, used, begun = "", 0, False  # the row that is being filled, its columns, and whether it has a word
    for word in text.split(" "):
        size = width(word)
        if begun and used + 1 + size > columns:
            if not word:
                continue  # a blank at the end of a row
            if size <= longest or columns - used <= WORTH_FILLING:
                rows.append(row)
                row, used, begun = blanks, len(blanks), False
        if begun:
            row, used = row + " ", used + 1
        while used + size > columns:
            end, taken = _fitting(word, columns - used)
            rows.append(row + word[:end])
            row, used, word, size = blanks, len(blanks), word[end:], size - taken  # noqa: PLW2901 (the rest of it)
        row, used, begun = row + word, used + size, True
    return [*rows, row]


def cleared(rows: int) -> str:
    """What empties a terminal of so many rows, and puts the cursor at its beginning.

    Row by row: some terminals take what was on a screen that is cleared as a whole into what can be scrolled back.
    """
    return "\x1b[H" + "\x1b[2K\x1b[B" * rows + "\x1b[H"


def _fitting(word: str, columns: int) -> tuple[int, int]:
    """How many characters of a word fit into so many columns, with the marks on the last of them, and their columns."""
    if word.isascii():
        return columns, columns
    used = 0
    for n, char in enumerate(word):
        size = _columns(char)
        if used + size > columns:
            return n, used
        used += size
    return len(word), used


@lru_cache(4096)
def _columns(char: str) -> int:
    from wcwidth import wcwidth  # noqa: PLC0415 (its tables take a while, and a script that says ASCII needs none)

    return 1 if char == _EMOJI else max(0, wcwidth(char))
