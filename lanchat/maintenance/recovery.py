"""Reading the rows of a damaged table: only those on a damaged page are lost.

SQLite reads a table in the order of its key, and ends at the first damage. So reading goes on after it: at a key that is
further and further away until that succeeds, and then key by key in between.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from sqlite3 import Connection, DatabaseError
from typing import Any, TypeAlias

Row: TypeAlias = tuple[Any, ...]

#: After so many failed reads, which take about half a minute, keys between damages are not tried any more. A page has some
#: dozen rows; one of the upper levels of the table leads to some ten thousand.
READS = 2_000_000


class Damaged:
    """A table of a damaged database, read by the first column of its key, which is an integer or can be mapped to one."""

    def __init__(
        self,
        connection: Connection,
        table: str,
        last: int,
        value: Callable[[int], object] = int,
        number: Callable[[Any], int] = int,
    ) -> None:
        """`last` is the largest possible number of a key.

        `value` turns a number into a value of the column, `number` does the reverse.
        """
        self._connection = connection
        self._last = last
        self._value, self._number = value, number
        (column,) = connection.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE pk = 1").fetchone()  # noqa: S608 (ours)
        self._all = f"SELECT * FROM {table} ORDER BY {column}"  # noqa: S608 (our own names)
        self._from = f"SELECT * FROM {table} WHERE {column} >= ? ORDER BY {column}"  # noqa: S608 (our own names)
        self._one = f"SELECT * FROM {table} WHERE {column} >= ? AND {column} < ? ORDER BY {column}"  # noqa: S608 (our own names)
        self._edge: set[Row] = set()  # the rows of the last number that were returned so far
        #: How many numbers could not be read. (There need not have been a row of each.)
        self.unread = 0

    def rows(self) -> Iterator[Row]:
        """All rows that can be read, each once."""
        at, ended = yield from self._pass(0, self._all)
        while not ended:
            begin = self._behind(at)
            for number in range(at, begin):
                if self.unread > READS:
                    break
                yield from self._single(number)
            at, ended = (yield from self._pass(begin, self._from, self._value(begin))) if begin <= self._last else (begin, True)

    def _pass(self, at: int, query: str, *values: object) -> Generator[Row, None, tuple[int, bool]]:
        """Yield the rows up to a damage or the end. Returns the number of the last one, and whether it was the end."""
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
        """The number of a key after a damage, at which the table can be read again; one more than `last` if there is none."""
        step = 1
        while at + step <= self._last:
            with suppress(DatabaseError):
                self._connection.execute(f"{self._from} LIMIT 1", (self._value(at + step),)).fetchone()
                return at + step
            step *= 2
        return self._last + 1

    def _single(self, number: int) -> Iterator[Row]:
        """The rows of one number that can be read, in both directions."""
        rows: list[Row] = []
        for order in ("ASC", "DESC"):
            query, values = f"{self._one} {order}", (self._value(number), self._value(number + 1))
            read = len(rows)
            try:
                for row in self._connection.execute(query, values):
                    rows.append(row)  # noqa: PERF402 (those before a damage count)
                break
            except DatabaseError:
                with suppress(DatabaseError):  # (Python reads a row ahead, so the last one before the damage was not returned)
                    rows += self._connection.execute(f"{query} LIMIT 1 OFFSET {len(rows) - read}", values)
        else:
            self.unread += 1
        yield from (row for row in dict.fromkeys(rows) if row not in self._edge)

    def _of(self, row: Row) -> int:
        """The number of a row's key; 0 if it has no possible one."""
        try:
            number = self._number(row[0])
        except (TypeError, ValueError):
            return 0
        return number if number <= self._last else 0
