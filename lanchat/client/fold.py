"""Fold: rows that fit a terminal, so that a long line can't put what looks like another message at the start of a row."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.utils import get_cwidth

#: Columns that a row of text gets at least, on however small a terminal.
MIN_COLUMNS = 16


def folder(columns: Callable[[], int]) -> Callable[[str, str], list[str]]:
    """What folds for a terminal that is this many columns wide at the time."""

    def fold_now(lead: str, text: str) -> list[str]:
        return fold(text, max(MIN_COLUMNS, columns() - get_cwidth(lead) - 1))

    return fold_now


def fold(text: str, columns: int) -> list[str]:
    """Break a text between words into rows of so many columns; a longer word (an address, say) stays whole."""
    rows: list[list[str]] = [[]]
    used = -1
    for word in text.split(" "):
        width = get_cwidth(word)
        if rows[-1] and used + 1 + width > columns:
            rows.append([])
            used = -1
        rows[-1].append(word)
        used += 1 + width
    return [" ".join(row) for row in rows]
