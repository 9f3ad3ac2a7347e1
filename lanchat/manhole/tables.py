"""Tables: what a verb answers, as rows for programs, and as text that fits the window for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from lanchat.protocol.limits import format_value
from lanchat.system.columns import width

#: Between two columns, and where something was cut.
GAP, CUT = "  ", "\u2026"

RowT = TypeVar("RowT", bound=NamedTuple)


class Table(Sequence[RowT], Generic[RowT]):
    """Rows that print as a table under the names of their columns; without a window it is whole."""

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
        """The table, no wider than a window of so many columns; 0 is no window."""
        return aligned([self._head, *self._rows], columns)

    def __repr__(self) -> str:
        return self.fitted(0)


class Facts(dict[str, Any]):
    """A dict that prints a line for each entry."""

    def fitted(self, columns: int) -> str:
        """The lines, no wider than so many columns."""
        return aligned(list(self.items()), columns)

    def __repr__(self) -> str:
        return self.fitted(0)


class Text(str):
    """A text that prints as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def shown(value: Any, columns: int) -> str:
    """A value as it is shown in a window of so many columns; 0 is no window."""
    return value.fitted(columns) if columns and isinstance(value, (Table, Facts)) else repr(value)


def aligned(rows: Sequence[Sequence[Any]], columns: int) -> str:
    """Columns as wide as they must be; where a window is too narrow for that, the widest are cut. Numbers are on the right."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = _fitting([max(map(width, column)) for column in zip(*cells, strict=True)], columns)
    numeric = [isinstance(value, (int, float)) for value in rows[-1]]
    lines = (GAP.join(map(_cell, row, widths, numeric)).rstrip() for row in cells)
    return "\n".join(cut(line, columns) if columns else line for line in lines)


def cut(text: str, columns: int) -> str:
    """As much of a text as so many columns take, with an ellipsis if that is not all."""
    if width(text) <= columns:
        return text
    kept, taken = "", width(CUT)
    for char in text:
        taken += width(char)
        if taken > columns:
            break
        kept += char
    return kept + CUT


def _fitting(widths: list[int], columns: int) -> list[int]:
    """The widths of columns that fit: those that can't be as wide as they would have all the same, and the last the rest."""
    room = columns - len(GAP) * (len(widths) - 1) if columns else sum(widths)
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
