"""World: what the store driver knows: the server that it drives, the accounts and rooms, and the model of the log."""

from __future__ import annotations

import copy
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from time import sleep
from typing import Any

from lanchat.history.search import Query, search
from lanchat.protocol.entry import COLUMNS, Entry, entry_from_row
from tests.drivers.core import BEGIN, Core, Time
from tests.drivers.logbook import Logbook, OutgoingMessage, said_of
from tests.drivers.rounds import Note
from tests.drivers.wrong import check, same, same_rows
from tests.fakes import User, log_in

#: The names of accounts and rooms. That of the first account is in no other word, so that it can be looked for in a file.
NAMES = ["zyxeva", "ann", "bob", "cat"]
ROOMS = ["#ops", "#den", "#hr"]
#: So often, each 5 ms after the other, it is tried to find the newest message.
INDEXED = 800
#: Seconds after which the writer has begun what it does when nothing is to be stored.
IDLE = 0.1
#: Words that messages are made of, each a word to SQLite as well.
WORDS = [f"{first}{second}o" for first in "bdfgklm" for second in ("ar", "ix")] + ["caf\u00e9", "na\u00efve", "\u6771\u4eac"]


@dataclass
class Known:
    """What is on the disk beside the log, and is put back with a backup."""

    log: Logbook = field(default_factory=Logbook)
    #: Accounts and rooms by name, each with its number.
    accounts: dict[str, int] = field(default_factory=dict)
    rooms: dict[str, int] = field(default_factory=dict)
    #: After which place in the log an account is owed what is said in a conversation.
    members: dict[tuple[int, str], int] = field(default_factory=dict)
    #: Up to where an account has read a conversation.
    read: dict[tuple[int, str], int] = field(default_factory=dict)
    #: The names of all accounts and rooms that ever were, by number; no number is given twice.
    owners: dict[int, str] = field(default_factory=dict)
    named: dict[int, str] = field(default_factory=dict)
    #: The account that made each room.
    owner: dict[str, int] = field(default_factory=dict)
    #: Who decided something, and a word of its text.
    decided: list[tuple[str, str]] = field(default_factory=list)
    #: At the last sweep: the time of day; for how long servers had run from sweep to sweep, all in all; and how much of that
    #: there was when the clock had gone a week further than the server ran. In seconds.
    shown: float = BEGIN
    ran: float = 0.0
    jumped: float = float("-inf")


class World:
    """A round of the store driver."""

    def __init__(self, directory: Path, dice: random.Random, note: Note) -> None:
        self.directory, self.dice, self.note = directory, dice, note
        self.time = Time()
        self.counts: Counter[str] = Counter()
        self.known = Known()
        self.backup: tuple[Path, Known] | None = None
        self.number = 0
        #: Whether programs take a `cid` again for something else, as those do that count from 1 in each run.
        self.reuses = dice.random() < 0.3
        #: Seconds by which the time of day is wrong.
        self.wrong_by = 0
        #: Whether it ever was.
        self.ever_wrong = False
        self.back: list[Entry] = []
        #: The changes that were made last.
        self.changes: list[Entry] = []
        self.open(directory / "data0")

    @property
    def log(self) -> Logbook:
        """The model of the log."""
        return self.known.log

    def open(self, place: Path) -> None:
        """Start the server on this directory."""
        self.core = Core(place, self.time)
        self.core.store.committed = self.back.extend
        self.core.router.chat.limits.set("packets", "off")
        self._users: dict[str, User] = {}

    def command(self, name: str, command: str, text: str) -> None:
        """Have an account ask this; it must succeed."""
        user = self._users.get(name)
        if user is None or user.client.disconnected:
            user = self._users[name] = log_in(self.core.router, name, "ack")
            self.core.settle()
        user.shown()
        user.send(command, text, cid=f"command {self.next()}")
        self.core.settle()
        told = [packet for packet in user.shown() if packet.x is not None and packet.x.cid is not None]
        done = len(told) == 1 and told[0].x is not None and told[0].x.op == "ok"
        check(done, "a command fails", f"{command} {text}: {told}")
        for entry in self.back:  # (what was done with a room; that it was made is not kept)
            if entry.kept:
                self.log.came_back(entry, self.time.seconds)
        self.back.clear()

    def owned(self) -> list[str]:
        """The rooms whose owner is still there."""
        return sorted(room for room, owner in self.known.owner.items() if owner in self.known.accounts.values())

    def next(self) -> int:
        """A number that was not used before."""
        self.number += 1
        return self.number

    def remember(self) -> Known:
        """What is known now, to come back to."""
        return copy.deepcopy(self.known)

    def idle(self) -> None:
        """Let the writer have time for what it does behind the commits."""
        sleep(IDLE)
        self.core.settle()

    # What every action may end with.

    def take_back(self, wanted: int) -> list[str]:
        """Wait until so many entries are back, and compare each with the model; what became of them."""
        self.core.settle()
        same(len(self.back), wanted, "an entry does not come back", "entries")
        fates = [self.log.came_back(entry, self.time.seconds) for entry in self.back]
        self.back.clear()
        self.counts["messages"] += len(fates)
        return fates

    def look(self) -> None:
        """Compare all that is in the log with the model."""
        check_log(self.core.read(rows_of), self.log)
        twice = self.core.ask("SELECT seq FROM kept INTERSECT SELECT seq FROM fresh")
        check(not twice, "in both tables", f"{twice} are in both tables")
        rows = self.core.ask("SELECT account, conv, max(since, read) FROM members")
        wanted = {member: max(since, self.known.read.get(member, 0)) for member, since in self.known.members.items()}
        marks = {(account, conv): read for account, conv, read in rows if (account, conv) in wanted}
        same(marks, wanted, "a read marker is wrong", "markers")
        self.counts["looks"] += 1

    def indexed(self) -> None:
        """Wait until the newest message is found by its words, a moment after it was stored, and all older ones are."""
        newest = max(self.log.found([], {said.conv for said in self.log.rows.values()}), default=0)
        if not newest:
            return
        said = self.log.rows[newest]
        query = Query(words=(said.msg.split()[0],))
        for _ in range(INDEXED):
            found = self.core.read(partial(search, query=query, readable=[said.conv]), slow=True)
            older = self.core.ask("SELECT 1 FROM meta WHERE name = 'unindexed' AND value > 0")
            if newest in [entry.seq for entry in found.entries] and not older:  # (the same may have been said before)
                return
            sleep(0.005)
        check(None, "a message is not found by its words", f"{said} at {newest} is not found {INDEXED / 200:.0f} s after")


def rows_of(connection: Connection) -> list[tuple[Any, ...]]:
    """Every row of the log."""
    return connection.execute(f"SELECT {', '.join(COLUMNS)} FROM log ORDER BY seq").fetchall()  # noqa: S608 (ours)


def check_log(rows: list[tuple[Any, ...]], log: Logbook, what: str = "the log") -> None:
    """Compare rows with the model. Those in no conversation are what is left of removed ones, so that repeats are known."""
    found: dict[int, OutgoingMessage] = {}
    for row in rows:
        entry = entry_from_row(row)
        check(entry is not None, "a row is damaged", f"{what}: {row}")
        assert entry is not None
        if entry.conv:
            found[entry.seq] = said_of(entry)
        else:
            check(not entry.msg, "an emptied row has a text", f"{what}: {entry}")
    same_rows(found, log.rows, "the log differs", what)
