"""Erasure: removing for good what the accounts of a name said, and the name from what others said to them.

An erasure is about the account that has the name now, and those that had it and were removed: their messages stayed. What
guests said belongs to no account, as a guest may be anybody: it stays, as does what was said to guests.

Beside messages there may be topics of rooms, and the reasons for bans and mutes. Of topics from before version 3 it is not
stored who set them, so each goes that may be theirs: of the rooms that they made, or whose owner was removed; of all rooms, if
they were a moderator.

The work is divided into commands that take some milliseconds each, so that others are served in between: `BeginErasure`, then
`EraseMessages` until the end of the log, `EraseTraces` where new ones may have come, and `EndErasure`. One that was interrupted
can be begun again. At the end the file has to be rewritten (`lanchat.maintenance.rewrite`).
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from sqlite3 import Connection
from typing import Any

from msgspec import structs

from lanchat.model.names import Name, key
from lanchat.model.session import Role
from lanchat.protocol import events
from lanchat.protocol.entry import COLUMNS, ERASED, SUM, entry_from_row
from lanchat.protocol.spelling import caseless
from lanchat.store import schema
from lanchat.store.message_removal import count_erasure_step, remove_rows
from lanchat.tables import recent
from lanchat.tables.accounts import RemoveAccount
from lanchat.tables.log_command import LogCommand
from lanchat.tables.recent import newest_seq

#: How many places of the log one `EraseMessages` should look at.
PLACES = 1000

# Conversations of an account with another or with a guest (`lanchat.protocol.entry.Entry.conv`).
_ALONE = "conv GLOB '[pg][0-9]*x*'"
_PAIR = re.compile(r"p([0-9]{1,18})x([0-9]{1,18})|g([0-9]{1,18})x.*", re.DOTALL)
_NEXT = "seq > :after AND seq <= :upto"
# Rows whose author is an account that was removed (a guest has no author, and that of a webhook is below 0).
_REMOVED = "author > 0 AND author NOT IN (SELECT id FROM accounts)"


@dataclass(frozen=True)
class Erasure:
    """Who is erased, and how far that has come."""

    #: The key of the name, by the rules of this version.
    key: str
    #: The keys under which bans and mutes may be about the name. A key that another account has is not among them.
    names: frozenset[str]
    #: The id of the account that was removed for this; 0 if there was none.
    account: int
    #: The last place in the log that is to be looked at.
    upto: int
    #: Whether anything of theirs was found so far.
    found: bool
    #: Names with the same key that other accounts have (`lanchat.protocol.spelling.caseless`). What bears one of them stays.
    spared: frozenset[str] = frozenset()
    #: Whether they were a moderator or an operator.
    moderated: bool = False
    #: The ids of the rooms whose topics were removed.
    topics: frozenset[int] = frozenset()
    #: The places up to this one were looked at.
    after: int = 0
    #: How many messages were erased, and from how many others the name was.
    messages: int = 0
    addressed: int = 0

    @property
    def done(self) -> float:
        """The share of the log that was looked at, from 0 to 1."""
        return self.after / self.upto if self.upto else 1.0

    @property
    def about(self) -> frozenset[str]:
        """The targets of bans and mutes about them (`Sanction.target`)."""
        return frozenset((f"@{self.account}", *self.names)) if self.account else frozenset()

    def is_theirs(self, name: str) -> bool:
        """Whether this is their name, in any spelling but those of other accounts."""
        return key(name) == self.key and caseless(name) not in self.spared


class BeginErasure(LogCommand[Erasure], frozen=True):
    """Begin an erasure: remove the account of exactly this name, if there is one, and do what `EraseTraces` does."""

    #: Another account with the same key stays (`lanchat.store.name_keys`), with everything that belongs to it.
    name: Name

    def run(self, connection: Connection) -> Erasure:
        """Returns the erasure as it is then. That it was begun is noted in `meta`, with the id of the account."""
        mark = _mark(self.name)
        begun = connection.execute("SELECT value FROM meta WHERE name = ?", (mark,)).fetchone()
        today, own = key(self.name.shown), caseless(self.name.shown)
        keys = {self.name.key, today}
        rows = connection.execute("SELECT id, name, key, role FROM accounts").fetchall()
        alike = [row for row in rows if isinstance(row[1], str) and (row[2] in keys or key(row[1]) == today)]
        there = next((row for row in alike if row[2] == self.name.key and caseless(row[1]) == own), None)
        others = [row for row in alike if row is not there]
        erasure = Erasure(
            key=today,
            names=frozenset(keys).difference(kept for _, _, kept, _ in others),
            account=int((there or begun or (0,))[0]),
            upto=newest_seq(connection),
            found=bool(there or begun),
            spared=frozenset(caseless(shown) for _, shown, *_ in others) - {own},
            moderated=there is not None and there[3] >= Role.MODERATOR,
        )
        erasure = EraseTraces(erasure).run(connection)
        if erasure.account:
            RemoveAccount(erasure.account).run(connection)
        schema.set_meta(connection, mark, erasure.account)
        return erasure


class EraseTraces(LogCommand[Erasure], frozen=True):
    """Erase what is theirs beside messages: topics, bans and mutes about them, and their name and reasons in others."""

    erasure: Erasure

    def run(self, connection: Connection) -> Erasure:
        """Returns the erasure with what was found. Messages up to now are to be looked at, as some may be new."""
        erasure = self.erasure
        spellings = _spellings(connection, erasure, "SELECT DISTINCT by_name FROM sanctions", {})
        connection.executemany("UPDATE sanctions SET by_name = ? WHERE by_name = ?", [(ERASED, one) for one in spellings])
        connection.execute("UPDATE sanctions SET reason = '' WHERE by_name = ?", (ERASED,))
        connection.executemany("DELETE FROM sanctions WHERE target = ?", [(target,) for target in erasure.about])
        makers = _spellings(connection, erasure, "SELECT DISTINCT made_by FROM hooks", {})
        connection.executemany("UPDATE hooks SET made_by = ? WHERE made_by = ?", [(ERASED, one) for one in makers])
        found = erasure.found or bool(spellings or makers)
        setters = _spellings(connection, erasure, "SELECT DISTINCT topic_by FROM rooms", {})
        theirs = connection.execute(
            "SELECT id FROM rooms WHERE topic_by IN (SELECT value FROM json_each(:setters)) OR (topic != '' AND topic_by = ''"
            " AND (:moderated OR owner = :account OR (:found AND owner IS NULL)))",
            {"moderated": erasure.moderated, "account": erasure.account, "found": found, "setters": json.dumps(setters)},
        ).fetchall()
        connection.executemany("UPDATE rooms SET topic = '', topic_by = '' WHERE id = ?", theirs)
        topics = erasure.topics | {room for (room,) in theirs}
        return replace(erasure, found=found, topics=topics, upto=newest_seq(connection))


class EraseMessages(LogCommand[Erasure], frozen=True):
    """Erase their messages, and their name from what was said to them alone, in the next places of the log."""

    erasure: Erasure
    #: How many places are looked at.
    places: int = PLACES

    def run(self, connection: Connection) -> Erasure:
        """The erasure, with how far it has come and what was found."""
        erasure = self.erasure
        upto = min(erasure.after + self.places, erasure.upto)
        recent.move_all(connection, upto)
        rows, messages = _remove_messages(connection, erasure, upto)
        addressed = _remove_name(connection, erasure, upto)
        events = _remove_from_events(connection, erasure, upto)
        return replace(
            erasure,
            after=upto,
            found=erasure.found or rows + addressed + events > 0,
            messages=erasure.messages + messages,
            addressed=erasure.addressed + addressed,
        )


class EndErasure(LogCommand[None], frozen=True):
    """Note that an erasure is done, so that it is not begun again."""

    name: Name

    def run(self, connection: Connection) -> None:
        """Nothing happens if none was begun."""
        connection.execute("DELETE FROM meta WHERE name = ?", (_mark(self.name),))


def _remove_messages(connection: Connection, erasure: Erasure, upto: int) -> tuple[int, int]:
    """Remove what they said and did, in the places up to `upto`. How many entries that were, and how many of them messages."""
    place: dict[str, Any] = {"after": erasure.after, "upto": upto}
    removed = f"SELECT DISTINCT name FROM kept WHERE {_NEXT} AND {_REMOVED}"  # noqa: S608 (our own words)
    names = json.dumps(_spellings(connection, erasure, removed, place))
    values = place | {"account": erasure.account, "names": names}
    theirs = f"{_NEXT} AND (author = :account OR ({_REMOVED} AND name IN (SELECT value FROM json_each(:names))))"  # noqa: S608 (our own words)
    found = connection.execute(f"SELECT seq, about IS NULL FROM kept WHERE {theirs}", values).fetchall()  # noqa: S608 (ours)
    count_erasure_step(connection)
    remove_rows(connection, [seq for seq, _ in found], "0", {})
    return len(found), sum(said for _, said in found)


def _remove_name(connection: Connection, erasure: Erasure, upto: int) -> int:
    """Remove their name from what was said to them alone, in the places up to `upto`. From how many messages it was removed."""
    place: dict[str, Any] = {"after": erasure.after, "upto": upto}
    addressed = f"SELECT DISTINCT target FROM kept WHERE {_NEXT} AND {_ALONE}"  # noqa: S608 (our own words)
    names = json.dumps(_spellings(connection, erasure, addressed, place))
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM kept WHERE {_NEXT} AND {_ALONE}"  # noqa: S608 (our own words)
        " AND target IN (SELECT value FROM json_each(:names))",
        place | {"names": names},
    ).fetchall()
    theirs = [row for row in rows if _is_removed(connection, _addressee(conv=row[2], author=row[3]))]
    for row in theirs:
        entry, kept = entry_from_row(row), row[SUM]  # the sum of a damaged one stays wrong
        if entry is not None:
            entry.target = ERASED
            kept = entry.row()[SUM]
        connection.execute("UPDATE kept SET target = ?, sum = ? WHERE seq = ?", (ERASED, kept, row[0]))
    return len(theirs)


def _remove_from_events(connection: Connection, erasure: Erasure, upto: int) -> int:
    """Remove their name from what others did to them in rooms, in the places up to `upto`. From how many events."""
    place = {"after": erasure.after, "upto": upto}
    rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM kept WHERE {_NEXT} AND kind = 'event'", place).fetchall()  # noqa: S608 (ours)
    found = 0
    for entry in filter(None, map(entry_from_row, rows)):
        with suppress(ValueError):
            event = events.decode(entry.msg)
            if event.who is not None and erasure.is_theirs(event.who):
                entry.msg = structs.replace(event, who=ERASED).encode()
                connection.execute("UPDATE kept SET msg = ?, sum = ? WHERE seq = ?", (entry.msg, entry.row()[SUM], entry.seq))
                found += 1
    return found


def _spellings(connection: Connection, erasure: Erasure, query: str, values: dict[str, Any]) -> list[str]:
    """Which of the names that the query finds are theirs.

    (A function of ours that SQLite calls for each row might have to wait for the reactor's thread each time.)
    """
    return [name for (name,) in connection.execute(query, values) if isinstance(name, str) and erasure.is_theirs(name)]


def _addressee(conv: str, author: int | None) -> int:
    """The id of the account that something was said to, by its conversation and its author; 0 if it was a guest."""
    pair = _PAIR.fullmatch(conv)
    if pair is None:
        return 0
    first, second, host = (int(number or 0) for number in pair.groups())
    if host:
        return host if author is None else 0
    return second if author == first else first


def _is_removed(connection: Connection, account: int) -> bool:
    """Whether this is the id of an account that was removed."""
    there = connection.execute("SELECT 1 FROM accounts WHERE id = ?", (account,)).fetchone()
    return account > 0 and there is None


def _mark(name: Name) -> str:
    """The name in `meta` of an erasure that was begun. It must not tell the name that is erased."""
    return f"erasing {hashlib.sha256(name.key.encode()).hexdigest()}"
