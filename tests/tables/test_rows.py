"""Stored rows: whoever has a name keeps it, and a row that nothing can be done with costs that row alone."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from sqlite3 import Connection

import pytest
from hypothesis import given, strategies as st

from lanchat.maintenance.backup import begin_epoch
from lanchat.model import names
from lanchat.model.names import parse
from lanchat.model.room import parse_name
from lanchat.model.session import Role
from lanchat.state.online import OnlineUsers
from lanchat.system.private_files import FileError
from lanchat.tables import accounts, rooms
from lanchat.tables.accounts import find_password, find_token
from tests.fakes import User, make_router, store_of
from tests.live import PATIENCE, SCRIPTS, Server, login
from tests.people import again, person
from tests.stores import Desk, entry, raw

#: Names that were allowed once: with a blank, beginning with a mark, of two scripts, too long, of nothing but a mark.
ODD = ("a b", "\u0301bob", "аnn", "x" * 40, "_", "10.1", "ܐ\u200dܒ")
#: Rows of which each is wrong in another way, and what is said about it.
WRONG = (
    (
        "INSERT INTO accounts VALUES (20, 'odd', 'odd', 77, 'x', 0, '')",
        "accounts (20, 'odd'): its role is 77",
    ),
    (
        "INSERT INTO accounts VALUES (21, '', '', 1, 'x', 0, '')",
        "accounts (21, ''): its name is ''",
    ),
    (
        "INSERT INTO accounts VALUES (22, 'a\nb', 'ab', 1, 'x', 0, '')",
        r"accounts (22, 'a\nb'): its name is 'a\nb'",
    ),
    (
        "INSERT INTO accounts VALUES (23, x'ff00', 'by', 1, 'x', 0, '')",
        "accounts (23, bytes): its name is bytes",
    ),
    (
        "INSERT INTO rooms VALUES (30, '#odd', '#odd', '', 'x', NULL, 0, '', 0, '{}')",
        "rooms (30, '#odd'): its private is 'x'",
    ),
    ("INSERT INTO members(account, conv, since) VALUES (99, 'r1', 0)", "members (99, 'r1'): there is no account 99"),
    ("INSERT INTO members(account, conv, since) VALUES (1, 'nowhere', 0)", "members (1, 'nowhere'): its conv is 'nowhere'"),
    ("INSERT INTO members(account, conv, since) VALUES (1, 'r7', 'x')", "members (1, 'r7'): its since is 'x'"),
    ("INSERT INTO invitations VALUES (99, 1)", "invitations (99, 1): there is no room 99"),
    ("INSERT INTO invitations VALUES (1, 99)", "invitations (1, 99): there is no account 99"),
    ("INSERT INTO devices VALUES (1, 'd', 'x', 0, 0)", "devices (1, 'd'): its cursor is 'x'"),
    ("INSERT INTO tokens VALUES (x'0102', 99, 0)", "tokens (bytes, 99): there is no account 99"),
    ("INSERT INTO sanctions VALUES (1, 'hug', NULL, 'bob', NULL, '', '', 0)", "sanctions (1, 'hug'): its kind is 'hug'"),
    ("INSERT INTO sanctions VALUES (2, 'ban', NULL, '@1x', NULL, '', '', 0)", "sanctions (2, 'ban'): its target is '@1x'"),
    ("INSERT INTO sanctions VALUES (3, 'ban', NULL, 'x', 1e300, '', '', 0)", "sanctions (3, 'ban'): its until is 1e+300"),
    ("INSERT INTO sanctions VALUES (4, 'ban', 99, 'x', NULL, '', '', 0)", "sanctions (4, 'ban'): there is no room 99"),
)
LOADED = ("accounts", "rooms", "members", "invitations", "sanctions")


def admin(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A directory with an account, a room, a message, and all the rows that are wrong."""
    data = tmp_path / "data"
    with Desk(data) as desk:
        desk.write(partial(accounts.add, name=parse("ann"), password="", role=Role.USER, now=0, most=9))
        desk.write(lambda connection: rooms.add(connection, parse_name("#ops"), 1, False, 0, 9))
        desk.say(entry("hello"))
    for sql, _ in WRONG:
        raw(data, sql)
    return data


def test_a_row_that_can_not_be_used_costs_that_row_and_is_named(damaged: Path) -> None:
    with Server(damaged.parent) as server:
        login(server.port(), "bob").close()
        text = server.text()
    for sql, told in WRONG:
        if any(f"INTO {table}" in sql for table in LOADED):
            assert f"{told}; this row is ignored" in text
    assert "Traceback" not in text
    done = admin(damaged, "--json", "check")
    assert done.returncode == 3
    assert sorted(json.loads(done.stdout)["mistakes"]) == sorted(told for _, told in WRONG)
    assert done.stderr.startswith("lanchat-admin: 16 rows can't be used")


def test_what_can_not_be_used_is_not_saved(damaged: Path) -> None:
    done = admin(damaged, "--json", "salvage")
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"], told["refused"]) == (1, "DAMAGED", len(WRONG))
    assert admin(damaged, "check").stdout.startswith("No damage found: 1 account, 1 room, 1 message")
    with Desk(damaged) as desk:
        assert desk.write(partial(accounts.add, name=parse("odd"), password="", role=Role.USER, now=0, most=9)).id == 100


def test_a_message_that_was_changed_is_named(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("one"), entry("two"), entry("three"))
    for table in ("kept", "fresh"):
        raw(tmp_path, f"UPDATE {table} SET msg = 'another' WHERE seq IN (1, 3)")  # noqa: S608 (ours)
    done = admin(tmp_path, "--json", "check")
    assert json.loads(done.stdout)["mistakes"] == [f"message {number} is damaged" for number in (1, 3)]


def test_a_text_that_is_no_utf_8_costs_its_row(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.write(partial(accounts.add, name=parse("ann"), password="", role=Role.USER, now=0, most=9))
    raw(
        tmp_path,
        "INSERT INTO rooms VALUES (1, '#ops', '#ops', CAST(x'ff' AS TEXT), 0, NULL, 0, '', 0, '{}')",
    )
    assert admin(tmp_path, "account", "role", "ann", "operator").returncode == 0


@pytest.mark.parametrize("name", ODD)
def test_who_has_a_name_that_would_be_none_today_keeps_it(name: str) -> None:
    router, clock = make_router()
    person(router, "eve", Role.MODERATOR)
    store_of(router.chat).connection.execute(
        "INSERT INTO accounts(name, key, role, password, created) VALUES (?, ?, 1, 'pw', 0)", (name, names.key(name))
    )
    other = again(router, clock)
    account = other.chat.online.account(name)
    assert account is not None
    assert account.name.shown == name
    user = User(other, name)
    assert user.session.role is Role.PENDING
    user.send("/login", "pw")
    assert user.told().msg.startswith(f"Welcome {name}!")
    assert user.session.account is account


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_name_of_a_row_is_made_of_whatever_is_in_it(shown: str, kept: str) -> None:
    name = names.stored_name(shown, kept)
    assert (name.shown, name.key) == (shown, kept)
    names.key(shown)


def test_what_is_stored_is_what_was_asked_for() -> None:
    for text in ("alice", "ВОВА", "Zoë", "漢字"):
        name = parse(text)
        assert names.stored_name(name.shown, name.key) == name


@pytest.fixture
def tables() -> Connection:
    """Empty tables."""
    router, _ = make_router()
    return store_of(router.chat).connection


def test_two_who_have_one_name_by_todays_rules_are_found_as_they_are_written(tables: Connection) -> None:
    tables.execute("INSERT INTO accounts VALUES (1, 'bob', 'bob', 1, 'his', 0, ''), (2, 'Bob', 'BOB', 1, 'hers', 0, '')")
    tables.execute("INSERT INTO tokens VALUES (x'01', 1, 0), (x'02', 2, 0)")
    online = OnlineUsers()
    for account in accounts.load(tables, pytest.fail):
        online.reserve(account)

    def number(name: str) -> int:
        found = online.account(name)
        return found.id if found is not None else 0

    assert [number(name) for name in ("bob", "Bob", "BOB", "boB")] == [1, 2, 2, 1]
    assert find_password(tables, "bob") == (1, "his")
    assert find_password(tables, "BOB") == (2, "hers")
    assert (find_token(tables, "BOB", b"\2"), find_token(tables, "bob", b"\2"), find_token(tables, "boB", b"\1")) == (
        2,
        None,
        1,
    )
    odd = online.account("Bob")
    assert odd is not None
    online.release(odd)
    assert [number(name) for name in ("bob", "Bob", "BOB")] == [1, 1, 1]


def test_two_rows_with_one_key_cost_the_second(tables: Connection) -> None:
    tables.execute("CREATE TABLE copied AS SELECT * FROM accounts")
    tables.execute("INSERT INTO copied VALUES (1, 'bob', 'bob', 1, '', 0, ''), (2, 'bob', 'bob', 2, '', 0, '')")
    tables.execute("PRAGMA foreign_keys = 0")
    tables.execute("DROP TABLE accounts")
    tables.execute("ALTER TABLE copied RENAME TO accounts")
    told: list[str] = []
    assert [account.id for account in accounts.load(tables, told.append)] == [1]
    assert told == ["accounts (2, 'bob'): 1 has the same key"]


def test_an_account_that_can_not_be_used_takes_nothing_with_it(tables: Connection, logged: list[str]) -> None:
    tables.execute("INSERT INTO accounts VALUES (1, 'ann', 'ann', 1, '', 0, ''), (2, 'bob', 'bob', 9, '', 0, '')")
    tables.execute("INSERT INTO rooms VALUES (1, '#ops', '#ops', 'pumps', 0, 2, 0, '', 0, '{}')")
    tables.execute("INSERT INTO members(account, conv, since) VALUES (1, 'r1', 0), (2, 'r1', 0)")
    known = {account.id: account for account in accounts.load(tables)}
    (ops,) = rooms.load(tables, known)
    assert (list(known), list(ops.members), ops.owner) == ([1], [1], None)
    assert [line.partition(";")[0] for line in logged] == ["accounts (2, 'bob'): its role is 9"]


@pytest.mark.parametrize("raised", [ValueError("no\nnumber"), KeyError("x"), RuntimeError("?")])
def test_whatever_goes_wrong_at_the_start_is_one_line(tmp_path: Path, raised: Exception) -> None:
    from lanchat.store.store import Store  # noqa: PLC0415 (only here)

    def prepare(connection: Connection) -> None:
        raise raised

    store = Store(tmp_path, lambda call, *args: call(*args))
    with pytest.raises(FileError, match=rf"can't be read \({type(raised).__name__}: .*lanchat-admin salvage") as caught:
        store.open(prepare)
    assert "\n" not in str(caught.value)
    with Desk(tmp_path) as desk:
        assert desk.say(entry())[0].state == "stored"


@pytest.mark.parametrize(
    "change", ["DELETE FROM meta WHERE name = 'epoch'", "UPDATE meta SET value = 'x' WHERE name = 'indexed'"]
)
def test_what_the_server_itself_keeps_is_told_in_one_line_too(tmp_path: Path, change: str) -> None:
    with Desk(tmp_path):
        pass
    raw(tmp_path, change)
    with pytest.raises(FileError, match="lanchat-admin salvage") as caught:
        Desk(tmp_path)
    assert "\n" not in str(caught.value)
    assert admin(tmp_path, "salvage").returncode == 0
    with Desk(tmp_path) as desk:
        assert desk.say(entry())[0].state == "stored"


def test_an_account_with_an_odd_name_can_be_administered(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        for name in ("a b", "c d"):
            desk.write(partial(accounts.add, name=names.stored_name(name, name), password="", role=Role.USER, now=0, most=9))
        desk.say(entry("zebra", author=2, name="c d"))
    assert admin(tmp_path, "account", "role", "a b", "moderator").stdout == "a b is a moderator now.\n"
    assert "The account a b is removed" in admin(tmp_path, "account", "remove", "a b").stdout
    assert "sent: 1 message," in admin(tmp_path, "purge", "c d", "--yes").stdout
    assert admin(tmp_path, "account", "list").stdout == "There are no accounts.\n"


def test_rows_that_make_no_sense_do_not_keep_accounts_from_being_listed(tmp_path: Path) -> None:
    with Desk(tmp_path):
        pass
    raw(
        tmp_path,
        "INSERT INTO accounts VALUES (1, 5, 'a', 77, 'x', 9e18, ''), (2, 'ann', 'ann', 1, 'x', 0, '')",
    )
    assert "ann" in admin(tmp_path, "account", "list").stdout


@pytest.mark.parametrize("column", ["cursor", "seen"])
def test_a_device_that_can_not_be_used_is_not_known_and_keeps_nobody_out(tables: Connection, column: str) -> None:
    tables.execute("INSERT INTO accounts VALUES (1, 'ann', 'ann', 1, '', 0, '')")
    tables.execute("INSERT INTO devices VALUES (1, 'phone', 7, 0, 5), (1, 'laptop', 9, 0, 5)")
    tables.execute(f"UPDATE devices SET {column} = 'x' WHERE name = 'laptop'")  # noqa: S608 (ours)
    begin_epoch(tables)
    assert accounts.cursor_of(tables, 1, "laptop") == 0, "where the account is, on its other device"
    assert accounts.EnterDevice(1, "tablet", now=6, most=2).run(tables) == (0, 1)
    assert tables.execute("SELECT name FROM devices ORDER BY name").fetchall() == [("phone",), ("tablet",)]
    tables.execute(f"UPDATE devices SET {column} = 'x' WHERE name = 'phone'")  # noqa: S608 (ours)
    accounts.MoveCursors((accounts.Moved(1, "phone", 8, True),), now=7).run(tables)
    assert accounts.EnterDevice(1, "phone", now=8, most=9).run(tables) == (8, 0)
    tables.execute(f"UPDATE devices SET {column} = 'x' WHERE name = 'phone'")  # noqa: S608 (ours)
    assert accounts.EnterDevice(1, "phone", now=9, most=9).run(tables) == (0, 0)
    assert tables.execute("SELECT * FROM devices WHERE name = 'phone'").fetchall() == [(1, "phone", 0, 1, 9)]
