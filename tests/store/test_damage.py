"""What is damaged is never served as if it were whole: the server does not start, in one line, or the row says so."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.maintenance import backup
from lanchat.maintenance.salvage import salvage
from lanchat.protocol.entry import COLUMNS, entry_from_row
from lanchat.store import background, open_db, schema, wal_check
from lanchat.system.private_files import FileError
from lanchat.tables import recent
from tests.stores import Desk, entry, raw, talk_and_be_killed

ROWS = f"SELECT {', '.join(COLUMNS)} FROM log ORDER BY seq"  # noqa: S608 (ours)
PAGE, LEAF_OF_AN_INDEX = 4096, 10


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was closed as it should be, with some pages of everything."""
    directory = tmp_path_factory.mktemp("whole")
    said = [entry(f"number {n} " + "x" * (n % 300), f"c{n}", conv=f"r{n % 3}") for n in range(200)]
    with pytest.MonkeyPatch.context() as patch, Desk(directory) as desk:
        patch.setattr(background, "PAUSE", 60)
        desk.say(*said[:130])
        desk.write(lambda connection: recent.move_all(connection, 130))
        desk.say(*said[130:])
    return directory


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A store whose server was killed, and the last place that was acknowledged."""
    directory = tmp_path_factory.mktemp("crashed")
    return directory, talk_and_be_killed(directory, "a", 200)[-1][0]


def copied(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def refused(directory: Path) -> str:
    """Why a store does not open: one line, that says what can be done."""
    with pytest.raises(FileError) as caught:
        Desk(directory)
    line = str(caught.value)
    assert "\n" not in line
    assert str(directory) in line
    return line


def flips(content: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    """The same bytes with one bit turned, in places that are the same each time."""
    dice = random.Random(7)  # noqa: S311 (no secret)
    for _ in range(count):
        at = dice.randrange(len(content))
        yield at, content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :]


def test_a_bit_that_turned_is_never_served_silently(tmp_path: Path, whole: Path) -> None:
    content = (whole / "lanchat.db").read_bytes()
    good = {row[0]: row for row in raw(whole, ROWS)}
    seen = {"refused": 0, "row": 0, "harmless": 0}
    for number, (at, flipped) in enumerate(flips(content, 100)):
        directory = tmp_path / str(number)
        directory.mkdir(0o700)
        (directory / "lanchat.db").write_bytes(flipped)
        try:
            desk = Desk(directory)
        except FileError:
            seen["refused"] += 1
            continue
        with desk:
            rows = desk.ask(ROWS)
        damaged = [row[0] for row in rows if entry_from_row(row) is None]
        assert all(row == good[row[0]] for row in rows if row[0] not in damaged), f"at {at}"
        assert [row[0] for row in rows] == sorted(good), f"at {at}"
        seen["row" if damaged else "harmless"] += 1
    assert min(seen.values()) > 0, f"all three were tried: {seen}"


@pytest.mark.parametrize("size", [0, 50, 100, PAGE, 5 * PAGE, -PAGE, -PAGE // 2])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, whole: Path, size: int) -> None:
    directory = copied(whole, tmp_path / "data")
    content = (directory / "lanchat.db").read_bytes()
    (directory / "lanchat.db").write_bytes(content[:size])
    assert "restore FILE" in refused(directory)


def test_an_index_that_does_not_fit_its_table_is_refused(tmp_path: Path, whole: Path) -> None:
    directory = copied(whole, tmp_path / "data")
    content = bytearray((directory / "lanchat.db").read_bytes())
    leaf_of_an_index = 10
    places = [
        at for at in range(len(content)) if content.startswith(b"c137", at) and content[at // PAGE * PAGE] == leaf_of_an_index
    ]
    content[places[0] + 3] ^= 0x40
    (directory / "lanchat.db").write_bytes(content)
    assert "is damaged" in refused(directory)


def test_another_file_of_that_name_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "lanchat.db"
    for content in (b"these are no pages " * 1000, b""):
        file.write_bytes(content)
        assert "not a lanchat database" in refused(tmp_path)
        assert file.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    raw_file = tmp_path / "lanchat.db"
    raw_file.touch()
    raw(tmp_path, "CREATE TABLE log(seq)")
    assert "not a lanchat database" in refused(tmp_path)


def test_a_log_of_before_the_first_release_is_refused(tmp_path: Path, whole: Path) -> None:
    directory = copied(whole, tmp_path / "data")
    raw(directory, "DROP TABLE fresh")
    assert "unreleased version" in refused(directory)


def test_a_crash_loses_nothing(tmp_path: Path, crashed: tuple[Path, int]) -> None:
    directory = copied(crashed[0], tmp_path / "data")
    with Desk(directory) as desk:
        assert desk.store.last_seq >= crashed[1]


@pytest.mark.parametrize("gone", [["-wal"], ["-wal", "-shm"]])
def test_a_wal_that_was_removed_after_a_crash_is_missed(tmp_path: Path, crashed: tuple[Path, int], gone: list[str]) -> None:
    directory = copied(crashed[0], tmp_path / "data")
    for end in gone:
        (directory / f"lanchat.db{end}").unlink()
    for _ in range(2):
        assert "-wal is missing" in refused(directory)


def test_a_wal_that_is_not_all_there_after_a_crash_is_missed(tmp_path: Path, crashed: tuple[Path, int]) -> None:
    committed = wal_check.committed_pages(crashed[0] / "lanchat.db")
    content = (crashed[0] / "lanchat.db-wal").read_bytes()[: 32 + committed * (PAGE + 24)]  # the rest was under way
    changed = [content[:at] for at in (0, 20, 5000, len(content) // 2, len(content) - PAGE - 24)]
    changed += [flipped for _, flipped in flips(content, 20)]
    for number, wal in enumerate(changed):
        directory = copied(crashed[0], tmp_path / str(number))
        (directory / "lanchat.db-wal").write_bytes(wal)
        assert "-wal is damaged" in refused(directory)
        assert "-wal is missing" in refused(directory), "it does not get better by trying again"


def test_after_a_loss_of_power_what_is_left_of_the_wal_counts(tmp_path: Path, crashed: tuple[Path, int]) -> None:
    directory = copied(crashed[0], tmp_path / "data")
    content = (directory / "lanchat.db-wal").read_bytes()
    (directory / "lanchat.db-wal").write_bytes(content[: len(content) - 100])
    (directory / "lock").write_text("another start of the machine")
    with Desk(directory) as desk:
        assert [row[0] for row in desk.ask(ROWS)] == list(range(1, desk.store.last_seq + 1))


def test_a_database_that_is_gone_is_missed_while_its_wal_is_there(tmp_path: Path, crashed: tuple[Path, int]) -> None:
    directory = copied(crashed[0], tmp_path / "data")
    (directory / "lanchat.db").unlink()
    assert "is missing, but lanchat.db-wal exists" in refused(directory)


def test_one_can_go_on_without_what_is_lost_in_a_new_epoch(tmp_path: Path, crashed: tuple[Path, int]) -> None:
    directory = copied(crashed[0], tmp_path / "data")
    ((epoch,),) = raw(copied(crashed[0], tmp_path / "same"), "SELECT value FROM meta WHERE name = 'epoch'")
    (directory / "lanchat.db-wal").unlink()
    refused(directory)
    backup.new_epoch(directory)
    with Desk(directory) as desk:
        assert desk.store.epoch != epoch
        assert desk.say(entry())[0].state == "stored"


def test_what_can_be_read_of_a_damaged_database_can_be_saved(tmp_path: Path, whole: Path) -> None:
    directory = copied(whole, tmp_path / "data")
    good = {row[0]: row for row in raw(directory, ROWS)}
    raw(directory, "INSERT INTO accounts VALUES (1, 'alice', 'alice', 1, 'x', 0, '')")
    raw(directory, "INSERT INTO devices VALUES (1, '', 1000000, 1, 0), (7, 'nobody', 1, 1, 0)")
    raw(directory, "VACUUM")  # so that no page is left that holds what was moved
    content = bytearray((directory / "lanchat.db").read_bytes())
    leaf = content.index(b"number 100 ") // PAGE * PAGE
    content[leaf : leaf + 100] = bytes(100)
    at = content.index(b"number 180 ")
    content[at] = ord("N")
    (directory / "lanchat.db").write_bytes(content)
    assert "salvage" in refused(directory)
    saved = salvage(directory, "then")
    assert saved.old.read_bytes() == content
    assert saved.refused == 2, "a message that was changed, and a device of nobody's"
    with Desk(directory) as desk:
        rows = desk.ask(ROWS)
        assert all(row == good[row[0]] for row in rows)
        assert 150 < len(rows) == saved.messages.saved < 199
        assert saved.messages.lost == 200 - len(rows)
        assert not saved.all
        assert desk.ask("SELECT name, cursor FROM devices") == [("", desk.store.last_seq)]
        assert desk.say(entry("number 0 ", "c0"))[0].dup
        assert desk.say(entry("number 180 ", "c180"))[0].seq == 201


@pytest.mark.parametrize(("index_is_read", "told"), [(True, (1, 2)), (False, (1, None))])
def test_how_many_accounts_are_lost_is_told_if_it_can_be(
    tmp_path: Path, whole: Path, index_is_read: bool, told: tuple[int, int | None]
) -> None:
    directory = copied(whole, tmp_path / "data")
    for name in ("ann", "bob", "cat"):
        person = (name, name, 1, "x" * 3000, 0)  # it takes a page
        raw(directory, "INSERT INTO accounts(name, key, role, password, created) VALUES (?, ?, ?, ?, ?)", *person)
    raw(directory, "INSERT INTO rooms(name, key, created) VALUES ('#ops', '#ops', 0)")
    raw(directory, "VACUUM")  # so that no page is left that holds what was moved
    content = bytearray((directory / "lanchat.db").read_bytes())
    pages = [content.rindex(rows) // PAGE * PAGE for rows in (b"bobbob", b"catcat")]
    ((root,),) = raw(directory, "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_accounts_1'")
    for page in [*pages, *[(root - 1) * PAGE] * (not index_is_read)]:
        content[page : page + 100] = bytes(100)
    (directory / "lanchat.db").write_bytes(content)
    saved = salvage(directory, "then")
    assert saved.accounts == told
    assert saved.rooms == (1, 0)


def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path, crashed: tuple[Path, int]) -> None:
    directory = copied(crashed[0], tmp_path / "data")
    file = directory / "lanchat.db"
    content = bytearray(file.read_bytes())
    content[60:64] = (len(schema.STEPS) + 1).to_bytes(4, "big")
    file.write_bytes(content)
    before = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"}
    assert "newer lanchat" in refused(directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"} == before


def test_an_upgrade_keeps_a_copy_and_takes_each_step_whole(tmp_path: Path, whole: Path) -> None:
    directory = copied(whole, tmp_path / "data")
    added = "ALTER TABLE rooms ADD COLUMN colour TEXT; UPDATE meta SET value = 'new' WHERE name = 'epoch'"
    lock = open_db.Lock(directory)
    with pytest.raises(FileError, match="no such table"):
        open_db.open_to_write(directory, lock, (*schema.STEPS, added, "DELETE FROM meta; DELETE FROM nowhere"))
    open_db.close_complete(open_db.open_to_write(directory, lock, (*schema.STEPS, added)))
    lock.release()
    assert raw(directory, "PRAGMA user_version") == [(len(schema.STEPS) + 1,)]
    assert raw(directory, "SELECT count(colour) FROM rooms") == [(0,)]
    assert len(raw(directory, ROWS)) == 200
    copy = directory / f"lanchat.db.v{len(schema.STEPS)}"
    assert copy.stat().st_mode & 0o777 == 0o600
    copy.replace(directory / "lanchat.db")
    with Desk(directory) as desk:
        assert len(desk.ask(ROWS)) == 200


def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(FileError, match="too old"):
        Desk(tmp_path)
