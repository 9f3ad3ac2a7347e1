"""Erasure: what somebody said goes for good, and their name from what others said to them.

Somebody is whoever had an account of that name: the one that there is, and those that were removed, whose words stayed. What
guests say is no account's: a guest may be anybody, so it is left alone, as is what is said to them.

Beside the log somebody may have written topics of rooms, and why others are banned or muted. Who set a topic is not kept, so
all go that may be theirs: of rooms that they made, or whose maker is gone; of every room, if they were a moderator.

Each function up to `rewrite` is one short step, and what was begun can be gone on with after a crash. SQLite leaves what was
removed in the free parts of its pages, so at the end the file is written anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import Connection
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.maintenance import removal
from lanchat.model.session import Role
from lanchat.protocol.entry import COLUMNS, ERASED, entry_from_row, newest_seq
from lanchat.protocol.names import Name, key
from lanchat.protocol.spelling import caseless
from lanchat.store import accounts, open_db, recent, schema, word_index
from lanchat.store.store import Store
from lanchat.system.private_files import FileError

#: So many places of the log are looked at in one step, and so many pages of the index (of 4 KiB) written.
PLACES, PAGES = 1000, 250
#: Seconds for which the writer waits while the file is rewritten: to wait is better than to keep nothing.
PATIENCE, USUAL_PATIENCE = 3600, 5
#: So often, after a second each, it is tried to empty the `-wal`, which somebody may be reading.
TRIES = 10


#: Where an account says something to another or a guest, or a guest to it (`lanchat.protocol.entry.Entry.conv`).
_ALONE = "conv GLOB '[pg][0-9]*x*'"
_PAIR = re.compile(r"p([0-9]{1,18})x([0-9]{1,18})|g([0-9]{1,18})x.*", re.DOTALL)
_NEXT = "seq > :after AND seq <= :upto"
#: Said by an account (a guest has no author) that there is no more.
_REMOVED = "author NOT IN (SELECT id FROM accounts)"


@dataclass(frozen=True)
class Erasure:
    """Whose words go, and how far that is."""

    #: The key of the name, by today's rules.
    key: str
    #: By which keys of the name sanctions are about it. A key that another account has is not among them.
    names: frozenset[str]
    #: The account that was removed for this; 0 is none.
    account: int
    #: The newest place in the log that is looked at.
    upto: int
    #: Whether there was anything of theirs so far.
    found: bool
    #: Names with the same key that other accounts have (`lanchat.protocol.spelling.caseless`): what bears one of them is not
    #: touched.
    spared: frozenset[str] = frozenset()
    #: Whether they were a moderator, or an operator.
    moderated: bool = False
    #: Rooms that have no topic any more.
    topics: frozenset[int] = frozenset()
    after: int = 0
    #: Messages that are erased, and messages from which the name is.
    messages: int = 0
    addressed: int = 0

    @property
    def done(self) -> float:
        """How much of the log was looked at, from 0 to 1."""
        return self.after / self.upto if self.upto else 1.0

    @property
    def about(self) -> frozenset[str]:
        """The targets of sanctions about them."""
        return frozenset((f"@{self.account}", *self.names)) if self.account else frozenset()

    def is_theirs(self, name: str) -> bool:
        """Whether this is their name, in any spelling that no other account has."""
        return key(name) == self.key and caseless(name) not in self.spared


def begin(connection: Connection, name: Name) -> Erasure:
    """Remove the account if there is one, and remember that this was begun. The rest of them is found in the steps.

    The account is that of this very name. Another one with the same key stays (`lanchat.store.keys`), with all that is of it.
    """
    begun = connection.execute("SELECT value FROM meta WHERE name = ?", (_mark(name),)).fetchone()
    today, own = key(name.shown), caseless(name.shown)
    rows = connection.execute("SELECT id, name, key, role FROM accounts").fetchall()
    alike = [row for row in rows if isinstance(row[1], str) and (row[2] in {name.key, today} or key(row[1]) == today)]
    there = next((row for row in alike if row[2] == name.key and caseless(row[1]) == own), None)
    others = [row for row in alike if row is not there]
    erasure = Erasure(
        key=today,
        names=frozenset((name.key, today)).difference(kept for _, _, kept, _ in others),
        account=int((there or begun or (0,))[0]),
        upto=newest_seq(connection),
        found=bool(there or begun),
        spared=frozenset(caseless(shown) for _, shown, *_ in others) - {own},
        moderated=there is not None and there[3] >= Role.MODERATOR,
    )
    erasure = take_rest(connection, erasure)
    if erasure.account:
        accounts.remove(connection, erasure.account)
    schema.put(connection, _mark(name), erasure.account)
    return erasure


def take_rest(connection: Connection, erasure: Erasure) -> Erasure:
    """Erase what is theirs beside the log; and what was said up to now is to be looked at.

    It is done again when they have gone, who may have written something meanwhile.
    """
    spellings = _spellings(connection, erasure, "SELECT DISTINCT by_name FROM sanctions", {})
    connection.executemany("UPDATE sanctions SET by_name = ? WHERE by_name = ?", [(ERASED, one) for one in spellings])
    connection.execute("UPDATE sanctions SET reason = '' WHERE by_name = ?", (ERASED,))
    connection.executemany("DELETE FROM sanctions WHERE target = ?", [(target,) for target in erasure.about])
    found = erasure.found or bool(spellings)
    theirs = connection.execute(
        "SELECT id FROM rooms WHERE topic != '' AND (:moderated OR owner = :account OR (:found AND owner IS NULL))",
        {"moderated": erasure.moderated, "account": erasure.account, "found": found},
    ).fetchall()
    connection.executemany("UPDATE rooms SET topic = '' WHERE id = ?", theirs)
    topics = erasure.topics | {room for (room,) in theirs}
    return replace(erasure, found=found, topics=topics, upto=newest_seq(connection))


def step(connection: Connection, erasure: Erasure) -> Erasure:
    """Erase what is theirs in the next places of the log; how far it is then."""
    upto = min(erasure.after + PLACES, erasure.upto)
    recent.move(connection, upto)
    messages = _take_words(connection, erasure, upto)
    addressed = _take_name(connection, erasure, upto)
    return replace(
        erasure,
        after=upto,
        found=erasure.found or messages + addressed > 0,
        messages=erasure.messages + messages,
        addressed=erasure.addressed + addressed,
    )


def merge(connection: Connection, first: bool) -> bool:
    """Let go of words in the index that are nowhere in the log any more; whether there is more to be done."""
    return word_index.merge(connection, first, PAGES)


def finish(connection: Connection, name: Name) -> None:
    """Nothing more is to be gone on with."""
    connection.execute("DELETE FROM meta WHERE name = ?", (_mark(name),))


def wait_long(connection: Connection) -> None:
    """Let the writer wait while the file is rewritten."""
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000}")


def wait_as_usual(connection: Connection) -> None:
    """Let the writer wait no longer than usual, once the file is rewritten."""
    connection.execute(f"PRAGMA busy_timeout = {USUAL_PATIENCE * 1000}")


def rewrite(store: Store) -> Deferred[None]:
    """Write the file anew, without what was removed; fires when that is done, or fails with `FileError` or `sqlite3.Error`."""
    done: Deferred[None] = Deferred()

    def run() -> None:
        try:
            _rewrite(store.directory)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to whoever waits)
            store.call_in_reactor(done.errback, Failure(error))
        else:
            store.call_in_reactor(done.callback, None)

    Thread(target=run, name="lanchat rewriting", daemon=True).start()
    return done


def _rewrite(directory: Path) -> None:
    with open_db.closing(directory / open_db.FILE) as connection:
        wait_long(connection)
        connection.execute("VACUUM")
        connection.execute("PRAGMA busy_timeout = 1000")
        for _ in range(TRIES):
            if not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                return
            time.sleep(1)  # (in a thread of its own)
    raise FileError(f"{open_db.FILE}-wal is being read, perhaps by a backup, and could not be emptied")


def _take_words(connection: Connection, erasure: Erasure, upto: int) -> int:
    """What they said goes, in the next places; how many messages that were."""
    place: dict[str, Any] = {"after": erasure.after, "upto": upto}
    removed = f"SELECT DISTINCT name FROM kept WHERE {_NEXT} AND {_REMOVED}"  # noqa: S608 (our own words)
    names = json.dumps(_spellings(connection, erasure, removed, place))
    values = place | {"account": erasure.account, "names": names}
    theirs = f"{_NEXT} AND (author = :account OR ({_REMOVED} AND name IN (SELECT value FROM json_each(:names))))"  # noqa: S608 (our own words)
    word_index.remove(connection, theirs, values)
    removal.disturb(connection)
    return connection.execute(f"DELETE FROM kept WHERE {theirs}", values).rowcount  # noqa: S608 (our own words)


def _take_name(connection: Connection, erasure: Erasure, upto: int) -> int:
    """What was said to them alone stays without their name, in the next places; how many messages that were."""
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
        entry, kept = entry_from_row(row), row[-1]  # the sum of a damaged one stays wrong
        if entry is not None:
            entry.target = ERASED
            kept = entry.row()[-1]
        connection.execute("UPDATE kept SET target = ?, sum = ? WHERE seq = ?", (ERASED, kept, row[0]))
    return len(theirs)


def _spellings(connection: Connection, erasure: Erasure, query: str, values: dict[str, Any]) -> list[str]:
    """Those of the names found that are theirs. SQLite could ask us for each row, but then each may wait for the reactor."""
    return [name for (name,) in connection.execute(query, values) if isinstance(name, str) and erasure.is_theirs(name)]


def _addressee(conv: str, author: int | None) -> int:
    """The account that something was said to; 0 when it was a guest."""
    pair = _PAIR.fullmatch(conv)
    if pair is None:
        return 0
    first, second, host = (int(number or 0) for number in pair.groups())
    if host:
        return host if author is None else 0
    return second if author == first else first


def _is_removed(connection: Connection, account: int) -> bool:
    """Whether this was an account, and is none any more."""
    there = connection.execute("SELECT 1 FROM accounts WHERE id = ?", (account,)).fetchone()
    return account > 0 and there is None


def _mark(name: Name) -> str:
    """What is remembered under, which must not be a name itself."""
    return f"erasing {hashlib.sha256(name.key.encode()).hexdigest()}"
