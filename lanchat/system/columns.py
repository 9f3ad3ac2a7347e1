"""Breaks text into rows that fit a terminal, so that no row of a long message can look like the beginning of another."""

from __future__ import annotations

from functools import lru_cache

#: The smallest width of a row, in columns: two for the indent, two for one wide character.
MIN_COLUMNS = 4
#: A word that is longer than a row begins on the current row only if at least this many columns are free there.
MIN_FREE_COLUMNS = 8
#: Turns the character before it into an emoji, which newer terminals show one column wider and older ones do not.
_EMOJI = "\N{VARIATION SELECTOR-16}"


def width(text: str) -> int:
    """The number of columns that a text takes on a terminal, at most."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fold(text: str, columns: int, indent: int) -> list[str]:
    """Break a text into rows of at most `columns` columns; every row but the first begins with `indent` blanks.

    Rows end between words; only a word longer than a row is split. Without this the terminal would break the row itself, and go
    on at its left edge, where the time and the name of a sender stand. The indent is at most half a row.
    """
    columns = max(columns, MIN_COLUMNS)
    if len(text) <= columns and text.isascii():
        return [text]
    blanks = " " * min(max(indent, 1), columns // 2)
    longest = columns - len(blanks)
    rows: list[str] = []
    row, used, has_word = "", 0, False  # the current row, its columns, and whether it has a word
    for word in text.split(" "):
        size = width(word)
        if has_word and used + 1 + size > columns:
            if not word:
                continue  # a blank at the end of a row
            if size <= longest or columns - used <= MIN_FREE_COLUMNS:
                rows.append(row)
                row, used, has_word = blanks, len(blanks), False
        if has_word:
            row, used = row + " ", used + 1
        while used + size > columns:
            end, taken = _fitting(word, columns - used)
            rows.append(row + word[:end])
            row, used, word, size = blanks, len(blanks), word[end:], size - taken  # noqa: PLW2901 (the rest of it)
        row, used, has_word = row + word, used + size, True
    return [*rows, row]


def clear_rows(rows: int) -> str:
    """The control sequence that empties a terminal of `rows` rows and puts the cursor into its top left corner.

    Each row is cleared by itself: some terminals move a screen that is cleared as a whole into the scrollback.
    """
    return "\x1b[H" + "\x1b[2K\x1b[B" * rows + "\x1b[H"


def _fitting(word: str, columns: int) -> tuple[int, int]:
    """How many characters of a word fit into `columns` columns (combining marks stay with their letter), and their columns."""
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
    from wcwidth import wcwidth  # noqa: PLC0415 (loading its tables takes time, which a script with ASCII only need not spend)

    return 1 if char == _EMOJI else max(0, wcwidth(char))
