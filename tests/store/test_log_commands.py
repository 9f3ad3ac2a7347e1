"""Commands are values: a log of them and of messages, replayed into an empty database, gives the same content."""

from __future__ import annotations

import ast
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import msgspec
import pytest
from twisted.python.failure import Failure

from lanchat.model.names import parse, stored_name
from lanchat.model.room_rules import Rank, RoomRules
from lanchat.model.session import Role
from lanchat.protocol.entry import ACTION, COLUMNS, EDIT, EVENT, FILE, GONE, REACT, WITHDRAW, Entry
from lanchat.protocol.events import RoomEvent
from lanchat.protocol.files import ANY_TYPE, FileInfo
from lanchat.store import erasure, message_removal, word_index
from lanchat.store.log_commands import COMMANDS
from lanchat.store.timeline import DAY_MS, Age
from lanchat.store.writing import Job
from lanchat.tables import accounts, files, hooks, read_markers, recent, room_rules, rooms, sanctions, tokens
from lanchat.tables.log_command import LogCommand
from lanchat.tables.ranks import SetRank
from lanchat.tables.recent import newest_seq
from lanchat.tables.registration import AddAccount
from tests.fakes import FakeStore
from tests.maintenance.test_retention import misindexed
from tests.stores import NOW

ROOT = Path(__file__).parents[2]
#: Functions of SQLite's that answer differently each time.
NOT_THE_SAME = {
    "random", "randomblob", "date", "time", "datetime", "julianday", "strftime", "unixepoch", "timediff",
    "current_date", "current_time", "current_timestamp",
}  # fmt: skip
NAMES = [parse(name) for name in ("ann", "bob", "cat", "dan", "eve", "Zoë")]
ROOMS = [stored_name(f"#{name}", f"#{name}") for name in ("ops", "lab", "fun", "hall")]
BOTS = [stored_name(name, name) for name in ("build", "alerts", "door")]
WORDS = ["yes", "the pump is on fire", "it's out", "Größe", "", "no"]

_decode_command = msgspec.msgpack.Decoder(reduce(or_, COMMANDS)).decode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode


class Copy(FakeStore):
    """A copy of the log, which knows what it was given and what came of that."""

    def __init__(self) -> None:
        super().__init__(self._came_back)
        self.log: list[bytes | tuple[bytes]] = []
        #: The content at some moments, by how much of the log was done then.
        self.content_after: dict[int, dict[str, list[Any]]] = {}
        self.outcomes: list[object] = []
        self.results: list[Any] = []
        #: What commands asked of SQLite that they may not.
        self.strange: set[str] = set()
        self.connection.set_authorizer(self._asked)

    def do(self, item: Entry | LogCommand[Any]) -> None:
        """Hand in a message or a command, as it may be read from a log."""
        if isinstance(item, Entry):
            self.log.append((msgspec.msgpack.encode(item),))
            self.append(item)
        else:
            self.log.append(msgspec.msgpack.encode(item))
            self.write(item).addBoth(self._done)

    def replay(self, other: Copy, dice: Random) -> None:
        """Do the same as another copy, in other transactions, and with other housekeeping in between."""
        self.held = True
        for item in other.log:
            self.do(_decode_entry(*item) if isinstance(item, tuple) else _decode_command(item))
            looked = len(self.log) in other.content_after
            if looked or not dice.randrange(7):
                self.flush(dice, looked)

    def flush(self, dice: Random, look: bool) -> None:
        """Do what was handed in, and perhaps some of what else a writer does; note the content if asked to `look`."""
        self.release()
        self.held = True
        if look:
            self.content_after[len(self.log)] = self.content()
        if not dice.randrange(3):
            recent.move_some(self.connection, newest_seq(self.connection), dice.randrange(1, 40))
        if not dice.randrange(3):
            word_index.index_next(self.connection)

    def content(self) -> dict[str, list[Any]]:
        """All that the log contains, by table."""
        tables = ["accounts", "tokens", "devices", "rooms", "members", "mentions", "invitations", "ranks", "sanctions", "log"]
        tables += ["files", "unlinked", "hooks", "undelivered"]
        found = {table: sorted(self.connection.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}  # noqa: S608 (ours)
        local = "('clean', 'epoch', 'links', 'keys', 'tried', 'indexed', 'unindexed', 'withdrawn and erased')"
        found["meta"] = self.connection.execute(f"SELECT * FROM meta WHERE name NOT IN {local}").fetchall()  # noqa: S608 (ours)
        given = "SELECT * FROM sqlite_sequence WHERE name NOT IN ('kept', 'fresh') ORDER BY name"
        found["ids"] = [newest_seq(self.connection), *self.connection.execute(given)]
        return found

    def _done(self, result: Any) -> None:
        self.results.append(result)
        if isinstance(result, message_removal.SweepBegun):
            result = (result.upto, result.timeline.notes, result.erasures, result.withdrawn)
        if isinstance(result, erasure.Erasure):  # (sets of the same members may be written in different orders)
            self.outcomes.append(result)
        else:
            self.outcomes.append(repr(result.value) if isinstance(result, Failure) else repr(result))

    def _came_back(self, entries: Iterator[Entry]) -> bool:
        self.outcomes += [(entry.seq, entry.ts, entry.state, entry.dup, entry.cid) for entry in entries]
        return False

    def _asked(self, action: int, first: str | None, second: str | None, *_: object) -> int:
        if _is_in_a_command(sys._getframe()):
            if action == sqlite3.SQLITE_PRAGMA and first != "data_version":  # (FTS5 asks for that one)
                self.strange.add(f"PRAGMA {first}")
            if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in NOT_THE_SAME:
                self.strange.add(str(second))
        return sqlite3.SQLITE_OK


def _is_in_a_command(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not Job.run.__code__:
        frame = frame.f_back
    return frame is not None


class Life:
    """Commands and messages at random, of every kind, about the same few people and rooms; all follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.dice, self.copy, self.now = Random(seed), Copy(), NOW  # noqa: S311 (the same each time)
        self.erasing: erasure.Erasure | None = None
        self.said = self._entry()
        self.kinds: dict[type[LogCommand[Any]], Callable[[], LogCommand[Any] | None]] = {
            AddAccount: self._add_account,
            accounts.SetPassword: lambda: accounts.SetPassword(self._account(), self._word()),
            accounts.RehashPassword: lambda: accounts.RehashPassword(self._account(), self._word(), self._word()),
            accounts.SetRole: lambda: accounts.SetRole(self._account(), self.dice.choice([Role.USER, Role.MODERATOR])),
            accounts.SetAway: lambda: accounts.SetAway(self._account(), self._word()),
            accounts.RemoveAccount: lambda: accounts.RemoveAccount(self._account()) if self._rarely() else None,
            accounts.AddToken: lambda: accounts.AddToken(self._account(), self.dice.randbytes(8), self.now // DAY_MS, 2),
            tokens.RemoveTokens: lambda: tokens.RemoveTokens(self._account()) if self._rarely() else None,
            accounts.EnterDevice: self._enter_device,
            accounts.MoveCursors: self._move_cursors,
            accounts.EndClassicSessions: accounts.EndClassicSessions,
            accounts.AllowReading: lambda: accounts.AllowReading(self._account(), self._conv(), self.dice.randrange(9)),
            read_markers.MoveMarkers: self._move_markers,
            read_markers.SetMuted: lambda: read_markers.SetMuted(self._account(), (self._conv(), self._conv()), self._rarely()),
            rooms.OpenLobby: lambda: rooms.OpenLobby(ROOMS[-1], self._seconds),
            rooms.CreateRoom: self._create_room,
            rooms.CloseRoom: lambda: rooms.CloseRoom(self._room()) if self._rarely() else None,
            rooms.CloseEmptyRooms: rooms.CloseEmptyRooms,
            rooms.RenameRoom: lambda: rooms.RenameRoom(self._room(), self.dice.choice(ROOMS)),
            room_rules.SetRules: lambda: room_rules.SetRules(self._room(), self._some_rules()),
            SetRank: lambda: SetRank(self._room(), self._account(), self.dice.choice(list(Rank))),
            rooms.SetTopic: lambda: rooms.SetTopic(self._room(), self._word(), self._word(), self._seconds),
            rooms.Invite: lambda: rooms.Invite(self._room(), self._account(), 2),
            rooms.Uninvite: lambda: rooms.Uninvite(self._room(), self._account()),
            rooms.JoinRoom: lambda: rooms.JoinRoom(self._room(), self._account(), self._rarely()),
            rooms.RemoveMembers: lambda: rooms.RemoveMembers(self._room(), (self._account(), self._account())),
            sanctions.AddSanction: self._add_sanction,
            sanctions.RemoveSanctions: lambda: sanctions.RemoveSanctions(
                "ban", self._place(), (self._target(), self._target())
            ),
            sanctions.RemoveEndedSanctions: lambda: sanctions.RemoveEndedSanctions(self._seconds),
            files.TakeUnneeded: lambda: files.TakeUnneeded(files.listed(self.copy.connection, "", 3)),
            files.ForgetStrays: lambda: files.ForgetStrays((self.dice.randrange(1, 100),)),
            hooks.AddHook: self._add_hook,
            hooks.ChangeHook: lambda: hooks.ChangeHook(
                self._hook(), self.dice.choice([None, self.dice.randbytes(8)]), self.dice.choice([None, False, True])
            ),
            hooks.RemoveHook: lambda: hooks.RemoveHook(self._hook()),
            hooks.NoteHooksUsed: lambda: hooks.NoteHooksUsed(((self._hook(), self._seconds), (self._hook(), 5))),
            hooks.MoveHook: self._move_hook,
            hooks.ForgetUndelivered: lambda: hooks.ForgetUndelivered(self._hook(), self.dice.randrange(999)),
            message_removal.BeginSweep: lambda: message_removal.BeginSweep(self.now, self.dice.randrange(DAY_MS)),
            message_removal.RemoveMessages: self._remove_messages,
            erasure.BeginErasure: self._begin_erasure,
            erasure.EraseTraces: lambda: None if self.erasing is None else erasure.EraseTraces(self.erasing),
            erasure.EraseMessages: self._erase_messages,
            erasure.EndErasure: lambda: erasure.EndErasure(self.dice.choice(NAMES)),
        }

    def run(self, steps: int) -> Copy:
        """Do so many of them."""
        while len(self.copy.log) < steps:
            self.now += self.dice.choice([1, 500, 60_000, 3_600_000])
            if not self.dice.randrange(300):  # somebody sets the clock
                self.now += self.dice.choice([-30, -2, 2, 30]) * DAY_MS
            for _ in range(self.dice.choice([0, 1, 5])):
                self.said = self._entry() if self.dice.randrange(9) else msgspec.structs.replace(self.said, ts=self.now)
                self.copy.do(msgspec.structs.replace(self.said))
            if (command := self.kinds[self.dice.choice(COMMANDS)]()) is not None:
                self.copy.do(command)
            if not self.dice.randrange(4):
                self.copy.flush(self.dice, not self.dice.randrange(10))
                self.erasing = next((one for one in self.copy.results if isinstance(one, erasure.Erasure)), self.erasing)
                self.copy.results.clear()
        self.copy.flush(self.dice, True)
        return self.copy

    @property
    def _seconds(self) -> int:
        return self.now // 1000

    def _rarely(self) -> bool:
        return not self.dice.randrange(8)

    def _account(self) -> int:
        found = self.copy.connection.execute("SELECT id FROM accounts ORDER BY id").fetchall()
        return int(self.dice.choice([*found, (99,)])[0])

    def _room(self) -> int:
        found = self.copy.connection.execute("SELECT id FROM rooms ORDER BY id").fetchall()
        return int(self.dice.choice([*found, (99,)])[0])

    def _place(self) -> int | None:
        return self.dice.choice([None, self._room()])

    def _word(self) -> str:
        return self.dice.choice(WORDS)

    def _target(self) -> str:
        return self.dice.choice([f"@{self._account()}", "10.0.0.9", self.dice.choice(NAMES).key])

    def _conv(self) -> str:
        return self.dice.choice([f"r{self._room()}", f"p{self._account()}x{self._account()}", f"g{self._account()}xguest"])

    def _entry(self) -> Entry:
        author = self.dice.choice([None, self._account(), self._account()])
        cid = self.dice.choice([None, *map(str, range(30))])
        target = self.dice.choice([*NAMES, *ROOMS]).shown
        said = (self.dice.choice(NAMES).shown, "10.0.0.1", target, self._word(), self.now, None, cid)
        return self._of_a_kind(Entry(self._conv(), author, *said, mentions=(self._account(),) if self._rarely() else ()))

    def _of_a_kind(self, entry: Entry) -> Entry:
        """An entry, which may be of another kind: an event, or a change of a message that may be there."""
        kind = self.dice.choice([*[None] * 9, ACTION, FILE, EVENT, EDIT, EDIT, WITHDRAW, REACT])
        if kind == FILE:
            file = FileInfo("plan.txt", ANY_TYPE, 5, self.dice.choice("abc") * 64, thumb=self.dice.choice(["", "d" * 64]))
            return msgspec.structs.replace(entry, kind=kind, file=file)
        if kind == EVENT:
            event = RoomEvent("kicked", self.dice.choice([None, *(name.shown for name in NAMES)]))
            return msgspec.structs.replace(entry, kind=kind, about=0, msg=event.encode(), kept=not self._rarely())
        if kind in {EDIT, WITHDRAW, REACT}:
            newest = "SELECT seq, conv, author FROM log WHERE about IS NULL AND conv != '' ORDER BY seq DESC LIMIT 30"
            about, conv, author = self.dice.choice([*self.copy.connection.execute(newest), (99, "r1", 1)])
            author = entry.author if kind == REACT or author is None else author
            return msgspec.structs.replace(entry, kind=kind, about=about, conv=conv, author=author)
        return msgspec.structs.replace(entry, kind=kind)

    def _add_account(self) -> AddAccount:
        name, device = self.dice.choice(NAMES), self.dice.choice([None, "", "phone"])
        return AddAccount(name, self._word(), Role.USER, self._seconds, 6, (self._room(), self._room()), device, 3)

    def _enter_device(self) -> accounts.EnterDevice:
        devices = ["", "phone", "laptop", "tablet", "tv"]
        online = frozenset(self.dice.sample(devices, 2))
        return accounts.EnterDevice(self._account(), self.dice.choice(devices), self.now // DAY_MS, 3, online)

    def _move_cursors(self) -> accounts.MoveCursors:
        moved = [(self._account(), self.dice.choice(["", "phone", "watch"]), self.dice.randrange(99)) for _ in range(3)]
        return accounts.MoveCursors(tuple(accounts.Moved(*one, self._rarely()) for one in moved), self._seconds)

    def _move_markers(self) -> read_markers.MoveMarkers:
        moved = [read_markers.Marker(self._account(), self._conv(), self.dice.randrange(9999)) for _ in range(3)]
        return read_markers.MoveMarkers(tuple(moved))

    def _create_room(self) -> rooms.CreateRoom:
        owner, rules = self.dice.choice([self._account(), None]), self.dice.choice([None, self._rules()])
        return rooms.CreateRoom(self.dice.choice(ROOMS), owner, self._rarely(), self._seconds, 6, rules=rules)

    def _rules(self) -> RoomRules:
        return RoomRules(moderated=self._rarely(), temporary=self._rarely(), key=self._word(), limit=self.dice.randrange(3))

    def _some_rules(self) -> dict[str, bool | int | str]:
        rules: dict[str, bool | int | str] = {"private": self._rarely(), "moderated": self._rarely()}
        rules |= {"key": self._word(), "limit": self.dice.randrange(3)}
        return {rule: rules[rule] for rule in self.dice.sample(sorted(rules), 2)}

    def _add_sanction(self) -> sanctions.AddSanction:
        until = self.dice.choice([None, self._seconds + self.dice.randrange(90_000)])
        by, expelled = self.dice.choice(NAMES).shown, (self._account(),)
        kind = self.dice.choice(["ban", "mute"])
        return sanctions.AddSanction(kind, self._place(), self._target(), until, self._word(), by, self._seconds, expelled)

    def _add_hook(self) -> hooks.AddHook:
        url = self.dice.choice(["", "http://10.0.0.9/in"])
        return hooks.AddHook(self.dice.choice(BOTS), self._room(), self.dice.randbytes(8), url, "ann", self._seconds, 2)

    def _move_hook(self) -> hooks.MoveHook:
        hook, seq = self._hook(), self.dice.randrange(999)
        return hooks.MoveHook(hook, seq, (hooks.Undelivered(hook, seq, self._seconds, self._word()),), 2)

    def _hook(self) -> int:
        found = self.copy.connection.execute("SELECT id FROM hooks ORDER BY id").fetchall()
        return int(self.dice.choice([*found, (99,)])[0])

    def _remove_messages(self) -> message_removal.RemoveMessages | None:
        """As retention has it: some of those that were there when it looked."""
        newest = newest_seq(self.copy.connection)
        if newest < 20:
            return None
        begin = self.dice.randrange(1, newest)
        seqs = tuple(sorted(self.dice.sample(range(begin, begin + 30), 10)))
        steps = message_removal.erasure_steps(self.copy.connection)
        return message_removal.RemoveMessages(seqs, Age(self.now - DAY_MS, newest, newest // 2), steps)

    def _erase_messages(self) -> erasure.EraseMessages | None:
        return None if self.erasing is None else erasure.EraseMessages(self.erasing, self.dice.randrange(1, 500))

    def _begin_erasure(self) -> erasure.BeginErasure | None:
        return erasure.BeginErasure(self.dice.choice(NAMES)) if self._rarely() else None


def compared(life: Copy, other: Copy) -> Iterator[str]:
    """What is not the same in a copy that replayed the log of another."""
    for place, first in life.content_after.items():
        second = other.content_after[place]
        yield from (f"{table} after {place}" for table in first if first[table] != second[table])
    if life.outcomes != other.outcomes:
        yield "outcomes"
    yield from sorted(life.strange | other.strange)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Lets a year pass."""

    def pass_by() -> None:
        now = time.time() + 365 * 86400
        monkeypatch.setattr(time, "time", lambda: now)

    yield pass_by
    monkeypatch.undo()


def replayed(seed: int, steps: int, later: Callable[[], None]) -> tuple[Copy, list[str]]:
    """What was done, and what was not the same when it was done again in another database."""
    life, other = Life(seed).run(steps), Copy()
    later()
    other.replay(life, Random(seed + 1))  # noqa: S311 (the same each time)
    return life, [*compared(life, other)]


@pytest.mark.slow
def test_a_log_that_is_replayed_gives_the_same_database(later: Callable[[], None]) -> None:
    life, different = replayed(2026, 5000, later)
    assert different == []
    done = [_decode_command(item) for item in life.log if isinstance(item, bytes)]
    assert {type(command) for command in done} == set(COMMANDS)
    left = "SELECT count(*) FROM mentions WHERE seq NOT IN (SELECT seq FROM log WHERE conv != '')"
    assert life.connection.execute(left).fetchone() == (0,), "mentions are gone with their messages"
    strange = "SELECT count(*) FROM mentions WHERE (account, conv) NOT IN (SELECT account, conv FROM members)"
    assert life.connection.execute(strange).fetchone() == (0,), "and only of those who may read the conversation"
    contents = life.content_after.values()
    assert all(max(len(content[table]) for content in contents) > 1 for table in life.content()), "there is something in each"
    assert sum(isinstance(outcome, tuple) and outcome[3] for outcome in life.outcomes) > 9, "repeats"
    assert sum(isinstance(outcome, tuple) and outcome[2] == GONE for outcome in life.outcomes) > 9, "too late"
    kinds = {row[COLUMNS.index("kind")] for content in contents for row in content["log"]}
    assert kinds == {None, ACTION, EVENT, EDIT, WITHDRAW, REACT, FILE}
    assert misindexed(life.connection) == []


def test_what_becomes_of_a_message_does_not_depend_on_its_batch() -> None:
    first, second, third = (Entry("r1", 1, "ann", "", "#ops", text, NOW, None, "1") for text in ("one", "two", "one"))
    second.ts = third.ts = NOW + 2 * DAY_MS  # somebody has set the clock
    together, apart = Copy(), Copy()
    together.held = True
    for one in (first, second, third):
        together.do(msgspec.structs.replace(one))
        apart.do(msgspec.structs.replace(one))
    together.release()
    assert together.content() == apart.content()
    assert together.outcomes == apart.outcomes


def clock(connection: sqlite3.Connection) -> str:
    return str(time.time())


def chance(connection: sqlite3.Connection) -> str:
    return str(random.random())  # noqa: S311 (a fault that is planted)


def chance_of_sqlite(connection: sqlite3.Connection) -> str:
    return str(connection.execute("SELECT random() & 0").fetchone()[0])


def size_of_the_file(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA page_size").fetchone()[0])


@pytest.mark.parametrize("fault", [clock, chance, chance_of_sqlite, size_of_the_file])
def test_a_command_that_looks_elsewhere_is_found(
    fault: Callable[[sqlite3.Connection], str], later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: rooms.SetTopic, connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE rooms SET topic = ? WHERE id = ?", (fault(connection), self.room))

    monkeypatch.setattr(rooms.SetTopic, "run", run)
    assert replayed(5, 1000, later)[1]


def test_all_commands_are_in_the_table_of_the_documents() -> None:
    rows = [f"| `{command.__name__}` | {(command.__doc__ or '').splitlines()[0]} |" for command in COMMANDS]
    table = [line for line in (ROOT / "docs" / "keeping.md").read_text().splitlines() if line in rows]
    assert table == rows


def test_all_commands_are_in_the_list() -> None:
    assert set(COMMANDS) == {command for command in LogCommand.__subclasses__() if command.__module__.startswith("lanchat.")}


@pytest.mark.parametrize("module", sorted({command.__module__ for command in COMMANDS}))
def test_where_commands_are_there_is_no_clock_and_no_chance(module: str) -> None:
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not found & {"time", "datetime", "random", "secrets", "uuid", "os"}
