"""Keys of names that were made by older rules: they are made anew, and whoever had a name keeps it."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection

import pytest

from lanchat.admin.main import main
from lanchat.history.conversations import with_name
from lanchat.history.search import parse_query, search
from lanchat.model.session import Role
from lanchat.protocol.entry import COLUMNS, entry_from_row
from lanchat.protocol.spelling import KEY_RULES
from lanchat.store import name_keys, open_db, schema, word_index
from tests.fakes import User, make_router, store_of
from tests.live import until
from tests.maintenance.test_retention import misindexed
from tests.people import again
from tests.stores import Desk, entry, raw


@pytest.fixture
def tables() -> Connection:
    """Empty tables."""
    return store_of(make_router()[0].chat).connection


def accounts(tables: Connection, *rows: tuple[str, str]) -> None:
    """Accounts with these names and keys, the oldest first; each has its own name for a password."""
    tables.executemany(
        "INSERT INTO accounts(name, key, role, password, created) VALUES (?1, ?2, 1, ?1, 0)",
        rows,
    )


def kept(tables: Connection, table: str = "accounts") -> list[str]:
    return [key for (key,) in tables.execute(f"SELECT key FROM {table} ORDER BY id")]  # noqa: S608 (ours)


def test_keys_of_older_rules_are_made_anew(tables: Connection) -> None:
    accounts(tables, ("Ann", "ANN"), ("Zoe\u0301", "Zoe\u0301"), ("bob", "bob"))
    tables.execute(
        "INSERT INTO rooms VALUES (1, '#Ops', '#OPS', '', 0, NULL, 0, '', 0, ''), (2, '#dev', '#dev', '', 0, NULL, 0, '', 0,'')"
    )
    tables.execute("INSERT INTO hooks VALUES (1, 'Build', 'BUILD', 1, x'00', '', 'ann', 0, 0, 1, 0)")
    name_keys.update(tables)
    assert kept(tables, "hooks") == ["build"]
    assert kept(tables) == ["ann", "zoé", "bob"]
    assert kept(tables, "rooms") == ["#ops", "#dev"]
    assert schema.get_meta(tables, "keys") == KEY_RULES


def test_keys_are_made_anew_once_for_each_version_of_the_rules(tables: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    name_keys.update(tables)
    accounts(tables, ("Ann", "ANN"))
    name_keys.update(tables)
    assert kept(tables) == ["ANN"]
    monkeypatch.setattr(name_keys, "KEY_RULES", "another")
    name_keys.update(tables)
    assert kept(tables) == ["ann"]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([("Bob", "BOB"), ("BOB", "bOB")], ["bob", "bOB"]),
        ([("Bob", "BOB"), ("bob", "bob")], ["BOB", "bob"]),
        ([("a", "b"), ("b", "a")], ["a", "b"]),
        ([("a", "b"), ("b", "c"), ("c", "a")], ["a", "b", "c"]),
        ([("Bob", "x"), ("X", "y"), ("bob", "z")], ["bob", "x", "z"]),
        ([("φάρος", "φάρος"), ("φάρος.νότος", "φάρος.νότος")], ["φάροσ", "φάροσ.νότοσ"]),  # as version 1 had them
    ],
)
def test_of_two_with_one_name_who_has_its_key_keeps_it_and_else_the_older_gets_it(
    tables: Connection, rows: list[tuple[str, str]], wanted: list[str]
) -> None:
    accounts(tables, *rows)
    name_keys.update(tables)
    assert kept(tables) == wanted


def test_a_name_that_two_have_is_told_until_one_of_them_is_gone(tables: Connection, logged: list[str]) -> None:
    accounts(tables, ("Bob", "BOB"), ("BOB", "bOB"))
    tables.execute(
        "INSERT INTO rooms VALUES (1, '#Ops', '#OPS', '', 0, NULL, 0, '', 0, ''), (2, '#OPS', '#oPS', '', 0, NULL, 0, '', 0,'')"
    )
    for _ in range(2):
        logged.clear()
        name_keys.update(tables)
        told = list(name_keys.shared_names(tables))
        assert told == logged
        assert told[0].startswith(
            "the account BOB now has the same name as Bob, and can be found only as BOB: register another name"
        )
        assert told[1].startswith("the room #OPS now has the same name as #Ops, and can be found only as #OPS: ")
    tables.execute("DELETE FROM accounts WHERE id = 1")
    tables.execute("DELETE FROM rooms WHERE id = 1")
    name_keys.update(tables)
    assert (kept(tables), kept(tables, "rooms"), list(name_keys.shared_names(tables))) == (["bob"], ["#ops"], [])


def test_both_log_in_and_are_reached_by_their_names_as_they_are_written() -> None:
    router, clock = make_router()
    tables = store_of(router.chat).connection
    accounts(tables, ("Bob", "BOB"), ("BOB", "bOB"))
    name_keys.update(tables)
    router = again(router, clock)
    eve = User(router, "eve")
    users = {}
    for name in ("BOB", "Bob"):
        users[name] = User(router, name)
        users[name].send("/login", name)
        assert users[name].told().msg.startswith(f"Welcome {name}!")
        assert users[name].session.role is Role.USER
        users[name].shown()
    for to, reaches in (("Bob", "Bob"), ("BOB", "BOB"), ("bob", "Bob"), ("boB", "Bob"), ("bOB", "BOB")):
        eve.send(to, f"to {to}")
        assert [packet.msg for packet in users[reaches].shown()] == [f"to {to}"]
    users["BOB"].leave()
    users["Bob"].shown()
    eve.send("BOB", "are you away?")
    assert not users["Bob"].shown()
    users["Bob"].send("BOB", "under the mat")
    users["Bob"].shown()
    users["Bob"].send("/history", "@BOB")
    assert [text.partition(" -> ")[2] for text in users["Bob"].msgs()] == ["BOB: under the mat"]


def test_sanctions_about_a_name_are_kept_by_its_key_and_the_one_that_holds_longest_stays(tables: Connection) -> None:
    tables.execute("INSERT INTO rooms VALUES (1, '#ops', '#ops', '', 0, NULL, 0, '', 0, '{}')")
    rows = [
        ("ban", None, "BOB", 50, "1"), ("ban", None, "bob", None, "2"), ("ban", None, "Bob", 99, "3"),
        ("mute", None, "BOB", 50, "4"), ("mute", None, "bob", 40, "5"), ("ban", 1, "BOB", 10, "6"),
        ("ban", None, "@1", None, "7"), ("ban", None, "2001:DB8::/32", None, "8"), ("ban", None, "10.0.0.0/8", None, "9"),
    ]  # fmt: skip
    tables.executemany(
        "INSERT INTO sanctions(kind, room, target, until, reason, by_name, at) VALUES (?, ?, ?, ?, ?, '', 0)", rows
    )
    name_keys.update(tables)
    found = tables.execute("SELECT reason, target FROM sanctions ORDER BY id").fetchall()
    assert found == [("2", "bob"), ("4", "bob"), ("6", "bob"), ("7", "@1"), ("8", "2001:DB8::/32"), ("9", "10.0.0.0/8")]


def test_talk_with_a_guest_goes_on_under_todays_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_keys, "ROWS", 2)
    with Desk(tmp_path) as desk:
        desk.write(lambda connection: accounts(connection, ("ann", "ann")))
        said = [entry(f"number {n}", f"c{n}", conv=conv, name="ΖΩΗ") for n, conv in enumerate(["g1xΖΩΗ"] * 5 + ["g1xζωη"] * 2)]
        desk.say(*said)
        until(lambda: desk.ask("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM fresh)"), "all to be where it stays")
        desk.write(
            lambda connection: connection.execute(
                "INSERT INTO members(account, conv, since) VALUES (1, 'g1xΖΩΗ', 1), (1, 'g1xζωη', 5)"
            )
        )
    raw(tmp_path, "UPDATE kept SET msg = 'spoilt' WHERE seq = 3")
    raw(tmp_path, "UPDATE meta SET value = 'older' WHERE name = 'keys'")
    lock = open_db.Lock(tmp_path)
    connection = open_db.open_to_write(tmp_path, lock)
    try:
        assert connection.execute("SELECT conv, since FROM members").fetchall() == [("g1xζωη", 1)]
        rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM log ORDER BY seq").fetchall()  # noqa: S608 (ours)
        assert [entry_from_row(row) is not None for row in rows] == [True, True, False, True, True, True, True]
        assert {row[2] for row in rows} == {"g1xζωη"}
        assert with_name(connection, 1, "Ζωη") == ["g1xζωη"]
        while word_index.indexed_range(connection)["indexed"] < 7:
            word_index.index_next(connection)
        assert [term for term, *_ in misindexed(connection) if term not in {"number", "2", "spoilt"}] == []
        found = search(connection, parse_query("number from:ζωη", 0), ["g1xζωη"])
        assert [one.msg for one in found.entries] == [f"number {n}" for n in (0, 1, 3, 4, 5, 6)]
    finally:
        open_db.close_complete(connection)
        lock.release()


def test_a_salvaged_database_gets_todays_keys(tmp_path: Path) -> None:
    from lanchat.maintenance.salvage import salvage  # noqa: PLC0415 (only here)

    with Desk(tmp_path):
        pass
    raw(tmp_path, "INSERT INTO accounts VALUES (1, 'Ann', 'ANN', 1, '', 0, '')")
    salvage(tmp_path, "then")
    with Desk(tmp_path) as desk:
        assert desk.ask("SELECT key FROM accounts") == [("ann",)]


def test_check_names_two_that_have_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Desk(tmp_path):
        pass
    raw(
        tmp_path,
        "INSERT INTO accounts VALUES (1, 'Bob', 'bob', 1, '', 0, ''), (2, 'BOB', 'BOB', 1, '', 0, '')",
    )
    assert main(["--data", str(tmp_path), "check"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("No damage found: 2 accounts")
    assert second.startswith("the account BOB now has the same name as Bob, and can be found only as BOB: ")
