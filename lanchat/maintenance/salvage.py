"""Salvage: copying what can still be read of a damaged database into a new one, for people without a backup."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.maintenance import file_backup, kept_files
from lanchat.maintenance.backup import as_file_error, begin_epoch, locked
from lanchat.maintenance.recovery import Damaged, Row
from lanchat.protocol.entry import COLUMNS, entry_from_row
from lanchat.store import open_db, replace_db, schema, word_index
from lanchat.tables import files, rows
from lanchat.tables.recent import newest_seq

#: The two tables of the log, and all tables that are copied, each after those that it refers to. `meta` and `words` are made
#: anew.
LOG = ("kept", "fresh")
TABLES = (*rows.COLUMNS, *LOG)
#: Tables whose rows can be counted in an index: accounts, rooms, messages.
COUNTED = (("accounts",), ("rooms",), LOG)
#: Tables whose ids are never used again: what is left of a removed account or room must not become another's.
NUMBERED = ("accounts", "rooms", "sanctions", "hooks")
#: If the last id that was used can't be read, this many ids are skipped. A larger id than the second is taken for a damage.
MARGIN, MOST = 1_000_000, 10**12
#: Up to so many rows that could not be saved are listed one by one.
TOLD = 100

#: The ids of accounts and rooms in that of a conversation (`lanchat.protocol.entry.Entry.conv`).
_IN_CONV = re.compile(r"r(?P<room>[0-9]{1,12})|[pg](?P<first>[0-9]{1,12})x(?:(?P<second>[0-9]{1,12})$)?")


class Part(NamedTuple):
    """How much of one or two tables was saved."""

    #: How many rows are in the new database.
    saved: int
    #: How many are not; None if it can't be read how many there were.
    lost: int | None


class Saved(NamedTuple):
    """What was saved of a damaged database, and what was lost."""

    #: The path at which the damaged one is kept.
    old: Path
    #: Of each kind, how many.
    accounts: Part
    rooms: Part
    messages: Part
    #: How many rows were damaged or unusable, and texts about some of them.
    refused: int
    wrong: list[str]
    #: The names of other tables that could not be read completely.
    unread: list[str]

    @property
    def all(self) -> bool:
        """Whether no row and no table of the old database is missing in the new one."""
        return (
            not self.unread and not self.refused and all(part.lost == 0 for part in (self.accounts, self.rooms, self.messages))
        )


def salvage(directory: Path, when: str) -> Saved:
    """Replace the database by a new one with everything that can be read. The old one is kept with `when` in its name.

    A new epoch begins. The server must not run. Raises `FileError`.
    """
    path = directory / open_db.FILE
    with locked(directory), as_file_error(path), replace_db.making(path) as part:
        # The damaged file is not changed, unless SQLite has to roll back a transaction in it first.
        mode = "rw" if path.with_name(f"{path.name}-journal").exists() else "ro"
        with open_db.closing(path, mode) as damaged, _new_of_its_version(damaged, part) as new:
            work = _Salvage(damaged, new)
            work.run()
            accounts, rooms, messages = (work.part(*tables) for tables in COUNTED)
        with file_backup.keeping(directory / kept_files.FILES, path, replace_db.old_name(path, when)):
            old = replace_db.replace(path, part, when)
        return Saved(old, accounts, rooms, messages, sum(work.refused.values()), work.wrong, work.unread())


def _new_of_its_version(damaged: Connection, part: Path) -> AbstractContextManager[Connection]:
    """A new database of the version of the damaged one, so that they have the same tables."""
    (version,) = damaged.execute("PRAGMA user_version").fetchone()
    return open_db.closing(open_db.make(part, schema.STEPS[:version] or schema.STEPS))


class _Salvage:
    """Copies rows from a damaged database into a new one."""

    def __init__(self, damaged: Connection, new: Connection) -> None:
        self._damaged = damaged
        self._new = new
        # By table: unusable rows, failed reads, messages that are in both tables of the log.
        self.refused: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._twice: Counter[str] = Counter()
        self.wrong: list[str] = []
        # The largest id of each of these tables that is mentioned anywhere.
        self._mentioned = dict.fromkeys(NUMBERED, 0)
        self._conversations: set[str] = set()
        # Nothing but these tables is read, as a view might never end.
        there, self._ours = schema.tables(damaged), schema.tables(new)
        self._tables = {table for table, columns in self._ours.items() if there.get(table) == columns}

    def run(self) -> None:
        """Copy everything in one transaction, and then bring the new database to the newest version."""
        self._new.execute("PRAGMA foreign_keys = 1")
        self._new.execute("BEGIN")
        for table in filter(self._ours.__contains__, TABLES):
            self._save(table)
        self._keep_numbers()
        self._new.execute("COMMIT")
        schema.take_steps(self._new)
        self._new.execute("BEGIN")
        self._new.execute("DELETE FROM mentions WHERE seq NOT IN (SELECT seq FROM kept)")
        files.forget(self._new, files.strays(self._new))
        word_index.restart(self._new, newest_seq(self._new))
        begin_epoch(self._new)
        self._new.execute("COMMIT")

    def part(self, *tables: str) -> Part:
        """How much of these tables was saved. The old rows are counted in indexes, which are on other pages."""
        saved = sum(self._count(self._new, table, "NOT INDEXED") for table in tables)
        try:
            found = sum(self._count(self._damaged, table, f"INDEXED BY {_index(table)}") for table in tables)
        except sqlite3.DatabaseError:
            known = not any(self._unread[table] for table in tables)
            return Part(saved, sum(self.refused[table] for table in tables) if known else None)
        return Part(saved, max(0, found - saved - sum(self._twice[table] for table in tables)))

    def unread(self) -> list[str]:
        """The names of tables that could not be read completely, without knowing how much is missing."""
        counted = {table for tables in COUNTED for table in tables}
        return [table for table in TABLES if self._unread[table] and table not in counted]

    def _count(self, connection: Connection, table: str, how: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {table} {how}").fetchone()[0])  # noqa: S608 (our own names)

    def _save(self, table: str) -> None:
        """Copy the rows of a table that can be read and are usable."""
        if table not in self._tables:
            self._unread[table] = 1
            return
        into = "kept" if table in LOG else table
        reading = self._reading(table)
        for found in reading.rows():
            row = self._adopted(found) if table == "rooms" else found
            wrong = _fault(table, row)
            if table in NUMBERED:
                self._notice(table, row[0])
            if not wrong:
                self._mention(table, row)
                try:
                    self._new.execute(f"INSERT INTO {into} VALUES ({','.join('?' * len(row))})", row)  # noqa: S608 (ours)
                except sqlite3.IntegrityError as error:  # (it refers to a row that was not saved, or is there already)
                    wrong = "" if self._is_twice(table, row) else rows.describe(table, row, str(error))
            if wrong:
                self.refused[table] += 1
                self.wrong += [wrong] if len(self.wrong) < TOLD else []
        self._unread[table] = reading.unread

    def _is_twice(self, table: str, row: Row) -> bool:
        """Whether a message was already saved from the other table of the log."""
        same = table in LOG and self._new.execute("SELECT * FROM kept WHERE seq = ?", row[:1]).fetchone() == row
        self._twice[table] += same
        return same

    def _reading(self, table: str) -> Damaged:
        if table == "tokens":  # by the first two bytes of the hash
            return Damaged(self._damaged, table, 0xFFFF, _beginning, lambda found: int.from_bytes(found[:2], "big"))
        if table == "unlinked":  # by the first four digits
            return Damaged(self._damaged, table, 0xFFFF, _first_digits, lambda found: int(found[:4], 16))
        whose = {
            "devices": "accounts",
            "members": "accounts",
            "invitations": "rooms",
            "ranks": "rooms",
            "mentions": "accounts",
            "files": "kept",
            "undelivered": "hooks",
        }.get(table, table)
        return Damaged(self._damaged, table, self._last(whose))

    def _last(self, table: str) -> int:
        """The largest number that a key of this table may have."""
        found: list[Any] = []
        with suppress(sqlite3.DatabaseError):
            found += self._given(table)
        for how in (f"INDEXED BY {_index(table)}", "") if table in self._tables else ():
            with suppress(sqlite3.DatabaseError):
                found += self._damaged.execute(f"SELECT max(rowid) FROM {table} {how}").fetchone()  # noqa: S608 (our own names)
        return max((number for number in found if isinstance(number, int) and number <= MOST), default=MARGIN)

    def _given(self, table: str) -> tuple[Any, ...]:
        """The last id that was used in a table, from `sqlite_sequence`; empty if none was. Raises `DatabaseError`."""
        if "sqlite_sequence" not in self._tables:
            raise sqlite3.DatabaseError("it is not kept which numbers were given")
        return next(self._damaged.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)), ())

    def _adopted(self, room: Row) -> Row:
        """A room, without its owner if that account could not be saved."""
        there = self._new.execute("SELECT 1 FROM accounts WHERE id = ?", (room[5],)).fetchone()
        self._notice("accounts", room[5])
        return room if there else (*room[:5], None, *room[6:])

    # Numbers.

    def _mention(self, table: str, row: Row) -> None:
        """Remember the ids that a row refers to, even if it can't be saved."""
        values = dict(zip(COLUMNS if table in LOG else rows.COLUMNS[table], row, strict=False))
        author = values.get("author", values.get("account"))
        self._notice("accounts", author)
        if isinstance(author, int) and author < 0:  # (what a webhook said)
            self._notice("hooks", -author)
        self._notice("hooks", values.get("hook"))
        self._notice("rooms", values.get("room"))
        if table == "sanctions" and values["target"].startswith("@"):
            self._notice("accounts", values["target"][1:])
        conv = values.get("conv")
        if conv is not None and conv not in self._conversations and (found := _IN_CONV.match(conv)):
            self._conversations.add(conv)
            self._notice("rooms", found["room"])
            self._notice("accounts", found["first"])
            self._notice("accounts", found["second"])

    def _notice(self, table: str, number: Any) -> None:
        with suppress(TypeError, ValueError):
            if self._mentioned[table] < int(number) <= MOST:
                self._mentioned[table] = int(number)

    def _keep_numbers(self) -> None:
        """Set the last used ids, so that none is used again, also of accounts and rooms that were removed or lost."""
        for table in NUMBERED:
            number = self._mentioned[table]
            try:
                found = self._given(table) or (0,)
                given = found[0] if isinstance(found[0], int) and 0 <= found[0] <= MOST else number + MARGIN
            except sqlite3.DatabaseError:
                given = number + MARGIN
            self._new.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            self._new.execute("INSERT INTO sqlite_sequence(name, seq) VALUES (?, ?)", (table, max(number, given)))


def _fault(table: str, row: Row) -> str:
    if table in LOG:
        whole = (*row, *[None] * (len(COLUMNS) - len(row)))  # (the first versions had fewer columns)
        return "" if entry_from_row(whole) is not None else f"message {row[0]} is damaged"
    return rows.fault(table, row)


def _index(table: str) -> str:
    """An index that has all rows of a table."""
    return f"{table}_conv" if table in LOG else f"sqlite_autoindex_{table}_1"


def _beginning(number: int) -> bytes:
    """The smallest hash of a token with these first two bytes."""
    return number.to_bytes(2, "big") if number <= 0xFFFF else b"\xff" * 64


def _first_digits(number: int) -> str:
    """The smallest digest with these first four digits."""
    return f"{number:04x}" if number <= 0xFFFF else "g"
