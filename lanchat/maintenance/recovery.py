"""Recovery: all rows of a table that can be read, where others can't: a damaged page takes those on it, and no more.

SQLite reads a table in the order of its key, and ends at the first damage. So reading goes on behind it: ever further behind,
until that succeeds, and then one by one in between.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from sqlite3 import Connection, DatabaseError
from typing import Any, TypeAlias

Row: TypeAlias = tuple[Any, ...]

#: After so many reads in vain, which take about half a minute, what is between two damages is given up. A page has some dozen
#: rows, and one that leads to others some ten thousand.
READS = 2_000_000


class Damaged:
    """A table in a damaged database, by the first column of its key: a whole number, or what stands for one."""

    def __init__(
        self,
        connection: Connection,
        table: str,
        last: int,
        value: Callable[[int], object] = int,
        number: Callable[[Any], int] = int,
    ) -> None:
        """`last` is the largest number that there can be.

        `value` makes of a number what the column has, and `number` the other way round.
        """
        self._connection = connection
        self._last = last
        self._value, self._number = value, number
        (column,) = connection.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE pk = 1").fetchone()  # noqa: S608 (ours)
        self._all = f"SELECT * FROM {table} ORDER BY {column}"  # noqa: S608 (our own names)
        self._from = f"SELECT * FROM {table} WHERE {column} >= ? ORDER BY {column}"  # noqa: S608 (our own names)
        self._one = f"SELECT * FROM {table} WHERE {column} >= ? AND {column} < ? ORDER BY {column}"  # noqa: S608 (our own names)
        self._edge: set[Row] = set()  # what came so far of the last number
        #: Reads in vain, one for each number. (There need not have been a row of that number.)
        self.unread = 0

    def rows(self) -> Iterator[Row]:
        """Every row that can be read, once."""
        at, ended = yield from self._pass(0, self._all)
        while not ended:
            begin = self._behind(at)
            for number in range(at, begin):
                if self.unread > READS:
                    break
                yield from self._single(number)
            at, ended = (yield from self._pass(begin, self._from, self._value(begin))) if begin <= self._last else (begin, True)

    def _pass(self, at: int, query: str, *values: object) -> Generator[Row, None, tuple[int, bool]]:
        """The rows up to a damage or the end; the number of the last, and whether it was the end."""
        self._edge.clear()
        try:
            for row in self._connection.execute(query, values):
                number = self._of(row)
                if number > at:
                    at = number
                    self._edge.clear()
                self._edge.add(row)
                yield row
        except DatabaseError:
            return at, False
        return at, True

    def _behind(self, at: int) -> int:
        """From which number on it can be read again, or almost; one more than the last if it can't."""
        step = 1
        while at + step <= self._last:
            with suppress(DatabaseError):
                self._connection.execute(f"{self._from} LIMIT 1", (self._value(at + step),)).fetchone()
                return at + step
            step *= 2
        return self._last + 1

    def _single(self, number: int) -> Iterator[Row]:
        """What can be read of one number, from both sides."""
        rows: list[Row] = []
        for order in ("ASC", "DESC"):
            query, values = f"{self._one} {order}", (self._value(number), self._value(number + 1))
            read = len(rows)
            try:
                for row in self._connection.execute(query, values):
                    rows.append(row)  # noqa: PERF402 (those before a damage count)
                break
            except DatabaseError:
                with suppress(DatabaseError):  # Python looks a row ahead: the last one before a damage was not handed on
                    rows += self._connection.execute(f"{query} LIMIT 1 OFFSET {len(rows) - read}", values)
        else:
            self.unread += 1
        yield from (row for row in dict.fromkeys(rows) if row not in self._edge)

    def _of(self, row: Row) -> int:
        """The number of a row; 0 when it has none that there can be."""
        try:
            number = self._number(row[0])
        except (TypeError, ValueError):
            return 0
        return number if number <= self._last else 0
