"""Salvage: every row that can be read comes through, what does not is told, and no number is given again."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from functools import partial
from pathlib import Path
from sqlite3 import Connection, DatabaseError

import pytest
from msgspec.structs import replace

from lanchat.maintenance import recovery
from lanchat.maintenance.salvage import MARGIN, salvage
from lanchat.model.names import parse
from lanchat.model.room import parse_name
from lanchat.model.session import Role
from lanchat.protocol.entry import COLUMNS
from lanchat.tables import accounts, recent, rooms
from tests.stores import Desk, entry, raw

pytestmark = pytest.mark.slow

PAGE, LEAF = 4096, 13
ROWS = f"SELECT {', '.join(COLUMNS)} FROM log ORDER BY seq"  # noqa: S608 (ours)


def pages(directory: Path, content: bytes) -> list[int]:
    """Where the pages of tables begin that have this in them."""
    whole = (directory / "lanchat.db").read_bytes()
    return [at for at in range(PAGE, len(whole), PAGE) if whole[at] == LEAF and content in whole[at : at + PAGE]]


def spoil(directory: Path, *places: int, size: int = 200) -> None:
    """Write something else over the beginnings of these pages."""
    content = bytearray((directory / "lanchat.db").read_bytes())
    dice = random.Random(5)  # noqa: S311 (no secret)
    for at in places:
        content[at : at + size] = b"\xff" + dice.randbytes(size - 1)
    (directory / "lanchat.db").write_bytes(content)


def one_by_one(directory: Path, table: str, numbers: range) -> list[int]:
    """The rows that can be read, each on its own."""
    found: list[tuple[int]] = []
    for number in numbers:
        with suppress(DatabaseError):
            found += raw(directory, f"SELECT seq FROM {table} WHERE seq = ?", number)  # noqa: S608 (ours)
    return [seq for (seq,) in found]


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A store with 3,000 messages, some of which are longer than a page."""
    directory = tmp_path / "data"
    with Desk(directory) as desk:
        for start in range(0, 3000, 500):
            desk.say(
                *(entry(f"message {n} " + "y" * (9000 if n % 400 == 7 else 100), f"c{n}") for n in range(start, start + 500))
            )
        desk.write(partial(recent.move_all, upto=10**9))
    raw(directory, "VACUUM")
    return directory


@pytest.mark.parametrize("hit", [(0, -1), (3, 4, 6), (2, 9, 10, 40, -3), (-1,)])
def test_all_that_can_be_read_one_by_one_comes_through(talk: Path, hit: tuple[int, ...]) -> None:
    good = {row[0]: row for row in raw(talk, ROWS)}
    leaves = pages(talk, b"10.0.0.1")
    spoil(talk, *(leaves[number] for number in hit))
    wanted = one_by_one(talk, "kept", range(1, 3001))
    assert 2000 < len(wanted) < 3000
    saved = salvage(talk, "then")
    assert saved.messages == (len(wanted), 3000 - len(wanted))
    assert not saved.all
    with Desk(talk) as desk:
        assert desk.ask(ROWS) == [good[seq] for seq in wanted]


def test_the_rest_of_a_long_message_that_is_lost_costs_that_message(talk: Path) -> None:
    whole = (talk / "lanchat.db").read_bytes()
    rest = next(at for at in range(PAGE, len(whole), PAGE) if whole[at + 4 : at + PAGE] == b"y" * (PAGE - 4))
    spoil(talk, rest, size=4)  # which says on which page it goes on
    saved = salvage(talk, "then")
    assert saved.messages == (2999, 1)


def test_a_table_is_read_where_its_index_can_not_be(talk: Path) -> None:
    roots = dict(raw(talk, "SELECT name, rootpage FROM sqlite_master WHERE type = 'index'"))
    spoil(talk, *((roots[name] - 1) * PAGE for name in ("kept_conv", "kept_cid")))
    saved = salvage(talk, "then")
    assert saved.messages == (3000, 0)
    assert saved.all


def test_what_can_not_be_read_at_all_ends_after_a_while(talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "READS", 100)
    ((root,),) = raw(talk, "SELECT rootpage FROM sqlite_master WHERE name = 'kept'")
    spoil(talk, (root - 1) * PAGE)
    assert salvage(talk, "then").messages == (0, 3000)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Forty accounts, each with devices, tokens, a room of its own, and somebody whom it has invited there."""
    directory = tmp_path / "data"

    def fill(connection: Connection) -> None:
        for number in range(1, 41):
            name = f"user{number}"
            account = accounts.add(connection, name=parse(name), password="p" * 300, role=Role.USER, now=0, most=99)
            for device in range(9):
                accounts.EnterDevice(account.id, f"device{device}" + "d" * 80, 0, 99).run(connection)
            for _ in range(5):
                connection.execute("INSERT INTO tokens VALUES (?, ?, 0)", (os.urandom(32), account.id))
            room = rooms.add(connection, parse_name(f"#room{number}"), account.id, False, 0, 99)
            rooms.admit(connection, room.id, account.id)
            rooms.Invite(room.id, max(1, number - 1)).run(connection)
        connection.execute("UPDATE devices SET online = 0")

    with Desk(directory) as desk:
        desk.write(fill)
    raw(directory, "VACUUM")
    return directory


TABLES = ("tokens", "devices", "members", "invitations", "rooms", "accounts")


@pytest.mark.parametrize("table", TABLES)
def test_a_damaged_page_of_any_table_costs_what_is_on_it(house: Path, table: str) -> None:
    before = {name: raw(house, f"SELECT * FROM {name}") for name in TABLES}  # noqa: S608 (ours)
    ((root,),) = raw(house, "SELECT rootpage FROM sqlite_master WHERE name = ?", table)
    content = (house / "lanchat.db").read_bytes()[(root - 1) * PAGE :][:PAGE]
    if content[0] in (2, 5):  # it leads to others: the first of these
        cell = int.from_bytes(content[12:14], "big")
        root = int.from_bytes(content[cell : cell + 4], "big")
    spoil(house, (root - 1) * PAGE)
    saved = salvage(house, "then")
    assert not saved.all
    after = {name: raw(house, f"SELECT * FROM {name}") for name in TABLES}  # noqa: S608 (ours)
    assert len(after[table]) < len(before[table])
    if table in ("tokens", "devices", "accounts"):
        assert after[table], "other pages are read"
    for name in TABLES:
        if name == table or table not in ("accounts", "rooms"):
            assert set(after[name]) <= set(before[name])
            assert name == table or after[name] == before[name]
    if table == "accounts":
        there = {row[0] for row in after["accounts"]}
        assert [row[0] for row in after["rooms"]] == [row[0] for row in before["rooms"]], "a room outlives its owner"
        assert {row[5] for row in after["rooms"]} == there | {None}


@pytest.mark.parametrize("sequence", ["is read", "is not read"])
def test_no_number_is_given_again(tmp_path: Path, sequence: str) -> None:
    directory = tmp_path / "data"

    def fill(connection: Connection) -> None:
        for name in ("ann", "bob", "eve"):
            accounts.add(connection, name=parse(name), password="", role=Role.USER, now=0, most=9)
        for name in ("#ops", "#hr"):
            rooms.add(connection, parse_name(name), 1, True, 0, 9)

    def leave(connection: Connection) -> None:
        accounts.RemoveAccount(3).run(connection)
        rooms.CloseRoom(2).run(connection)

    with Desk(directory) as desk:
        desk.write(fill)
        desk.say(entry("salary 4711", conv="r2"), entry("between two", author=1, conv="p1x3", target="eve"))
        desk.write(leave)
    if sequence == "is not read":
        ((root,),) = raw(directory, "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_sequence'")
        spoil(directory, (root - 1) * PAGE)
    salvage(directory, "then")
    with Desk(directory) as desk:
        mallory = desk.write(partial(accounts.add, name=parse("mallory"), password="", role=Role.USER, now=0, most=9))
        fun = desk.write(lambda connection: rooms.add(connection, parse_name("#fun"), mallory.id, False, 0, 9))
    wanted = (4, 3) if sequence == "is read" else (MARGIN + 4, MARGIN + 3)
    assert (mallory.id, fun.id) == wanted


def test_numbers_that_only_lost_rows_had_are_not_given_again(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with Desk(directory) as desk:
        desk.say(entry("by one who is lost", author=70, conv="p8x90", target="x"), entry("there", conv="r33"))
    raw(directory, "DELETE FROM sqlite_sequence WHERE name IN ('accounts', 'rooms')")
    raw(directory, "INSERT INTO members(account, conv, since) VALUES (120, 'r7', 0)")
    raw(directory, "INSERT INTO sanctions VALUES (1, 'mute', NULL, '@150', NULL, '', '', 0)")
    saved = salvage(directory, "then")
    assert saved.refused == 1, "a member that is no account"
    assert dict(raw(directory, "SELECT name, seq FROM sqlite_sequence WHERE name IN ('accounts', 'rooms')")) == {
        "accounts": 150,
        "rooms": 33,
    }


def test_mentions_of_messages_that_are_lost_are_lost(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with Desk(directory) as desk:
        desk.write(partial(accounts.add, name=parse("ann"), password="", role=Role.USER, now=0, most=9))
        desk.write(accounts.AllowReading(1, "r1"))
        desk.say(*(replace(entry(text), mentions=(1,)) for text in ("one", "two")))
    for table in ("kept", "fresh"):
        raw(directory, f"DELETE FROM {table} WHERE seq = 1")  # noqa: S608 (ours)
    salvage(directory, "then")
    assert [seq for (seq,) in raw(directory, "SELECT seq FROM mentions")] == [2]


def test_members_are_owed_what_is_said_after_a_salvage(talk: Path) -> None:
    with Desk(talk) as desk:
        desk.write(partial(accounts.add, name=parse("ann"), password="", role=Role.USER, now=0, most=9))
        room = desk.write(lambda connection: rooms.add(connection, parse_name("#ops"), 1, False, 0, 9))
        assert desk.write(partial(rooms.admit, room=room.id, account=1)) == 3000
    leaves = pages(talk, b"10.0.0.1")
    spoil(talk, *leaves[-20:])
    salvage(talk, "then")
    with Desk(talk) as desk:
        assert desk.store.last_seq < 3000
        assert desk.ask("SELECT since FROM members") == [(desk.store.last_seq,)]


def test_what_is_kept_of_the_damaged_one_is_as_it_was(talk: Path) -> None:
    spoil(talk, pages(talk, b"10.0.0.1")[5])
    before = (talk / "lanchat.db").read_bytes()
    saved = salvage(talk, "then")
    assert saved.old.read_bytes() == before
    assert sorted(os.listdir(talk)) == ["lanchat.db", "lanchat.db.then", "lock"]  # noqa: PTH208 (names)
