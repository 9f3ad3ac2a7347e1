"""The answers of commands: rows for programs, and text that fits the window for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from lanchat.protocol.limits import format_value
from lanchat.system.columns import width

#: The text between two columns, and the mark where a text was cut.
COLUMN_GAP, ELLIPSIS = "  ", "\u2026"

RowT = TypeVar("RowT", bound=NamedTuple)


class Table(Sequence[RowT], Generic[RowT]):
    """A sequence of rows that prints as a table with a heading; without a window it is not cut."""

    def __init__(self, head: Sequence[str], rows: Sequence[RowT]) -> None:
        self._head = head
        self._rows = rows

    def __iter__(self) -> Iterator[RowT]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def fitted(self, columns: int) -> str:
        """The table as text, no wider than `columns`; 0 is no window."""
        return aligned([self._head, *self._rows], columns)

    def __repr__(self) -> str:
        return self.fitted(0)


class Facts(dict[str, Any]):
    """A dict that prints one line for each entry."""

    def fitted(self, columns: int) -> str:
        """The lines as text, no wider than `columns`."""
        return aligned(list(self.items()), columns)

    def __repr__(self) -> str:
        return self.fitted(0)


class Text(str):
    """A string that prints without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def shown(value: Any, columns: int) -> str:
    """A value as text for a window of `columns` columns; 0 is no window."""
    return value.fitted(columns) if columns and isinstance(value, (Table, Facts)) else repr(value)


def aligned(rows: Sequence[Sequence[Any]], columns: int) -> str:
    """Rows as aligned columns; if the window is too narrow, the widest ones are cut. Numbers are aligned to the right."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = _fitting([max(map(width, column)) for column in zip(*cells, strict=True)], columns)
    numeric = [isinstance(value, (int, float)) for value in rows[-1]]
    lines = (COLUMN_GAP.join(map(_cell, row, widths, numeric)).rstrip() for row in cells)
    return "\n".join(cut(line, columns) if columns else line for line in lines)


def cut(text: str, columns: int) -> str:
    """A text cut to so many columns, with an ellipsis if something is missing."""
    if width(text) <= columns:
        return text
    kept, taken = "", width(ELLIPSIS)
    for char in text:
        taken += width(char)
        if taken > columns:
            break
        kept += char
    return kept + ELLIPSIS


def _fitting(widths: list[int], columns: int) -> list[int]:
    """The widths of columns that fit: those that don't get their full width are equal, and the last of them takes the rest."""
    room = columns - len(COLUMN_GAP) * (len(widths) - 1) if columns else sum(widths)
    most = max(widths)
    while most > 1 and sum(min(wide, most) for wide in widths) > room:
        most -= 1
    fitting = [min(wide, most) for wide in widths]
    if most in fitting:
        last = len(widths) - 1 - fitting[::-1].index(most)
        fitting[last] = min(widths[last], most + max(0, room - sum(fitting)))
    return fitting


def _text(value: Any) -> str:
    return format_value(value) if isinstance(value, float) else str(value)


def _cell(text: str, columns: int, numeric: bool) -> str:
    text = cut(text, columns)
    padding = " " * (columns - width(text))
    return padding + text if numeric else text + padding
